"""`evaluate(request)`: a policy, suites and settings in; a run folder with records out."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import UnknownNameError, VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeRecord, Manifest, Run, Session, SuiteEntry
from vvla_policies.evaluation.records.storage import RunFolder, now
from vvla_policies.evaluation.rollouts.crew import Crew, LocalCrew
from vvla_policies.evaluation.rollouts.interrupts import Interrupts
from vvla_policies.evaluation.rollouts.request import ENGINES, Request
from vvla_policies.evaluation.rollouts.schedule import Queue
from vvla_policies.evaluation.rollouts.worker import Scene

__all__ = ["PLAIN", "SILENT", "Course", "Reporter", "Request", "Silent", "default_folder", "evaluate"]


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
    request = request.fitted()
    with _connected(request), Interrupts() as interrupts, contextlib.ExitStack() as stack:
        crew = _crew(request, interrupts, course)
        stack.callback(crew.close)
        folder = RunFolder(
            request.out or default_folder(request, crew.brief.entries),
            crew.brief.manifest(request),
            Session(started=now(), workers=crew.workers),
            keys=crew.brief.keys,
            resume=request.resume,
        )
        stack.callback(lambda: reporter.closed(folder.run()))
        stack.enter_context(folder)
        _run(request, crew, folder, reporter, interrupts, course)
    return folder.run()


def default_folder(request: Request, entries: Mapping[str, SuiteEntry]) -> Path:
    """`results/<policy>-<suites>-<protocol>-<assets>-s<seed>[-<backend>]`, in the current directory."""
    parts = [
        request.policy,
        "+".join(request.suites),
        "+".join(dict.fromkeys(entry.protocol["name"] for entry in entries.values())),
        "+".join(dict.fromkeys(entry.assets["name"] for entry in entries.values())),
        f"s{request.seed}",
    ]
    if request.backend is not None:
        parts.append(request.backend)
    if request.shard is not None:
        parts.append(f"shard{request.shard[0] + 1}of{request.shard[1]}")
    return Path("results") / re.sub(r"[^\w.+-]+", ".", "-".join(parts))


def _connected(request: Request) -> contextlib.AbstractContextManager[None]:
    """The cluster, if one is asked for."""
    if request.engine not in ENGINES:
        raise UnknownNameError("engine", request.engine, list(ENGINES))
    if request.engine == "local":
        return contextlib.nullcontext()
    from vvla_policies.evaluation.rollouts.cluster.ray_crew import connected

    return connected(request.address)


def _crew(request: Request, interrupts: Interrupts, course: Course) -> Crew:
    if request.engine == "local":
        return LocalCrew(request, interrupts, course.scene)
    from vvla_policies.evaluation.rollouts.cluster.ray_crew import RayCrew

    if type(course).scene is not Course.scene:
        raise VvlaError("what watches its episodes (such as demonstrations) runs on one machine: use --engine local")
    return RayCrew(request)


def _run(
    request: Request, crew: Crew, folder: RunFolder, reporter: Reporter, interrupts: Interrupts, course: Course
) -> None:
    for warning in folder.warnings:
        reporter.warning(warning)
    done = list(folder.records.values())
    kept = {record.key for record in done if not (request.retry_errors and record.error)}
    todo = course.todo(crew.brief.keys, kept, folder)
    queue = Queue(todo)
    reporter.planned(folder.path, folder.manifest, todo, done)

    def save(record: EpisodeRecord, actions: NDArray[np.float32]) -> None:
        with interrupts.put_off():
            folder.append(record, actions)
            for key in course.after(record):
                queue.put(key)
        reporter.finished(record)

    crew.run(queue, save, reporter.started)
