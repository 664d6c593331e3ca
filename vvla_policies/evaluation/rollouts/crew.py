"""Who runs the episodes: a policy and environments, on this machine or elsewhere."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vvla_policies import __version__
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import FORMAT, Manifest, SuiteEntry
from vvla_policies.evaluation.records.storage import now
from vvla_policies.evaluation.rollouts.engine import Engine, Save
from vvla_policies.evaluation.rollouts.hosting import PolicyHost
from vvla_policies.evaluation.rollouts.interrupts import Interrupts
from vvla_policies.evaluation.rollouts.preparation import prepare
from vvla_policies.evaluation.rollouts.request import Request
from vvla_policies.evaluation.rollouts.schedule import Queue, Source
from vvla_policies.evaluation.rollouts.slots import LocalSlot, RemoteSlot, Slot
from vvla_policies.evaluation.rollouts.transport import block_size
from vvla_policies.evaluation.rollouts.worker import Scene
from vvla_policies.policy import PolicyCard

OnStart = Callable[[EpisodeKey, int], None]


@dataclass(frozen=True)
class Brief:
    """What a run is made of.

    Attributes:
        card: of the policy.
        entries: suite name to what the manifest says about it.
        keys: the episodes, in the order in which they are begun.
    """

    card: PolicyCard
    entries: Mapping[str, SuiteEntry]
    keys: Sequence[EpisodeKey]

    def manifest(self, request: Request) -> Manifest:
        """The manifest of a run that begins here and now."""
        return Manifest(
            format=FORMAT,
            command=sys.argv,
            created=now(),
            version=__version__,
            policy={"name": request.policy, "options": dict(request.policy_options), "card": self.card.to_json()},
            suites=self.entries,
            seed=request.seed,
            episodes=request.episodes,
            tasks=request.tasks,
            shard=request.shard,
            planned=len(self.keys),
            machine={"platform": platform.platform(), "python": platform.python_version(), "cpus": os.cpu_count()},
        )


class Crew(Protocol):
    """Runs episodes.

    Attributes:
        brief: what the run is made of.
        workers: how many environments run at the same time.
    """

    brief: Brief
    workers: int

    def run(self, queue: Queue, save: Save, on_start: OnStart) -> None:
        """Runs the episodes of a queue, and those that are put into it by `save`.

        Raises:
            VvlaError: it cannot go on.
        """

    def close(self) -> None:
        """Frees everything."""


class LocalCrew:
    """The policy in this process, environments in processes of their own.

    Args:
        request: what to run.
        interrupts: are put off while a process starts.
        adapt: changes the scene of a suite.

    Raises:
        VvlaError: policy, suites and settings cannot be found or do not fit together.
    """

    def __init__(
        self, request: Request, interrupts: Interrupts, adapt: Callable[[Scene], Scene] = lambda scene: scene
    ) -> None:
        self._request = request
        self._interrupts = interrupts
        self._host = PolicyHost(request.policy, request.policy_options)
        try:
            prepared = prepare(
                self._host.card, request.suites, request.tasks, request.episodes, request.seed,
                request.protocol, request.assets, request.shard, request.phrases, request.backend,
            )  # fmt: skip
            self.workers = _workers(request, len(prepared.keys))
            scenes = {name: adapt(_spread(scene, self.workers)) for name, scene in prepared.scenes.items()}
            self._prepared = replace(prepared, scenes=scenes)
            self.brief = Brief(self._host.card, self._prepared.entries(), prepared.keys)
        except BaseException:
            self.close()
            raise

    def run(self, queue: Source, save: Save, on_start: OnStart) -> None:
        """Runs the episodes of a queue; see `Crew`."""
        count = 0 if self._request.workers == 0 else min(self.workers, len(queue))
        batch_size = self._request.batch_size or max(1, self.workers)
        with self._slots(count) as slots:
            Engine(
                self._prepared.suites, self._prepared.scenes, queue, self._host, slots, save, on_start,
                batch_size, self._request.stall_seconds,
            ).run()  # fmt: skip

    def close(self) -> None:
        """Closes the policy."""
        self._host.close()

    @contextlib.contextmanager
    def _slots(self, count: int) -> Iterator[list[Slot]]:
        """So many worker processes, or this one for none; whatever happens, the processes are gone afterwards."""
        slots: list[Slot] = [] if count else [LocalSlot()]
        kill = True
        try:
            size = block_size(scene.settings for scene in self._prepared.scenes.values())
            for number in range(count):
                with self._interrupts.put_off():
                    slots.append(RemoteSlot(number, size))
            yield slots
            kill = False
        finally:
            for slot in slots:
                slot.close(kill=kill)


def _workers(request: Request, episodes: int) -> int:
    if request.workers is not None and request.workers < 0:
        raise VvlaError(f"--workers must be 0 or more, got {request.workers}")
    if request.batch_size is not None and request.batch_size < 1:
        raise VvlaError(f"--batch-size must be 1 or more, got {request.batch_size}")
    return min(_cores() if request.workers is None else request.workers, episodes)


def _spread(scene: Scene, workers: int) -> Scene:
    """The scene, drawn by the cores that so many workers leave idle, too."""
    return replace(scene, settings=replace(scene.settings, drawing_threads=max(1, _cores() // max(1, workers))))


def _cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
