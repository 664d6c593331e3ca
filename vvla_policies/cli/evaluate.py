"""`vvla-eval`, which is `vvla eval`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vvla_policies.cli.console import (
    EPISODE_ERRORS,
    err,
    fail,
    guarded,
    out,
    say,
    see_working_folder,
    stop,
)
from vvla_policies.cli.parsing import parse_policy_options, parse_shard, parse_tasks, parse_videos, split_names

if TYPE_CHECKING:
    from vvla_policies.evaluation.reports.videos import Choice
    from vvla_policies.evaluation.rollouts.evaluate import Request

EPISODES = 10
WHAT, WHERE, WHICH = "What to evaluate", "Speed and place", "Which episodes, and what to keep"


@guarded
def evaluate(
    policy: Annotated[
        str,
        typer.Option(
            help="An installed policy ([bold]vvla policies[/] lists them), or your own: package.module:Class, found "
            "from this folder.",
            rich_help_panel=WHAT,
        ),
    ],
    suite: Annotated[
        list[str],
        typer.Option(
            help="A suite, repeated or comma-separated; [bold]libero[/] is all four and their mean.",
            rich_help_panel=WHAT,
        ),
    ],
    checkpoint: Annotated[str | None, typer.Option(help="Weights for the policy.", rich_help_panel=WHAT)] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="An option of the policy, repeated.", metavar="KEY=VALUE", rich_help_panel=WHAT),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Step limits, settling, picture size: openvla, lerobot, vita_vla, seer, libero, calvin; new "
            "draws of the start: fresh (LIBERO), practice (CALVIN); default: the suite's.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    assets: Annotated[
        str,
        typer.Option(
            help="official, primitive, or auto: what the policy was trained on, else official if present.",
            rich_help_panel=WHAT,
        ),
    ] = "auto",
    phrases: Annotated[
        str,
        typer.Option(
            help="first: each task in the benchmark's standard words; all: in each of its phrases in turn (CALVIN).",
            rich_help_panel=WHAT,
        ),
    ] = "first",
    backend: Annotated[
        str | None,
        typer.Option(
            help="original: CALVIN's chains in the original calvin_env, if you have it installed.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Numbers and ranges, such as 0,3,5-7.", rich_help_panel=WHICH)
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Per task.", rich_help_panel=WHICH)] = EPISODES,
    seed: Annotated[int, typer.Option(min=0, rich_help_panel=WHICH)] = 0,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Run the i-th of n shares; [bold]vvla merge[/] joins them.", metavar="I/N", rich_help_panel=WHICH
        ),
    ] = None,
    videos: Annotated[
        str,
        typer.Option(
            help="Draw afterwards: none, failures, all, or a number per task.",
            metavar="CHOICE",
            rich_help_panel=WHICH,
        ),
    ] = "none",
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="The run's folder; default: below results/.", rich_help_panel=WHERE),
    ] = None,
    resume: Annotated[
        bool, typer.Option(help="Keep what the folder has recorded, or begin anew.", rich_help_panel=WHERE)
    ] = True,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Run recorded episodes with errors again.", rich_help_panel=WHERE)
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Environment processes; default: one per CPU core. 0: in this process.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Most observations in one call of the policy.", rich_help_panel=WHERE),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            help="local: this machine; ray: a Ray cluster, --workers environments on each of its machines (or GPUs).",
            rich_help_panel=WHERE,
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Of the Ray cluster, HOST:PORT or auto; default: $RAY_ADDRESS, else one is started here.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="For the policy: cpu, cuda, cuda:1 ...", rich_help_panel=WHERE)
    ] = None,
) -> None:
    """Evaluate a policy: seeded parallel rollouts, a table of success rates, records to make it all again.

    The same command goes on where it was stopped; what is recorded is not run again.

    [bold]Examples[/]

    vvla-eval --policy random --suite libero_goal --episodes 2

    vvla-eval --policy my_project.policy:MyPolicy --option chunk=4 --suite libero --episodes 50 --workers 8

    vvla-eval --policy noop --suite libero_long --tasks 0,3,5-7 --videos failures --out results/noop-long

    vvla-eval --policy random --suite libero --engine ray --address auto

    [bold]Exit codes[/]

    0 all episodes ran; 1 something for you to fix; 2 misspelt option; 3 some episodes ended in an error; 130 Ctrl-C.
    """
    from vvla_policies.evaluation.rollouts.evaluate import Request

    see_working_folder(policy, *suite)
    drawn = parse_videos(videos)
    chosen = parse_tasks(tasks)
    request = Request(
        policy=policy,
        policy_options=parse_policy_options(option or [], checkpoint=checkpoint, device=device),
        suites=tuple(split_names(suite)),
        tasks=None if chosen is None else tuple(chosen),
        episodes=episodes,
        protocol=protocol,
        assets=assets,
        phrases=phrases,
        backend=backend,
        seed=seed,
        workers=workers,
        batch_size=batch_size,
        out=out_folder,
        resume=resume,
        retry_errors=retry_errors,
        shard=parse_shard(shard),
        engine=engine,
        address=address,
    )
    _run(request, drawn)


def _run(request: Request, drawn: Choice) -> None:
    """Runs the episodes with a live display, then writes and shows what came out."""
    from vvla_policies.cli.progress import Progress
    from vvla_policies.cli.videos import draw_with_progress
    from vvla_policies.evaluation.analysis import timing
    from vvla_policies.evaluation.reports import tables, videos
    from vvla_policies.evaluation.rollouts.evaluate import evaluate as run_episodes

    progress = Progress(err, f"{request.policy} on {', '.join(request.suites)}")
    try:
        run = run_episodes(request, progress)
        written = tables.write(run)
        out.print()
        out.print(tables.render([run], width=out.width), markup=False, soft_wrap=True)
        say(timing.closing_line(progress.tally.session, run.manifest.sessions[-1]))
        say(f"Records and tables ({', '.join(path.name for path in written)}): {run.folder}")
        if drawn != "none":
            draw_with_progress(run, videos.choose(run, drawn))
    except KeyboardInterrupt:
        progress.stop()
        where = f"; what is recorded stays in {progress.folder}" if progress.folder else ""
        stop(f"stopped{where}. The same command goes on from there.")
    finally:
        progress.stop()
    errors = sum(record.error is not None for record in run.records)
    if errors:
        some = "1 episode" if errors == 1 else f"{errors} episodes"
        fail(
            f'{some} of {len(run.records)} ended in an error; see "error" in {run.folder / "episodes.jsonl"}, '
            "or run again with --retry-errors",
            EPISODE_ERRORS,
        )


single = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
single.command(no_args_is_help=True)(evaluate)


def main() -> None:
    """Entry point of `vvla-eval`."""
    single()
