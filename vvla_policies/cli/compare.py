"""`vvla compare`: is one policy better than another?"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from vvla_policies.cli.console import guarded, out


class Format(str, Enum):
    """What the comparison is for."""

    terminal = "terminal"
    markdown = "markdown"
    csv = "csv"


@guarded
def compare(
    run: Annotated[list[Path], typer.Argument(help="Run folders, two or more.", show_default=False)],
    form: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.terminal,
) -> None:
    """Say whether policies differ, from the episodes that all their runs hold.

    Episodes are compared in pairs of one key: exact McNemar test and Newcombe interval, adjusted by Holm for several
    runs; chains by a paired bootstrap. Says, too, which difference so many episodes could have shown.

    [bold]Example[/]

    vvla compare results/teacher results/student
    """
    from vvla_policies.evaluation.analysis.contrasts import compare as put_side_by_side
    from vvla_policies.evaluation.records.runs import load_run
    from vvla_policies.evaluation.reports.contrast_tables import render
    from vvla_policies.evaluation.reports.tables import short_names

    folders = {folder.resolve(): folder for folder in run}
    runs = [load_run(folder) for folder in folders.values()]
    comparison = put_side_by_side(dict(zip(short_names(runs), runs, strict=True)))
    out.print(render(comparison, form.value, out.width), markup=False, soft_wrap=True, end="")
