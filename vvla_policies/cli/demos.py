"""`vvla demos`: an expert's demonstrations of a benchmark's tasks, as files that the benchmark's own tools read too."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from vvla_policies.cli.console import EPISODE_ERRORS, err, fail, guarded, out, say, see_working_folder, stop
from vvla_policies.cli.parsing import parse_options, parse_tasks, split_names

if TYPE_CHECKING:
    from vvla_policies.distill.demos.collect import DemoRequest
    from vvla_policies.distill.demos.findings import Contents
    from vvla_policies.distill.demos.summary import TaskSummary

MEGA = 1e6
WHAT, HOW, WHERE = "What to demonstrate", "How", "Speed and place"

app = typer.Typer(help="Make demonstrations with an expert, or look into files of them.", rich_markup_mode="rich")


@app.callback(invoke_without_command=True)
@guarded
def demos(
    context: typer.Context,
    suite: Annotated[
        list[str] | None,
        typer.Option(help="A suite, repeated or comma-separated; [bold]libero[/] is all four.", rich_help_panel=WHAT),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Numbers and ranges, such as 0,3,5-7.", rich_help_panel=WHAT)
    ] = None,
    per_task: Annotated[int, typer.Option(min=1, help="Demonstrations of each task.", rich_help_panel=WHAT)] = 50,
    scenes: Annotated[
        str | None, typer.Option(help="Of CALVIN: A,B,C,D or some; default: the suite's.", rich_help_panel=WHAT)
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=32,
            max=1024,
            help="Height and width of the pictures, px; default 128, CALVIN's 200 and 84.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    every: Annotated[
        int,
        typer.Option(
            min=1,
            help="Draw the first and then every so many steps' pictures only: faster, for training that reads no "
            "others.",
            rich_help_panel=WHAT,
        ),
    ] = 1,
    assets: Annotated[
        str, typer.Option(help="official, primitive, or auto: official if present.", rich_help_panel=WHAT)
    ] = "auto",
    policy: Annotated[str, typer.Option(help="The expert.", rich_help_panel=HOW)] = "scripted",
    option: Annotated[
        list[str] | None,
        typer.Option(help="An option of the expert, repeated.", metavar="KEY=VALUE", rich_help_panel=HOW),
    ] = None,
    noise: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Push the hand now and then, so that the expert shows how to come back: standard deviation in units "
            "of action, such as 0.3. The pushed action is what is recorded.",
            rich_help_panel=HOW,
        ),
    ] = 0.0,
    novice: Annotated[
        str,
        typer.Option(
            help="A policy, such as the student being taught, that acts for parts of each episode; what it does is "
            "recorded and marked, the expert shows the way on (DAgger).",
            rich_help_panel=HOW,
        ),
    ] = "",
    novice_option: Annotated[
        list[str] | None,
        typer.Option(help="An option of the novice, repeated.", metavar="KEY=VALUE", rich_help_panel=HOW),
    ] = None,
    starts: Annotated[
        str,
        typer.Option(
            help="Where episodes begin. fresh: new draws from the task's placement regions, so that the initial states "
            "of the evaluation stay unseen. official: in those.",
            rich_help_panel=HOW,
        ),
    ] = "fresh",
    attempts: Annotated[
        int | None,
        typer.Option(min=1, help="Most episodes of each task; default: twice --per-task plus 10.", rich_help_panel=HOW),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, rich_help_panel=HOW)] = 0,
    out_folder: Annotated[
        Path, typer.Option("--out", help="The folder of demonstrations.", rich_help_panel=WHERE)
    ] = Path("demos"),
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes; default: one per CPU core. 0: in this process.", rich_help_panel=WHERE),
    ] = None,
    resume: Annotated[
        bool, typer.Option(help="Go on with what the folder holds, or begin anew.", rich_help_panel=WHERE)
    ] = True,
) -> None:
    """Make demonstrations with an expert: parallel episodes, of which the successes are kept.

    Writes LIBERO's own layout, <out>/<suite>/<task>_demo.hdf5, or CALVIN's, <out>/training/episode_*.npz; the records
    of all episodes are in <out>/episodes. The same command goes on where it was stopped; no finished demonstration is
    lost.

    [bold]Examples[/]

    vvla demos --suite libero --per-task 50 --out demos

    vvla demos --suite libero_goal --tasks 0-3 --per-task 5 --noise 0.3 --out try

    vvla demos --suite libero --per-task 10 --novice student --out demos-recovered

    vvla demos --suite libero --per-task 100 --every 4 --out demos-many

    vvla demos --suite calvin --scenes A,B,C --per-task 20 --out demos-calvin

    vvla demos inspect try
    """
    if context.invoked_subcommand is not None:
        return
    if not suite:
        fail("name a suite with --suite, or see vvla demos --help")
    from vvla_policies.distill.demos.collect import FRESH, DemoRequest

    protocols = {"fresh": FRESH, "official": "openvla"}
    if starts not in protocols:
        fail(f"--starts '{starts}': expected fresh or official")
    see_working_folder(policy, novice, *suite)
    chosen = parse_tasks(tasks)
    _collect(
        DemoRequest(
            suites=_practised(split_names(suite), scenes),
            out=out_folder,
            tasks=None if chosen is None else tuple(chosen),
            per_task=per_task,
            attempts=attempts,
            policy=policy,
            policy_options=parse_options(option or []),
            noise=noise,
            novice=novice,
            novice_options=parse_options(novice_option or []),
            size=size,
            every=every,
            assets=assets,
            protocol=protocols[starts],
            seed=seed,
            workers=workers,
            resume=resume,
        )
    )


@app.command()
@guarded
def inspect(
    path: Annotated[Path, typer.Argument(help="A file of demonstrations, or a folder of such files.")],
    sheet: Annotated[bool, typer.Option(help="Write a contact sheet beside each file.")] = True,
) -> None:
    """Show what files of demonstrations hold, and write a contact sheet (.png) beside each.

    Official data sets of LIBERO and CALVIN are read as well.
    """
    from vvla_policies.distill.demos.inspection import contact_sheet, find_files, survey

    table = Table(box=None, pad_edge=False, expand=True)
    table.add_column("File", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("Instruction", ratio=1, no_wrap=True, overflow="ellipsis")
    for heading in ("Demos", "Steps", "Mean", "Pictures", "Marked", "MB"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=max(5, len(heading)))
    steps = 0
    files = find_files(path)
    for file in files:
        for held in survey(file):
            steps += sum(held.steps)
            table.add_row(*_row(held, path))
        if sheet:
            contact_sheet(file).save(file.with_suffix(".png"))
    out.print(table)
    say(f"{len(files)} files, {steps} steps" + (f"; contact sheets beside them in {path}" if sheet else ""))


def _row(held: Contents, path: Path) -> tuple[str, ...]:
    every = held.made.get("every", 1)
    return (
        str(held.path.relative_to(path) if path.is_dir() else held.path.name),
        held.instruction,
        str(len(held.steps)),
        f"{min(held.steps)}-{max(held.steps)}",
        f"{sum(held.steps) / len(held.steps):.0f}",
        f"{held.size[0]}x{held.size[1]}" + (f", 1 in {every}" if every > 1 else ""),
        "-" if held.disturbed is None else f"{100 * held.disturbed:.0f} %",
        f"{held.bytes / MEGA:.1f}",
    )


@app.command()
@guarded
def verify(
    path: Annotated[Path, typer.Argument(help="A file that vvla demos made, or a folder of such files.")],
    demos: Annotated[int | None, typer.Option(min=1, help="Only the first so many of each file.")] = None,
) -> None:
    """Run demonstrations again from their recorded start: do they succeed, through the same states?

    Exit code 0 if all do, 1 if not.
    """
    from vvla_policies.distill.demos.inspection import find_files
    from vvla_policies.distill.demos.verify import verify as run_again

    bad = count = 0
    for file in find_files(path):
        for seen in run_again(file, demos):
            count += 1
            good = seen.success and seen.same
            bad += not good
            end = "success" if seen.success else "no success"
            states = "the same states" if seen.same else f"states differ by up to {seen.deviation:g}"
            say(f"{file.name} {seen.demo}: {end}, {states}")
    if bad:
        fail(f"{bad} of {count} demonstrations came out otherwise")
    say(f"all {count} demonstrations succeed again, through the same states")


@app.command()
@guarded
def export(
    path: Annotated[Path, typer.Argument(help="A file of demonstrations, or a folder of such files.")],
    out_folder: Annotated[Path, typer.Option("--out", help="A new folder.", show_default=False)],
    layout: Annotated[str, typer.Option("--format", help="lerobot.")] = "lerobot",
    demos: Annotated[int | None, typer.Option(min=1, help="Only the first so many of each file.")] = None,
    size: Annotated[
        int | None, typer.Option(min=32, max=1024, help="Height and width of the pictures, px; default: the files'.")
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="Interpreter of an environment with lerobot; default: uv makes one.")
    ] = None,
) -> None:
    """Write demonstrations as a LeRobot data set, by LeRobot's own code in an environment of its own.

    What LeRobot trains on it is evaluated by vvla-eval --policy lerobot:FOLDER.
    """
    from vvla_policies.distill.demos.export import export_lerobot

    if layout != "lerobot":
        fail(f"--format '{layout}': expected lerobot")
    written = export_lerobot(path, out_folder, demos, python, say, size)
    say(f"{written} demonstrations: {out_folder}")


def _practised(suites: list[str], scenes: str | None) -> tuple[str, ...]:
    """The suites, or those of CALVIN's scenes where some are named."""
    if scenes is None:
        return tuple(suites)
    from vvla_policies.envs.calvin.suites import practice_suites
    from vvla_policies.envs.suite import expand, load_suite

    if {load_suite(name).benchmark for name in expand(suites)} != {"calvin"}:
        fail("--scenes goes with --suite calvin")
    return tuple(practice_suites(split_names([scenes])))


