"""`vvla assets`: see, make, fetch and import simulator assets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vvla_policies.cli.console import err, guarded, out
from vvla_policies.envs.suite import AssetSet
from vvla_policies.errors import UnknownNameError

app = typer.Typer(
    no_args_is_help=True,
    help="See, make, fetch and import simulator assets (meshes and textures).\n\n"
    "They live in a cache folder; the environment variable VVLA_CACHE moves it.",
)


@app.command()
@guarded
def status() -> None:
    """Show which assets are on this machine, checked file by file."""
    from vvla_policies.envs.libero import assets

    for found in assets.status():
        if found.assets is None:
            out.print(f"[yellow]{found.name}[/]  {escape(found.problem)}", soft_wrap=True)
        else:
            _show(found.assets)


@app.command()
@guarded
def build(name: Annotated[str, typer.Argument(help="What to make: primitive.")] = "primitive") -> None:
    """Make the primitive assets: boxes, cylinders and painted textures. Seconds, no download."""
    from vvla_policies.envs.libero import assets

    _only("set of assets to build", name, "primitive")
    with err.status("making the primitive assets ..."):
        made = assets.build_primitive()
    _show(made)


@app.command()
@guarded
def fetch(
    benchmark: Annotated[str, typer.Argument(help="Whose official assets: libero.")] = "libero",
    revision: Annotated[str | None, typer.Option(help="A commit or branch of the hub repository.")] = None,
) -> None:
    """Download a benchmark's official assets; an interrupted download resumes."""
    from vvla_policies.envs.libero import assets

    _only("benchmark", benchmark, "libero")
    _show(assets.fetch_official(revision))


@app.command("import")
@guarded
def import_(
    benchmark: Annotated[str, typer.Argument(help="Whose official assets: libero.")],
    path: Annotated[Path, typer.Argument(help="The folder with scenes, articulated_objects, textures ... in it.")],
) -> None:
    """Copy a benchmark's official assets from a folder on this machine."""
    from vvla_policies.envs.libero import assets

    _only("benchmark", benchmark, "libero")
    with err.status(f"copying from {path} ..."):
        made = assets.import_official(path)
    _show(made)


def _only(kind: str, given: str, known: str) -> None:
    if given != known:
        raise UnknownNameError(kind, given, [known])


def _show(assets: AssetSet) -> None:
    out.print(
        f"[green]{assets.name}[/]  {assets.fingerprint}  {escape(assets.source)}  {escape(str(assets.path))}",
        soft_wrap=True,
    )
