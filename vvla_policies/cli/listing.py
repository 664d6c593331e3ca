"""`vvla policies` and `vvla suites`: what is installed, and where it comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from rich.markup import escape
from rich.table import Table

from vvla_policies.cli.console import guarded, out
from vvla_policies.errors import VvlaError
from vvla_policies.registry import POLICIES, SUITES, find


@guarded
def policies() -> None:
    """List the policies that `--policy` takes.

    Any class of your own works too: [bold]--policy package.module:Class[/].
    """
    _print_table("Policy", POLICIES, "policy", _first_line)
    out.print("Your own: --policy package.module:Class", soft_wrap=True)


@guarded
def suites() -> None:
    """List the suites that `--suite` takes."""
    from vvla_policies.envs.suite import ALIASES

    _print_table("Suite", SUITES, "suite", _suite_line)
    for alias, members in ALIASES.items():
        out.print(f"[bold]{alias}[/] stands for {', '.join(members)}")


def _print_table(title: str, group: str, kind: str, describe: Callable[[str, Any], str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (title, "From", "What it is"):
        table.add_column(column, overflow="fold")
    points = {point.name: point for point in entry_points(group=group)}
    for name in sorted(points):
        try:
            line = describe(name, find(group, name, kind))
        except VvlaError as error:
            line = f"not usable: {error}"
        table.add_row(name, _origin(points[name]), escape(line))
    out.print(table)


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


def _first_line(_: str, found: Any) -> str:
    text = inspect.getdoc(found) or ""
    return text.split("\n", 1)[0].rstrip(".")


def _suite_line(name: str, _: Any) -> str:
    from vvla_policies.envs.suite import load_suite

    suite = load_suite(name)
    states = {task.init_states for task in suite.tasks}
    per_task = f"{min(states)} to {max(states)}" if len(states) > 1 else str(*states)
    return f"{len(suite.tasks)} tasks x {per_task} initial states, protocol {suite.default_protocol}"
