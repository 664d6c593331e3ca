"""`vvla plan`: how many episodes does a comparison need?"""

from __future__ import annotations

from math import isinf, isnan
from typing import Annotated

import typer
from rich.table import Table

from vvla_policies.cli.console import guarded, out, say
from vvla_policies.errors import VvlaError

RATES = (50.0, 70.0, 80.0, 90.0, 95.0)
CORRELATIONS = (0.0, 0.5)
TASKS, TASKS_OF_FOUR = 10, 40


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
) -> None:
    """Say how many episodes show a difference, or which difference a number of episodes shows.

    Both policies run the same episodes, compared by McNemar's exact test. Policies that fail on the same episodes
    (correlated outcomes) need fewer; how alike yours are shows [bold]vvla compare[/] of a first run.

    [bold]Examples[/]

    vvla plan --difference 5 --power 0.8

    vvla plan --episodes 500 --rate 90
    """
    if (difference is None) == (episodes is None):
        raise VvlaError("name one of --difference POINTS and --episodes NUMBER")
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
    from vvla_policies.evaluation.power import MOST_EPISODES, discordance, episodes_needed

    weak, apart = rate / 100, difference / 100
    n = episodes_needed(apart, discordance(weak, weak + apart, correlation), power, level)
    if isinf(n):
        return f"> {MOST_EPISODES}"
    return f"{n:.0f} ({-(-n // TASKS):.0f}; {-(-n // TASKS_OF_FOUR):.0f})"


def _shown(rate: float, episodes: int, correlation: float, power: float, level: float) -> str:
    from vvla_policies.evaluation.power import detectable, discordance

    weak = rate / 100
    found = detectable(episodes, lambda d: discordance(weak, weak + d, correlation), power, level, largest=1 - weak)
    return "none" if isnan(found) else f"{100 * found:.1f}"
