"""`vvla plan`: how many episodes does a comparison need, and how long do they take on many machines?"""

from __future__ import annotations

from dataclasses import replace
from math import isinf, isnan
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from vvla_policies.cli.console import guarded, out, say
from vvla_policies.errors import VvlaError

RATES = (50.0, 70.0, 80.0, 90.0, 95.0)
CORRELATIONS = (0.0, 0.5)
TASKS, TASKS_OF_FOUR = 10, 40
EPISODES = 2000  # of LIBERO's four suites


@guarded
def plan(
    difference: Annotated[
        float | None, typer.Option(min=0.1, max=100, help="Points of success rate that are to be found.")
    ] = None,
    episodes: Annotated[
        int | None, typer.Option(min=1, help="Instead: say which difference so many episodes in all show.")
    ] = None,
    power: Annotated[float, typer.Option(min=0.01, max=0.999, help="How surely it is to be found.")] = 0.8,
    rate: Annotated[
        float | None,
        typer.Option(min=0, max=100, help="Success rate of the weaker policy, percent; default: several."),
    ] = None,
    level: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Of the test, two-sided.")] = 0.05,
    policies: Annotated[int, typer.Option(min=2, help="Compared with one another, each with each.")] = 2,
    nodes: Annotated[
        int | None, typer.Option(min=1, help="Instead: how fast so many machines run --episodes (default 2000).")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="With --nodes: on each; default: one per core.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="With --nodes: default: one per worker.")] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="With --nodes: of each; default: as here.")] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="With --nodes: the policy takes no CPU core.")] = False,
    measurements: Annotated[
        Path | None, typer.Option(help="With --nodes: what [bold]vvla bench[/] wrote; default: of this machine.")
    ] = None,
) -> None:
    """Say how many episodes show a difference, or which difference a number of episodes shows.

    Both policies run the same episodes, compared by McNemar's exact test. Policies that fail on the same episodes
    (correlated outcomes) need fewer; how alike yours are shows [bold]vvla compare[/] of a first run.

    [bold]Examples[/]

    vvla plan --difference 5 --power 0.8

    vvla plan --episodes 500 --rate 90

    vvla plan --nodes 64 --workers 16
    """
    if nodes is not None:
        _machines(nodes, episodes or EPISODES, workers, batch_size, cores, gpu, measurements)
        return
    if (difference is None) == (episodes is None):
        raise VvlaError("name one of --difference POINTS, --episodes NUMBER and --nodes NUMBER")
    rates = [rate] if rate is not None else [r for r in RATES if difference is None or r + difference <= 100]
    if not rates or (difference is not None and rates[0] + difference > 100):
        raise VvlaError(f"--rate {rates[0] if rates else RATES[0]:g} and {difference:g} points are more than 100 %")
    pairs = policies * (policies - 1) // 2
    level /= pairs
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Weaker policy", *(f"correlation {c:g}" for c in CORRELATIONS)):
        table.add_column(column, justify="right")
    for r in rates:
        if episodes is None:
            assert difference is not None
            cells = [_needed(r, difference, c, power, level) for c in CORRELATIONS]
        else:
            cells = [_shown(r, episodes, c, power, level) for c in CORRELATIONS]
        table.add_row(f"{r:g} %", *cells)
    if episodes is None:
        say(f"Episodes (per task of {TASKS}; of LIBERO's {TASKS_OF_FOUR}) that show {difference:g} points:")
    else:
        say(f"Points that {episodes} episodes show:")
    out.print(table)
    shared = f", shared by the {pairs} pairs of {policies} policies" if pairs > 1 else ""
    say(f"With a power of {power:g}, by McNemar's exact test at the level {level:.4g}{shared}.")


def _needed(rate: float, difference: float, correlation: float, power: float, level: float) -> str:
    from vvla_policies.evaluation.analysis.power import MOST_EPISODES, discordance, episodes_needed

    weak, apart = rate / 100, difference / 100
    n = episodes_needed(apart, discordance(weak, weak + apart, correlation), power, level)
    if isinf(n):
        return f"> {MOST_EPISODES}"
    return f"{n:.0f} ({-(-n // TASKS):.0f}; {-(-n // TASKS_OF_FOUR):.0f})"


def _shown(rate: float, episodes: int, correlation: float, power: float, level: float) -> str:
    from vvla_policies.evaluation.analysis.power import detectable, discordance

    weak = rate / 100
    found = detectable(episodes, lambda d: discordance(weak, weak + d, correlation), power, level, largest=1 - weak)
    return "none" if isnan(found) else f"{100 * found:.1f}"


def _machines(
    nodes: int,
    episodes: int,
    workers: int | None,
    batch_size: int | None,
    cores: int | None,
    gpu: bool,
    measurements: Path | None,
) -> None:
    """A table: from one machine to so many, by the model of the engine."""
    from vvla_policies.bench.costs import Costs, default_path
    from vvla_policies.bench.model import Setup, predict
    from vvla_policies.bench.model import episodes as spread
    from vvla_policies.evaluation.analysis.timing import duration

    costs = Costs.read(measurements or default_path())
    cores = cores or costs.cores
    workers = workers or cores
    setup = Setup(1, workers, batch_size or workers, cores, policy_on_cpu=not gpu)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Machines", "Episodes/h", "Time", "Policy busy", "Questions a call"):
        table.add_column(column, justify="right")
    for count in sorted({2**k for k in range(nodes.bit_length()) if 2**k < nodes} | {nodes}):
        found = predict(costs, replace(setup, nodes=count), spread(episodes, TASKS_OF_FOUR))
        table.add_row(
            str(count), f"{found.episodes_per_hour:.0f}", duration(found.seconds), f"{100 * found.policy_busy:.0f} %",
            f"{found.mean_batch:.1f}",
        )  # fmt: skip
    out.print(table)
    say(
        f"{episodes} episodes of {costs.steps} steps ({costs.suite}, {costs.policy}, chunks of {costs.chunk}) with "
        f"{workers} workers and batches of up to {setup.batch} on {cores} cores each; a model, calibrated on "
        f"{costs.machine} at {costs.measured}."
    )
