"""`vvla report`: a page about runs, with their videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vvla_policies.cli.console import guarded, say


@guarded
def report(
    run: Annotated[list[Path], typer.Argument(help="Run folders.", show_default=False)],
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="The new folder; default: report/ in the run's folder, or here.")
    ] = None,
) -> None:
    """Make a page about one or several runs: scores, tasks, videos, time, errors, how to do it again.

    One folder that works offline: pass it on, or put it on any web server. Videos are those that [bold]vvla videos[/]
    (or --videos of the evaluation) drew.

    [bold]Examples[/]

    vvla report results/student-libero_goal

    vvla report results/teacher results/student --out teacher-and-student
    """
    from vvla_policies.evaluation.records.runs import load_run
    from vvla_policies.evaluation.reports.report import write_report

    folders = {folder.resolve(): folder for folder in run}
    runs = [load_run(folder) for folder in folders.values()]
    default = runs[0].folder / "report" if len(runs) == 1 else Path("report")
    say(f"Report: {write_report(runs, out_folder or default)}")
