"""What runs on a machine of a cluster: the local engine, fed episode by episode and heard event by event."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.boundary import Crash, attempt
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeRecord
from vvla_policies.evaluation.rollouts.crew import Brief, LocalCrew
from vvla_policies.evaluation.rollouts.interrupts import Interrupts
from vvla_policies.evaluation.rollouts.request import Request
from vvla_policies.evaluation.rollouts.schedule import Feed

SILENCE_SECONDS = 5.0
JOIN_SECONDS = 20.0


@dataclass(frozen=True)
class Started:
    """An episode has begun in a slot."""

    key: EpisodeKey
    slot: int


@dataclass(frozen=True)
class Finished:
    """An episode is over; its record and actions."""

    record: EpisodeRecord
    actions: NDArray[np.float32]


@dataclass(frozen=True)
class Stopped:
    """The engine cannot go on, and why; `user`: it is the user's to mend."""

    why: str
    user: bool


Event = Started | Finished | Stopped


class Placement:
    """A policy and its environments on one machine, or on one of its GPUs.

    Several threads call it: one waits for events while another offers episodes.

    Args:
        variables: environment variables of the driver that count here, too; None removes one.
    """

    def __init__(self, variables: Mapping[str, str | None]) -> None:
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        # Worker processes would import the script that this process was started with, and with it all of Ray.
        sys.modules["__main__"].__file__ = None
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def open(self, request: Request) -> Brief | str:
        """Builds policy and plan, and starts the engine; the user's error in one line if that cannot be done."""
        try:
            self._crew = LocalCrew(request, Interrupts())
        except VvlaError as error:
            return str(error)
        self._feed = Feed(self._crew.workers)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self._crew.brief

    def offer(self, keys: list[EpisodeKey]) -> None:
        """Episodes to run; at most as many at a time as there are workers."""
        for key in keys:
            self._feed.put(key)

    def events(self) -> list[Event]:
        """What has happened since the last call; waits a while for something to happen."""
        try:
            happened = [self._events.get(timeout=SILENCE_SECONDS)]
        except queue.Empty:
            return []
        while not self._events.empty():
            happened.append(self._events.get())
        return happened

    def close(self) -> None:
        """Ends the engine, once its episodes are over, and closes policy and environments."""
        if hasattr(self, "_feed"):
            self._feed.end()
            self._thread.join(JOIN_SECONDS)
            self._crew.close()

    def _run(self) -> None:
        done = attempt(lambda: self._crew.run(self._feed, self._save, self._start))
        if isinstance(done, Crash):
            user = isinstance(done.exception, VvlaError)
            self._events.put(Stopped(done.error.message if user else done.error.traceback, user))

    def _save(self, record: EpisodeRecord, actions: NDArray[np.float32]) -> None:
        self._events.put(Finished(record, actions))

    def _start(self, key: EpisodeKey, slot: int) -> None:
        self._events.put(Started(key, slot))
