"""What the user asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENGINES = ("local", "ray")


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
