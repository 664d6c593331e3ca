"""`vvla bench`: what this machine can do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from vvla_policies.cli.console import guarded, out, say, see_working_folder
from vvla_policies.cli.parsing import parse_policy_options

if TYPE_CHECKING:
    from vvla_policies.evaluation.rollouts.request import Request


@guarded
def bench(
    policy: Annotated[str, typer.Option(help="What is asked; see [bold]vvla policies[/].")] = "noop",
    suite: Annotated[str, typer.Option(help="Whose first two tasks are measured.")] = "libero_object",
    checkpoint: Annotated[str | None, typer.Option(help="Weights for the policy.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An option of the policy, repeated.", metavar="KEY=VALUE")
    ] = None,
    device: Annotated[str | None, typer.Option(help="For the policy: cpu, cuda, cuda:1 ...")] = None,
    protocol: Annotated[str | None, typer.Option(help="Default: the suite's.")] = None,
    assets: Annotated[str, typer.Option(help="official, primitive or auto.")] = "auto",
    episodes: Annotated[
        int | None,
        typer.Option(min=2, help="Instead: memory and file handles over the beginnings of so many episodes."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Where measurements are kept for [bold]vvla plan[/].")
    ] = None,
) -> None:
    """Measure physics, drawing, policy and transport on this machine, and say how many workers to use.

    The limit is the simulator alone: bare physics, bare drawing of what the policy reads. The machine should have
    nothing else to do.

    [bold]Examples[/]

    vvla bench --policy random --option cameras=true --option chunk=8

    vvla bench --suite libero_goal --episodes 300
    """
    from vvla_policies.evaluation.rollouts.request import Request

    see_working_folder(policy, suite)
    options = parse_policy_options(option or [], checkpoint=checkpoint, device=device)
    request = Request(policy, (suite,), options, protocol=protocol, assets=assets)
    if episodes is not None:
        _leaks(request, episodes)
    else:
        _costs(request, to, on_cpu=not str(device or "cpu").startswith("cuda"))


def _costs(request: Request, to: Path | None, on_cpu: bool) -> None:
    from vvla_policies.bench import costs as measuring
    from vvla_policies.bench.model import recommend

    costs = measuring.measure(request)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"{costs.policy} on {costs.suite}, chunks of {costs.chunk}")
    for column in ("Takes", "Simulator alone", "Ratio"):
        table.add_column(column, justify="right")
    for row in measuring.table(costs):
        table.add_row(*row)
    out.print(table)
    setup, expected = recommend(costs, on_cpu)
    say(
        f"Recommended on {costs.cores} cores: --workers {setup.workers} --batch-size {setup.batch}; about "
        f"{expected.episodes_per_hour:.0f} full episodes per hour, the policy busy {100 * expected.policy_busy:.0f} % "
        "of the time."
    )
    path = to or measuring.default_path()
    costs.save(path)
    say(f"Measurements: {path}")


def _leaks(request: Request, episodes: int) -> None:
    from vvla_policies.bench.leaks import growth, watch

    seen = []
    for use in watch(request, episodes):
        seen.append(use)
        say(f"{use.episodes:6} episodes: {use.megabytes:8.1f} MB, {use.handles} file handles")
    megabytes, handles = growth(seen)
    say(f"Over the second half, per 100 episodes: {megabytes:+.1f} MB, {handles:+.1f} handles.")
