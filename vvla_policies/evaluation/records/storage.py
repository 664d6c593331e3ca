"""Writing a run folder: locked, one flushed line per episode, never lost and never silently replaced."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import (
    ACTIONS,
    EPISODES,
    MANIFEST,
    EpisodeRecord,
    Manifest,
    Run,
    Session,
    actions_path,
    differences,
    load_manifest,
    read_episodes,
)

if TYPE_CHECKING:
    from typing_extensions import Self

LOCK = ".lock"
SHOWN = 3


def now() -> str:
    """The time as records write it: ISO, UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class RunFolder:
    """An open run folder; one process at a time has it.

    Args:
        path: the folder; made if it does not exist.
        manifest: what is about to be run.
        session: the sitting that begins; None for folders that are not run but put together.
        keys: the planned episodes.
        resume: go on with the records that are there; else they are moved aside.

    Attributes:
        records: what is recorded, by key.
        warnings: what was mended on opening, in words.

    Raises:
        RecordError: it cannot be written, is in use, or holds a run of another identity.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        session: Session | None = None,
        keys: Collection[EpisodeKey] = (),
        resume: bool = True,
    ) -> None:
        self.path = path
        self.records: dict[EpisodeKey, EpisodeRecord] = {}
        self.warnings: list[str] = []
        self._session = session
        self._appended = 0
        self._started = time.perf_counter()
        with self._writing(path):
            (path / ACTIONS).mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path)
        try:
            before = self._open_records(manifest, resume)
            self.manifest = replace(
                manifest,
                planned=len({*keys, *self.records}) or manifest.planned,
                sessions=(*before, *([session] if session else manifest.sessions)),
            )
            self._write_manifest()  # first: records without it would be nobody's, should the process die here
            with self._writing(path / EPISODES):
                self._lines = (path / EPISODES).open("ab", buffering=0)
        except BaseException:
            self._lock.close()
            raise

    def append(self, record: EpisodeRecord, actions: NDArray[np.float32]) -> None:
        """Records an episode; returns when it is on the disk.

        Args:
            record: of the episode.
            actions: float32 (steps, 7), the executed actions.

        Raises:
            RecordError: it cannot be written; what was recorded before stays.
        """
        path = actions_path(self.path, record.key)
        with self._writing(path), _replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, np.asarray(actions, dtype=np.float32), allow_pickle=False)
            _sync(file)
        line = json.dumps(record.to_json()).encode() + b"\n"
        size = self._lines.tell()
        with self._writing(self.path / EPISODES):
            try:
                _write_all(self._lines, line)
                os.fsync(self._lines.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    self._lines.truncate(size)
                raise
        self.records[record.key] = record
        self._appended += 1

    def run(self) -> Run:
        """What the folder holds now."""
        records = sorted(self.records.values(), key=lambda record: record.key)
        return Run(self.path, self.manifest, tuple(records), tuple(self.warnings))

    def close(self) -> None:
        """Notes the session's length in the manifest and unlocks the folder."""
        if self._lock.closed:
            return
        try:
            if self._session is not None:
                seconds = round(time.perf_counter() - self._started, 3)
                done = replace(self._session, episodes=self._appended, seconds=seconds)
                self.manifest = replace(self.manifest, sessions=(*self.manifest.sessions[:-1], done))
                self._write_manifest()
        finally:
            self._lines.close()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except RecordError:
            if error is None:  # the first error says more
                raise

    def _open_records(self, manifest: Manifest, resume: bool) -> Sequence[Session]:
        if not (self.path / MANIFEST).exists() and not (self.path / EPISODES).exists():
            return ()
        if not resume:
            self._set_aside()
            return ()
        before = load_manifest(self.path)
        differing = differences(before, manifest)
        if differing:
            more = f"; and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
            raise RecordError(
                f"{self.path} holds another run ({'; '.join(differing[:SHOWN])}{more}): "
                "choose another --out, or start over with --no-resume (old records are kept aside)"
            )
        path = self.path / EPISODES
        records, sound, self.warnings = read_episodes(path)
        if path.exists() and sound < path.stat().st_size:
            with self._writing(path):
                os.truncate(path, sound)
        self.records = {record.key: record for record in records}
        return [_estimated(session, records) for session in before.sessions]

    def _set_aside(self) -> None:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")
        for name in (MANIFEST, EPISODES, ACTIONS):
            old = self.path / name
            if old.exists():
                with self._writing(old):
                    old.rename(old.with_name(f"{name}.bak-{stamp}"))
        with self._writing(self.path):
            (self.path / ACTIONS).mkdir(exist_ok=True)
        self.warnings.append(f"old records are kept in {self.path}/{EPISODES}.bak-{stamp}")

    def _write_manifest(self) -> None:
        path = self.path / MANIFEST
        text = json.dumps(self.manifest.to_json(), indent=1, default=str)
        with self._writing(path), _replacing(path) as temporary, temporary.open("wb") as file:
            file.write(text.encode() + b"\n")
            _sync(file)

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RecordError(
                f"cannot write {path}: {error.strerror or error}; {len(self.records)} recorded episodes are kept: "
                "free space or mend the folder's rights and run the same command again, or choose another --out"
            ) from error


def _estimated(session: Session, records: Sequence[EpisodeRecord]) -> Session:
    """A killed session's length, from the last episode that finished in it."""
    if session.seconds is not None:
        return session
    start = datetime.fromisoformat(session.started)
    ends = [end for record in records if (end := datetime.fromisoformat(record.finished)) >= start]
    seconds = (max(ends) - start).total_seconds() if ends else 0.0
    return replace(session, episodes=len(ends), seconds=seconds)


def _locked(path: Path) -> Any:
    """An open file whose lock lasts until it is closed or the process dies."""
    lock = path / LOCK
    try:
        file = lock.open("a+", encoding="utf-8")
    except OSError as error:
        raise RecordError(f"cannot write {lock}: {error.strerror}; choose another --out") from error
    try:
        import fcntl
    except ImportError:  # a system without POSIX locks: two runs in one folder are not noticed
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        owner = file.read().strip() or "another process"
        file.close()
        raise RecordError(f"{path} is being written by {owner}; wait for it, or choose another --out") from error
    except OSError:  # a file system without locks
        return file
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
    return file


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` that takes its place when all went well."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _write_all(file: Any, data: bytes) -> None:
    """Unbuffered files may write less than they were given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
