"""`vvla assets`: see, make, fetch and import simulator assets."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from vvla_policies.cli.console import err, guarded, out
from vvla_policies.envs.suite import AssetSet
from vvla_policies.errors import UnknownNameError, VvlaError

BENCHMARKS = ("libero", "calvin")

app = typer.Typer(
    no_args_is_help=True,
    help="See, make, fetch and import simulator assets (meshes and textures).\n\n"
    "They live in a cache folder; the environment variable VVLA_CACHE moves it.",
)


@app.command()
@guarded
def status() -> None:
    """Show which assets are on this machine, checked file by file."""
    for benchmark in BENCHMARKS:
        for found in _assets_of(benchmark).status():
            if found.assets is None:
                out.print(f"{benchmark}  [yellow]{found.name}[/]  {escape(found.problem)}", soft_wrap=True)
            else:
                _show(benchmark, found.assets)


@app.command()
@guarded
def build(
    name: Annotated[str, typer.Argument(help="What to make: primitive.")] = "primitive",
    benchmark: Annotated[str, typer.Argument(help="For which benchmark: libero, calvin.")] = "libero",
) -> None:
    """Make the primitive assets: boxes, cylinders and painted textures. Seconds, no download."""
    if name != "primitive":
        raise UnknownNameError("set of assets to build", name, ["primitive"])
    assets = _assets_of(benchmark)
    with err.status("making the primitive assets ..."):
        made = assets.build_primitive()
    _show(benchmark, made)


@app.command()
@guarded
def fetch(
    benchmark: Annotated[str, typer.Argument(help="Whose official assets: libero, calvin.")] = "libero",
    revision: Annotated[
        str | None, typer.Option(help="libero: a commit or branch of the hub repository; calvin's is fixed.")
    ] = None,
) -> None:
    """Download a benchmark's official assets; an interrupted download leaves nothing behind that is in the way."""
    assets = _assets_of(benchmark)
    if benchmark == "calvin" and revision is not None:
        raise VvlaError("CALVIN's assets are fetched at one commit, whose files are checked; leave out --revision")
    _show(benchmark, assets.fetch_official(revision) if benchmark == "libero" else assets.fetch_official())


@app.command("import")
@guarded
def import_(
    benchmark: Annotated[str, typer.Argument(help="Whose official assets: libero, calvin.")],
    path: Annotated[
        Path, typer.Argument(help="The folder with the assets: scenes, textures ... or calvin_table_A, blocks ...")
    ],
) -> None:
    """Copy a benchmark's official assets from a folder on this machine."""
    assets = _assets_of(benchmark)
    with err.status(f"copying from {path} ..."):
        made = assets.import_official(path)
    _show(benchmark, made)


def _assets_of(benchmark: str) -> Any:
    """The module that knows a benchmark's assets."""
    if benchmark not in BENCHMARKS:
        raise UnknownNameError("benchmark", benchmark, list(BENCHMARKS))
    return importlib.import_module(f"vvla_policies.envs.{benchmark}.assets")


def _show(benchmark: str, assets: AssetSet) -> None:
    out.print(
        f"{benchmark}  [green]{assets.name}[/]  {assets.fingerprint}  {escape(assets.source)}  "
        f"{escape(str(assets.path))}",
        soft_wrap=True,
    )