def _collect(request: DemoRequest) -> None:
    """Runs under a progress display, then says what came out."""
    from vvla_policies.cli.progress import Progress
    from vvla_policies.distill.demos.collect import collect, held_of
    from vvla_policies.distill.demos.summary import summary

    began = time.monotonic()
    progress = Progress(err, f"demonstrations of {', '.join(request.suites)} by {request.policy}")
    try:
        run = collect(request, progress)
    except KeyboardInterrupt:
        progress.stop()
        stop(f"stopped; what is finished stays in {request.out}. The same command goes on from there.")
    finally:
        progress.stop()
    rows = summary(run, held_of(request))
    out.print(_table(rows))
    fresh, seconds = len(progress.tally.session), time.monotonic() - began
    made = sum(record.success for record in progress.tally.session)
    pace = f", {60 * made / seconds:.1f} demos/min in this session" if fresh else ""
    say(
        f"{sum(row.demos for row in rows)} demonstrations, {sum(row.bytes for row in rows) / MEGA:.0f} MB{pace}: "
        f"{request.out}"
    )
    _complain(rows, request.per_task)


def _complain(rows: Sequence[TaskSummary], wanted: int) -> None:
    short = [f"{row.suite} {row.task} ({row.demos})" for row in rows if row.demos < wanted]
    if short:
        fail(
            f"{len(short)} tasks have fewer than {wanted} demonstrations: {', '.join(short)}; more --attempts may help",
            EPISODE_ERRORS,
        )


def _table(rows: Sequence[TaskSummary]) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    table.add_column("Task", no_wrap=True, min_width=max((len(f"{row.suite} {row.task}") for row in rows), default=4))
    table.add_column("Instruction", ratio=1, no_wrap=True, overflow="ellipsis")
    for heading in ("Demos", "Attempts", "Success", "Errors", "Steps", "MB"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=max(5, len(heading)))
    for row in rows:
        rate = f"{100 * row.successes / row.attempts:.0f} %" if row.attempts else "-"
        numbers = (row.demos, row.attempts, rate, row.errors, f"{row.mean_steps:.0f}", f"{row.bytes / MEGA:.1f}")
        table.add_row(f"{row.suite} {row.task}", row.instruction, *map(str, numbers))
    return table
