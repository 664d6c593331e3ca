"""`vvla`: one command, a small file for each subcommand."""

from __future__ import annotations

from typing import Annotated

import typer

from vvla_policies import __version__
from vvla_policies.cli import (
    assets,
    bench,
    compare,
    demos,
    distill,
    doctor,
    evaluate,
    leaderboard,
    listing,
    merge,
    plan,
    replay,
    report,
    serve,
    table,
    train,
    videos,
    weights,
)
from vvla_policies.cli.console import out

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        out.print(f"vvla-policies {__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Evaluate Vision-Language-Action policies on LIBERO and CALVIN: seeded, parallel, recorded.

    First time here? [bold]vvla doctor[/] says what this machine can run, this runs it:

    vvla-eval --policy noop --suite libero_goal --tasks 0 --episodes 1
    """


app.command("eval")(evaluate.evaluate)
app.command("train")(train.train)
app.command("distill")(distill.distill)
app.command("serve")(serve.serve)
app.command("table")(table.table)
app.command("videos")(videos.videos)
app.command("replay")(replay.replay)
app.command("merge")(merge.merge)
app.command("compare")(compare.compare)
app.command("plan")(plan.plan)
app.command("bench")(bench.bench)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("report")(report.report)
app.command("policies")(listing.policies)
app.command("suites")(listing.suites)
app.command("doctor")(doctor.doctor)
app.add_typer(assets.app, name="assets")
app.add_typer(demos.app, name="demos")
app.add_typer(weights.app, name="weights")
