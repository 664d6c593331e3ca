"""Which episode next: a slot stays with its task while it can, for to change the task costs a new environment."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter, deque
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Protocol

from vvla_policies.evaluation.records.keys import EpisodeKey

Group = tuple[str, int]


def group_of(key: EpisodeKey) -> Group:
    """Suite and task of an episode."""
    return key.suite, key.task


class Source(Protocol):
    """Where an engine takes its episodes from.

    Attributes:
        open: more may come although nothing is left now.
        bell: readable once when more has come or `open` has changed; None if nothing comes from outside.
    """

    open: bool
    bell: Connection | None

    def __len__(self) -> int:
        """How many episodes are left, or will be at the same time."""

    def take(self, last: EpisodeKey | None = None) -> EpisodeKey | None:
        """The next episode for a slot that leaves the episode `last`; None if nothing is left now."""

    def holds(self, group: Group) -> bool:
        """Whether an episode of that task is left."""


class Queue:
    """The episodes that are still to be begun.

    Args:
        keys: in the order in which their tasks shall be begun.
    """

    def __init__(self, keys: Iterable[EpisodeKey]) -> None:
        self.open = False
        self.bell: Connection | None = None
        self._left: dict[Group, deque[EpisodeKey]] = {}
        for key in keys:
            self.put(key)
        self._holders: Counter[Group] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._left.values()))

    def put(self, key: EpisodeKey) -> None:
        """One more episode."""
        self._left.setdefault(group_of(key), deque()).append(key)

    def give_back(self, key: EpisodeKey) -> None:
        """An episode that was taken but not run to its end: it is the next of its task."""
        self._holders[group_of(key)] -= 1
        self._left.setdefault(group_of(key), deque()).appendleft(key)

    def holds(self, group: Group) -> bool:
        """Whether an episode of that task is left."""
        return bool(self._left.get(group))

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
        group = group_of(last) if last is not None and self.holds(group_of(last)) else self._choose()
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


class Feed:
    """Episodes that another thread hands out one by one, as slots become free.

    Args:
        most: episodes under way at the same time.
    """

    def __init__(self, most: int) -> None:
        self.open = True
        self.bell: Connection | None
        self.bell, self._rope = multiprocessing.Pipe(duplex=False)
        self._most = most
        self._left: list[EpisodeKey] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._most

    def put(self, key: EpisodeKey) -> None:
        """One more episode."""
        with self._lock:
            self._left.append(key)
            self._rope.send(None)

    def end(self) -> None:
        """No more episodes will come."""
        with self._lock:
            self.open = False
            self._rope.send(None)

    def holds(self, group: Group) -> bool:
        """Whether an episode of that task is left."""
        with self._lock:
            return any(group_of(key) == group for key in self._left)

    def take(self, last: EpisodeKey | None = None) -> EpisodeKey | None:
        """The oldest episode of the same task, else the oldest; None if there is none.

        >>> feed = Feed(2)
        >>> for task in (0, 1): feed.put(EpisodeKey("s", task, 0, 0))
        >>> feed.take(EpisodeKey("s", 1, 5, 0)).task, feed.take().task, feed.take()
        (1, 0, None)
        """
        with self._lock:
            fitting = [key for key in self._left if last is not None and group_of(key) == group_of(last)]
            chosen = next(iter(fitting or self._left), None)
            if chosen is not None:
                self._left.remove(chosen)
            return chosen
