"""`evaluate(request)`: a policy, suites and settings in; a run folder with records out."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vvla_policies import __version__
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.engine import Engine
from vvla_policies.evaluation.hosting import PolicyHost
from vvla_policies.evaluation.interrupts import Interrupts
from vvla_policies.evaluation.plan import EpisodeKey
from vvla_policies.evaluation.preparation import Prepared, prepare
from vvla_policies.evaluation.records import FORMAT, EpisodeRecord, Manifest, Run, Session
from vvla_policies.evaluation.schedule import Queue
from vvla_policies.evaluation.slots import LocalSlot, RemoteSlot, Slot
from vvla_policies.evaluation.storage import RunFolder, now
from vvla_policies.evaluation.transport import block_size
from vvla_policies.evaluation.worker import Scene
from vvla_policies.policy import PolicyCard


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
        seed: of the run.
        workers: environment processes; None for one per CPU core (at most one per episode), 0 for none: episodes run
            one after the other in this process, for debugging, with the same records.
        batch_size: most observations in one call of a batched policy; None for one per worker.
        out: the run folder; None for `default_folder`.
        resume: go on with what the folder holds; otherwise its old records are moved aside.
        retry_errors: run recorded episodes again that ended in an error.
        shard: (part, parts), part from 0; None for all.
        stall_seconds: a worker that does not answer for so long is restarted.
    """

    policy: str
    suites: tuple[str, ...]
    policy_options: Mapping[str, Any] = field(default_factory=dict)
    tasks: tuple[int, ...] | None = None
    episodes: int = 50
    protocol: str | None = None
    assets: str = "auto"
    seed: int = 0
    workers: int | None = None
    batch_size: int | None = None
    out: Path | None = None
    resume: bool = True
    retry_errors: bool = False
    shard: tuple[int, int] | None = None
    stall_seconds: float = 300.0


class Reporter(Protocol):
    """Hears of what happens, in the main process; must be quick and must not raise."""

    def planned(
        self, folder: Path, manifest: Manifest, todo: Sequence[EpisodeKey], done: Sequence[EpisodeRecord]
    ) -> None:
        """Before the first episode: what will be run, and the records that are there already."""

    def started(self, key: EpisodeKey, worker: int) -> None:
        """An episode begins (again, if its worker was lost)."""

    def finished(self, record: EpisodeRecord) -> None:
        """An episode is recorded."""

    def warning(self, text: str) -> None:
        """One line that the user should read."""

    def closed(self, run: Run) -> None:
        """The session is over, also after Ctrl-C; `run` holds what is recorded."""


class Silent:
    """A reporter that says nothing."""

    def planned(
        self, folder: Path, manifest: Manifest, todo: Sequence[EpisodeKey], done: Sequence[EpisodeRecord]
    ) -> None:
        """Nothing."""

    def started(self, key: EpisodeKey, worker: int) -> None:
        """Nothing."""

    def finished(self, record: EpisodeRecord) -> None:
        """Nothing."""

    def warning(self, text: str) -> None:
        """Nothing."""

    def closed(self, run: Run) -> None:
        """Nothing."""


SILENT = Silent()


class Course:
    """What a run does besides running a fixed list of episodes; this one does nothing."""

    def scene(self, scene: Scene) -> Scene:
        """The scene of a suite, changed if need be, before anything is run."""
        return scene

    def todo(self, keys: Sequence[EpisodeKey], kept: Collection[EpisodeKey], folder: RunFolder) -> list[EpisodeKey]:
        """Which episodes to run now.

        Args:
            keys: planned.
            kept: recorded, and not to be run again.
            folder: the run's folder with all its records.
        """
        del folder
        return [key for key in keys if key not in kept]

    def after(self, record: EpisodeRecord) -> Sequence[EpisodeKey]:
        """Episodes to run because of how one went; called when it is recorded."""
        del record
        return ()


PLAIN = Course()


