"""`vvla doctor`: can this machine run the main job, and if not, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from vvla_policies.cli import checks
from vvla_policies.cli.checks import Finding
from vvla_policies.cli.console import USER_ERROR, guarded, out
from vvla_policies.envs.sets import Status
from vvla_policies.errors import SimulatorError, VvlaError

MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "fail": "[bold red]FAIL[/]"}


@guarded
def doctor(
    out_folder: Annotated[
        Path, typer.Option("--out", help="The folder that run folders are to be made in.", show_default=True)
    ] = Path("results"),
) -> None:
    """Check this machine: packages, rendering, assets, folders, GPU, disk.

    Exit code 0 if [bold]vvla-eval[/] on LIBERO can run here, else 1, with a remedy for each failure.
    """
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    failed = 0
    for finding in _all(out_folder):
        remedy = f"\n[bold]→ {escape(finding.remedy)}[/]" if finding.remedy else ""
        table.add_row(MARKS[finding.state], finding.area, escape(finding.detail) + remedy)
        failed += finding.state == "fail"
    out.print(table)
    if failed:
        need = "thing needs" if failed == 1 else "things need"
        out.print(f"\n[bold red]{failed} {need} fixing[/] before vvla-eval runs.")
        raise typer.Exit(USER_ERROR)
    out.print("\n[green]Ready.[/] Try: vvla-eval --policy noop --suite libero_goal --tasks 0 --episodes 1")


def _all(out_folder: Path) -> Iterator[Finding]:
    from vvla_policies.envs.store import cache_root

    yield from checks.python()
    yield from checks.packages()
    yield _renderer()
    yield from _assets()
    remedy = "make it writable, or set VVLA_CACHE to another folder"
    cache = checks.writable("cache", cache_root(), remedy)
    yield cache
    yield checks.writable("run folders", out_folder, "make it writable, or use another --out")
    yield from checks.machine(cache_root())


def _renderer() -> Finding:
    from vvla_policies.envs import rendering

    try:
        chosen = rendering.choose()
    except SimulatorError as error:
        return Finding("rendering", "fail", "no picture can be drawn", str(error))
    detail = f"{chosen.backend}, {chosen.name}: {chosen.milliseconds:.1f} ms per frame of a trivial scene"
    if chosen.on_gpu:
        return Finding("rendering", "ok", detail)
    remedy = "software rendering: scores count, drawing is slow; a GPU driver with EGL is several times faster"
    return Finding("rendering", "note", detail, remedy)


def _assets() -> Iterator[Finding]:
    from vvla_policies.envs.calvin import assets as calvin
    from vvla_policies.envs.libero import assets as libero

    yield from _assets_of("LIBERO", libero.status)
    yield from _assets_of("CALVIN", calvin.status)


def _assets_of(benchmark: str, status: Callable[[], Sequence[Status]]) -> Iterator[Finding]:
    try:
        found = status()
    except VvlaError as error:
        yield Finding(f"{benchmark} assets", "fail", "cannot be checked", str(error))
        return
    yield from (_asset(f"{benchmark} {one.name}", one) for one in found)


def _asset(name: str, status: Status) -> Finding:
    if status.assets is not None:
        detail = f"{status.assets.fingerprint}, {status.assets.source}, {status.folder}"
        return Finding(name, "ok", detail)
    what, _, remedy = status.problem.rpartition("; ")
    if what != "absent":
        return Finding(name, "fail", what, remedy)
    if status.name == "primitive":
        return Finding(name, "ok", "not made yet; they are made when first needed, in seconds")
    return Finding(name, "note", "absent: the primitive ones are used instead", remedy)
