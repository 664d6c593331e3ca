"""What the user asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vvla_policies.envs.suite import expand, load_suite

ENGINES = ("local", "ray")
BUNDLED_POLICIES = ("teacher", "student")
"""Those that come with weights for more than one benchmark."""
WEIGHTS = frozenset({"checkpoint", "preset", "base", "teacher", "config", "benchmark"})
"""Options of theirs that name other weights."""


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        policy: name or "package.module:Name".
        policy_options: handed to the policy.
        suites: names, groups ("libero") or addresses ("package.module:NAME").
        tasks: numbers of the tasks, None for all.
        episodes: per task.
        protocol: None for each suite's default.
        assets: "official", "primitive" or "auto".
        phrases: "first": each task in the benchmark's standard words; "all": in each of its phrases in turn.
        backend: "original" for the benchmark's original simulator (CALVIN's chains); None for this package's own.
        seed: of the run.
        workers: environment processes; None for one per CPU core (at most one per episode), 0 for none: episodes run
            one after the other in this process, for debugging, with the same records. On a cluster: of each placement.
        batch_size: most observations in one call of a batched policy; None for one per worker.
        out: the run folder; None for `default_folder`.
        resume: go on with what the folder holds; otherwise its old records are moved aside.
        retry_errors: run recorded episodes again that ended in an error.
        shard: (part, parts), part from 0; None for all.
        stall_seconds: a worker that does not answer for so long is restarted.
        engine: "local" for this machine, "ray" for a Ray cluster.
        address: of the Ray cluster; None for the one that `RAY_ADDRESS` names, else one that is started here.
    """

    policy: str
    suites: tuple[str, ...]
    policy_options: Mapping[str, Any] = field(default_factory=dict)
    tasks: tuple[int, ...] | None = None
    episodes: int = 50
    protocol: str | None = None
    assets: str = "auto"
    phrases: str = "first"
    backend: str | None = None
    seed: int = 0
    workers: int | None = None
    batch_size: int | None = None
    out: Path | None = None
    resume: bool = True
    retry_errors: bool = False
    shard: tuple[int, int] | None = None
    stall_seconds: float = 300.0
    engine: str = "local"
    address: str | None = None

    def fitted(self) -> Request:
        """The same request with `fitted_options`."""
        return replace(self, policy_options=fitted_options(self.policy, self.policy_options, self.suites))


def fitted_options(policy: str, options: Mapping[str, Any], suites: Sequence[str]) -> dict[str, Any]:
    """The options of a policy; teacher and student without weights of one's own are those of the suites' benchmark.

    Args:
        policy: its name.
        options: that the user gave.
        suites: names, groups or addresses.
    """
    if policy not in BUNDLED_POLICIES or not WEIGHTS.isdisjoint(options):
        return dict(options)
    benchmarks = {load_suite(name).benchmark for name in expand(suites)}
    return {**options, "benchmark": "calvin"} if benchmarks == {"calvin"} else dict(options)