def evaluate(request: Request, reporter: Reporter = SILENT, course: Course = PLAIN) -> Run:
    """Runs what is not recorded yet and returns the whole run.

    Episodes that fail are recorded with their error. After Ctrl-C or SIGTERM the folder can be resumed by the same
    request; the workers are gone by then. Workers are spawned, so a script must call this under
    `if __name__ == "__main__":`.

    Args:
        request: what to run.
        reporter: hears of progress; silent by default.
        course: what else is done.

    Raises:
        VvlaError: something that the user can mend, in one line: an unknown name, a policy that does not fit the
            suite, a folder that cannot be written or belongs to another run.
        KeyboardInterrupt: Ctrl-C.
        SystemExit: SIGTERM, with code 143.
    """
    with Interrupts() as interrupts, contextlib.ExitStack() as stack:
        host = PolicyHost(request.policy, request.policy_options)
        stack.callback(host.close)
        prepared = prepare(
            host.card, request.suites, request.tasks, request.episodes, request.seed,
            request.protocol, request.assets, request.shard,
        )  # fmt: skip
        prepared = replace(prepared, scenes={name: course.scene(scene) for name, scene in prepared.scenes.items()})
        workers = _workers(request, len(prepared.keys))
        folder = RunFolder(
            request.out or default_folder(request, prepared),
            _manifest(request, prepared, host.card),
            Session(started=now(), workers=workers),
            keys=prepared.keys,
            resume=request.resume,
        )
        stack.callback(lambda: reporter.closed(folder.run()))
        stack.enter_context(folder)
        _run(request, prepared, host, folder, workers, reporter, interrupts, course)
    return folder.run()


def default_folder(request: Request, prepared: Prepared) -> Path:
    """`results/<policy>-<suites>-<protocol>-<assets>-s<seed>`, in the current directory."""
    settings = [scene.settings for scene in prepared.scenes.values()]
    parts = [
        request.policy,
        "+".join(request.suites),
        "+".join(dict.fromkeys(s.protocol.name for s in settings)),
        "+".join(dict.fromkeys(s.assets.name for s in settings)),
        f"s{request.seed}",
    ]
    if request.shard is not None:
        parts.append(f"shard{request.shard[0] + 1}of{request.shard[1]}")
    return Path("results") / re.sub(r"[^\w.+-]+", ".", "-".join(parts))


def _run(
    request: Request,
    prepared: Prepared,
    host: PolicyHost,
    folder: RunFolder,
    workers: int,
    reporter: Reporter,
    interrupts: Interrupts,
    course: Course,
) -> None:
    for warning in folder.warnings:
        reporter.warning(warning)
    done = list(folder.records.values())
    kept = {record.key for record in done if not (request.retry_errors and record.error)}
    todo = course.todo(prepared.keys, kept, folder)
    queue = Queue(todo)
    reporter.planned(folder.path, folder.manifest, todo, done)

    def save(record: EpisodeRecord, actions: NDArray[np.float32]) -> None:
        with interrupts.put_off():
            folder.append(record, actions)
            for key in course.after(record):
                queue.put(key)
        reporter.finished(record)

    count = 0 if request.workers == 0 else min(workers, len(todo))
    with _slots(count, prepared, interrupts) as slots:
        batch_size = request.batch_size or max(1, workers)
        engine = Engine(
            prepared.suites, prepared.scenes, queue, host, slots, save, reporter.started,
            batch_size, request.stall_seconds,
        )  # fmt: skip
        engine.run()


@contextlib.contextmanager
def _slots(count: int, prepared: Prepared, interrupts: Interrupts) -> Iterator[list[Slot]]:
    """So many worker processes, or this process for none; whatever happens, the processes are gone afterwards."""
    slots: list[Slot] = [] if count else [LocalSlot()]
    kill = True
    try:
        size = block_size(scene.settings for scene in prepared.scenes.values())
        for number in range(count):
            with interrupts.put_off():
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


def _cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _manifest(request: Request, prepared: Prepared, card: PolicyCard) -> Manifest:
    return Manifest(
        format=FORMAT,
        command=sys.argv,
        created=now(),
        version=__version__,
        policy={"name": request.policy, "options": dict(request.policy_options), "card": card.to_json()},
        suites=prepared.entries(),
        seed=request.seed,
        episodes=request.episodes,
        tasks=request.tasks,
        shard=request.shard,
        planned=len(prepared.keys),
        machine={"platform": platform.platform(), "python": platform.python_version(), "cpus": os.cpu_count()},
    )
