"""The list of episodes of a run, fixed before the first one starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vvla_policies.envs.protocol import Protocol
from vvla_policies.envs.suite import Suite, Task
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey


def episodes_of(suite: Suite, tasks: Sequence[int] | None, episodes: int, seed: int) -> list[EpisodeKey]:
    """The keys of a suite: for each task the first `episodes` initial states, cycling with the next seed.

    Args:
        suite: the suite.
        tasks: numbers of the tasks, None for all.
        episodes: per task.
        seed: of the run.

    Raises:
        VvlaError: a task number that the suite does not have, or no episodes.
    """
    if episodes < 1:
        raise VvlaError(f"--episodes must be at least 1, got {episodes}")
    keys = []
    for index in range(len(suite.tasks)) if tasks is None else tasks:
        if not 0 <= index < len(suite.tasks):
            raise VvlaError(f"suite '{suite.name}' has tasks 0 to {len(suite.tasks) - 1}; there is no task {index}")
        count = suite.tasks[index].init_states
        keys += [EpisodeKey(suite.name, index, k % count, seed + k // count) for k in range(episodes)]
    return keys


def shard(keys: Sequence[EpisodeKey], part: int, parts: int) -> list[EpisodeKey]:
    """The `part`-th of `parts` shares (from 0), whole tasks kept together as far as they divide.

    >>> keys = [EpisodeKey("s", t, 0, 0) for t in range(5)]
    >>> [len(shard(keys, i, 2)) for i in range(2)]
    [3, 2]
    """
    if not 0 <= part < parts:
        raise VvlaError(f"--shard {part}/{parts}: the part must be between 0 and {parts - 1}")
    bounds = np.linspace(0, len(keys), parts + 1).round().astype(int)
    order = sorted(keys)
    start, stop = (int(b) for b in bounds[[parts - 1 - part, parts - part]])
    return order[start:stop]


def longest_first(keys: Iterable[EpisodeKey], protocols: Mapping[str, Protocol]) -> list[EpisodeKey]:
    """Orders episodes so that the longest suites start first and episodes of a task stay together."""
    return sorted(keys, key=lambda k: (-protocols[k.suite].steps(k.suite), k))


def task_of(suites: Mapping[str, Suite], key: EpisodeKey) -> Task:
    """The task of a key."""
    return suites[key.suite].tasks[key.task]
