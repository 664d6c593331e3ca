"""Memory and file handles of a worker over many episodes whose task changes every time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.rollouts.hosting import PolicyHost
from vvla_policies.evaluation.rollouts.preparation import prepare
from vvla_policies.evaluation.rollouts.request import Request
from vvla_policies.evaluation.rollouts.worker import Begin, Continue, Failed, Stage

CHUNK = np.tile(np.array([0, 0, 0, 0, 0, 0, 1], np.float32), (8, 1))
CHUNKS = 2


@dataclass(frozen=True)
class Usage:
    """What the process holds after some episodes.

    Attributes:
        episodes: so many.
        megabytes: resident memory.
        handles: open files.
    """

    episodes: int
    megabytes: float
    handles: int


def usage(episodes: int) -> Usage:
    """Of this process, now.

    Raises:
        VvlaError: the system has no /proc.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return Usage(episodes, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/fd")))  # noqa: PTH208
    except OSError as error:
        raise VvlaError("memory and file handles are read from /proc, which this system does not have") from error


def watch(request: Request, episodes: int, reports: int = 10) -> Iterator[Usage]:
    """Runs the beginnings of episodes in this process as a worker would, and says what it holds from time to time.

    Args:
        request: policy (for what it reads), suites, protocol and assets.
        episodes: how many; the task is another one each time, where there are several.
        reports: how many reports, evenly spread.
    """
    host = PolicyHost(request.policy, request.fitted().policy_options)
    prepared = prepare(host.card, request.suites, None, 1, request.seed, request.protocol, request.assets)
    host.close()
    stage = Stage()
    every = max(1, episodes // reports)
    try:
        for number in range(1, episodes + 1):
            key = prepared.keys[number % len(prepared.keys)]
            done = stage.obey(Begin(prepared.scenes[key.suite], key))
            for _ in range(CHUNKS):
                if isinstance(done, Failed):
                    raise VvlaError(f"episode '{key}': {done.error.message}")
                if not done.outcome.over:
                    done = stage.obey(Continue(CHUNK))
            if number == 1 or number % every == 0:
                yield usage(number)
    finally:
        stage.close()


def growth(seen: list[Usage]) -> tuple[float, float]:
    """Megabytes and handles per 100 episodes over the second half of the reports, by least squares.

    >>> growth([Usage(k, 100 + k / 10, 7) for k in range(0, 100, 10)])
    (10.0, 0.0)
    """
    half = seen[len(seen) // 2 :]
    if len(half) < 2:
        return 0.0, 0.0
    hundreds = [use.episodes / 100 for use in half]
    memory, handles = (
        np.polyfit(hundreds, [getattr(u, name) for u in half], 1)[0] for name in ("megabytes", "handles")
    )
    return round(float(memory), 6), round(float(handles), 6) + 0.0
