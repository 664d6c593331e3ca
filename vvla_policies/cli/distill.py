"""`vvla distill`: one command from nothing to a student."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from vvla_policies.cli.console import err, guarded, out, say, stop
from vvla_policies.cli.parsing import parse_tasks, split_names
from vvla_policies.cli.train import show
from vvla_policies.errors import MissingExtraError

if TYPE_CHECKING:
    from vvla_policies.distill.pipeline import Step
    from vvla_policies.evaluation.rollouts.evaluate import Reporter

WHAT, HOW = "What to teach", "Speed and place"


@guarded
def distill(
    suite: Annotated[
        list[str],
        typer.Option(
            help="A suite, repeated or comma-separated; [bold]libero[/] is all four, [bold]calvin[/] its chains.",
            rich_help_panel=WHAT,
        ),
    ],
    preset: Annotated[str, typer.Option(help="mini, or name of recipes of your own.", rich_help_panel=WHAT)] = "mini",
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Demonstrations that are there; otherwise they are made.", rich_help_panel=WHAT),
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="A checkpoint that is there; otherwise one is taught.", rich_help_panel=WHAT)
    ] = None,
    per_task: Annotated[int, typer.Option(min=1, help="Demonstrations of each task.", rich_help_panel=WHAT)] = 50,
    noise: Annotated[float, typer.Option(min=0, help="Of the expert, see vvla demos.", rich_help_panel=WHAT)] = 0.3,
    assets: Annotated[str, typer.Option(help="official, primitive or auto.", rich_help_panel=WHAT)] = "auto",
    tasks: Annotated[str | None, typer.Option(help="Such as 0,3,5-7.", rich_help_panel=WHAT)] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Per task, of the evaluation.", rich_help_panel=WHAT)] = 20,
    controls: Annotated[bool, typer.Option(help="Also only-ft and freeze-vlm.", rich_help_panel=WHAT)] = True,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the recipes; teacher:lr=1e-3 of one.", rich_help_panel=WHAT),
    ] = None,
    out_folder: Annotated[Path, typer.Option("--out", help="Of everything.", rich_help_panel=HOW)] = Path("distilled"),
    workers: Annotated[int | None, typer.Option(min=0, help="Environments at a time.", rich_help_panel=HOW)] = None,
    threads: Annotated[int, typer.Option(min=0, help="Of PyTorch; 0 for its choice.", rich_help_panel=HOW)] = 0,
    cache: Annotated[Path | None, typer.Option(help="Of unpacked demonstrations.", rich_help_panel=HOW)] = None,
    dry_run: Annotated[bool, typer.Option(help="Show the plan and end.", rich_help_panel=HOW)] = False,
) -> None:
    """Make demonstrations, teach a teacher and from it a student, and compare them.

    Shows the plan first. Steps that are done are skipped; stopped at any time, the same command goes on. Ends with the
    table of teacher, two-stage student and the controls, with intervals and paired tests.

    [bold]Example[/]

    vvla distill --preset mini --suite libero --out distilled

    vvla distill --preset mini --suite calvin --episodes 100 --out distilled-calvin
    """
    try:
        from vvla_policies.distill import pipeline
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", str(error.name)) from error
    from vvla_policies.cli.progress import Progress
    from vvla_policies.distill.networks import Sources
    from vvla_policies.distill.recipe import parse_changes

    scoped: dict[str, list[str]] = {}
    for text in changes or []:
        stage, colon, rest = text.partition(":")
        scoped.setdefault(stage if colon else "", []).append(rest if colon else text)
    chosen = parse_tasks(tasks)
    suites = split_names(suite)
    request = pipeline.DistillRequest(
        suites=tuple(suites),
        out=out_folder,
        recipe=pipeline.recipes_of(preset, suites),
        data=tuple(data or ()),
        per_task=per_task,
        noise=noise,
        assets=assets,
        tasks=None if chosen is None else tuple(chosen),
        episodes=episodes,
        controls=controls,
        sources=Sources(teacher=teacher),
        changes={stage: parse_changes(texts) for stage, texts in scoped.items()},
        workers=workers,
        threads=threads,
        cache=cache,
    )
    running: list[Progress] = []

    def reporter(name: str) -> Reporter:
        running.append(Progress(err, name))
        return running[-1]

    steps = pipeline.plan(request, say, show, reporter)
    out.print(_table(steps))
    if dry_run:
        return
    running.clear()
    try:
        told = pipeline.distill(request, say, show, reporter)
    except KeyboardInterrupt:
        stop(f"stopped; what is finished stays in {out_folder}. The same command goes on from there.")
    finally:
        for progress in running:
            progress.stop()
    out.print(told, markup=False, soft_wrap=True)


def _table(steps: list[Step]) -> Table:
    """The plan."""
    from vvla_policies.distill.pipeline import total
    from vvla_policies.evaluation.analysis.timing import duration

    table = Table(box=None, pad_edge=False)
    for heading in ("Step", "What", "About"):
        table.add_column(heading)
    for step in steps:
        about = "done" if step.done else "?" if step.seconds is None else duration(step.seconds)
        table.add_row(step.name, step.what, about)
    table.add_row("", "together", duration(total(steps)))
    return table
