"""Which episodes are run: so many per task as may succeed, and another one for each that does not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from vvla_policies.envs.suite import Suite
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeRecord
from vvla_policies.evaluation.records.storage import RunFolder
from vvla_policies.evaluation.rollouts.evaluate import Course
from vvla_policies.evaluation.rollouts.schedule import Group, group_of
from vvla_policies.evaluation.rollouts.worker import Scene


class Attempts(Course):
    """Runs the first so many attempts of each task that hold the wanted number of successes.

    Which attempts these are does not depend on workers, order or interruptions: an attempt is made exactly if fewer
    than `wanted` of those before it succeed.

    Args:
        suites: name to suite.
        wanted: successes per task.
        most: attempts per task.
        seed: of the run.
        have: whether the demonstration of an episode is on the disk.
        scene: changes a suite's scene.
        done: hears of a task that has all its demonstrations.
    """

    def __init__(
        self,
        suites: Mapping[str, Suite],
        wanted: int,
        most: int,
        seed: int,
        have: Callable[[EpisodeKey], bool],
        scene: Callable[[Scene], Scene],
        done: Callable[[Group], None],
    ) -> None:
        self._suites = suites
        self._wanted = wanted
        self._most = most
        self._seed = seed
        self._have = have
        self._scene = scene
        self._done = done
        self._next: dict[Group, int] = {}
        self._successes: dict[Group, int] = {}

    def attempt(self, group: Group, number: int) -> EpisodeKey:
        """The key of a task's attempt, numbered from 0, as `plan.episodes_of` numbers them."""
        suite, task = group
        count = self._suites[suite].tasks[task].init_states
        return EpisodeKey(suite, task, number % count, self._seed + number // count)

    def scene(self, scene: Scene) -> Scene:
        """See `Course.scene`."""
        return self._scene(scene)

    def todo(self, keys: Sequence[EpisodeKey], kept: Collection[EpisodeKey], folder: RunFolder) -> list[EpisodeKey]:
        """The attempts that are to be made for all that is known now."""
        del kept
        todo: list[EpisodeKey] = []
        for group in dict.fromkeys(map(group_of, keys)):
            todo += self._todo(group, folder.records)
        return todo

    def after(self, record: EpisodeRecord) -> Sequence[EpisodeKey]:
        """Another attempt for one that failed."""
        group = group_of(record.key)
        if record.success:
            self._successes[group] += 1
            if self._successes[group] == self._wanted:
                self._done(group)
            return ()
        number = self._next[group]
        if number >= self._most:
            return ()
        self._next[group] = number + 1
        return (self.attempt(group, number),)

    def _todo(self, group: Group, records: Mapping[EpisodeKey, EpisodeRecord]) -> list[EpisodeKey]:
        todo: list[EpisodeKey] = []
        number = hoped = self._successes[group] = 0
        while hoped < self._wanted and number < self._most:
            key = self.attempt(group, number)
            record = records.get(key)
            if record is None or (record.success and not self._have(key)):
                todo.append(key)
                hoped += 1
            elif record.success:
                self._successes[group] += 1
                hoped += 1
            number += 1
        self._next[group] = number
        return todo
