"""`vvla table`: the tables again, from records."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from vvla_policies.cli.console import guarded, out


class Format(str, Enum):
    """What the table is for."""

    terminal = "terminal"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"


class Per(str, Enum):
    """What a row is."""

    suite = "suite"
    task = "task"
    run = "run"


@guarded
def table(
    run: Annotated[list[Path], typer.Argument(help="Run folders.", show_default=False)],
    form: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.terminal,
    per: Annotated[Per, typer.Option(help="One row for each suite, task, or run (suites as columns).")] = Per.suite,
) -> None:
    """Make the table of one or several runs again, from their records.

    Runs under different protocols, assets or simulators have rows of their own that say so.

    [bold]Examples[/]

    vvla table results/noop-libero_goal --per task

    vvla table results/student results/teacher --per run --format latex > table.tex
    """
    from vvla_policies.evaluation.records.runs import load_run
    from vvla_policies.evaluation.reports.tables import render

    folders = {folder.resolve(): folder for folder in run}
    text = render([load_run(folder) for folder in folders.values()], form.value, per.value, out.width)
    out.print(text, markup=False, soft_wrap=True, end="")
