"""Which episode next: a slot stays with its task while it can, for to change the task costs a new environment."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from vvla_policies.evaluation.plan import EpisodeKey

Group = tuple[str, int]


def group_of(key: EpisodeKey) -> Group:
    """Suite and task of an episode."""
    return key.suite, key.task


class Queue:
    """The episodes that are still to be begun.

    Args:
        keys: in the order in which their tasks shall be begun.
    """

    def __init__(self, keys: Iterable[EpisodeKey]) -> None:
        self._left: dict[Group, deque[EpisodeKey]] = {}
        for key in keys:
            self.put(key)
        self._holders: Counter[Group] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._left.values()))

    def put(self, key: EpisodeKey) -> None:
        """One more episode."""
        self._left.setdefault(group_of(key), deque()).append(key)

    def take(self, last: EpisodeKey | None = None) -> EpisodeKey | None:
        """The next episode for a slot.

        Args:
            last: the episode that the slot ran before, which it leaves.

        Returns:
            One of the same task if there is any; else of the first task that no slot is at; else of the task with
            the most episodes left for each slot at it. None if nothing is left.

        >>> queue = Queue(EpisodeKey("s", task, k, 0) for task in (0, 1) for k in (0, 1))
        >>> first, second = queue.take(), queue.take()
        >>> [key.task for key in (first, second, queue.take(first), queue.take(second))]
        [0, 1, 0, 1]
        """
        if last is not None:
            self._holders[group_of(last)] -= 1
        group = group_of(last) if last is not None and self._left.get(group_of(last)) else self._choose()
        if group is None:
            return None
        self._holders[group] += 1
        return self._left[group].popleft()

    def _choose(self) -> Group | None:
        open_groups = [group for group, keys in self._left.items() if keys]
        if not open_groups:
            return None
        free = [group for group in open_groups if not self._holders[group]]
        return free[0] if free else max(open_groups, key=lambda g: len(self._left[g]) / (self._holders[g] + 1))
