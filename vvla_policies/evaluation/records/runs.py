"""What a run leaves behind, and how to read it: a manifest and one record per episode.

A run folder holds

| file | content |
|---|---|
| `run.json` | the manifest: command, versions, policy, protocols, assets, seeds, sessions |
| `episodes.jsonl` | one JSON line per episode; of two lines with one key the later one counts |
| `actions/<key>.npy` | float32 (steps, 7): the actions that were executed, before clipping |

Success, truncation and error are three values; an episode with an error stays in the denominator.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.keys import EpisodeKey

FORMAT = 1
MANIFEST = "run.json"
EPISODES = "episodes.jsonl"
ACTIONS = "actions"
PHASES = ("reset", "physics", "drawing", "policy", "transport")
_KEY_FIELDS = tuple(f.name for f in fields(EpisodeKey))
_VARYING = ("seconds", "worker", "retries", "finished")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpisodeError:
    """What stopped an episode.

    Attributes:
        type: name of the exception's class.
        message: one line.
        traceback: as Python prints it; "" where there is none (a worker that was killed).
    """

    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class EpisodeRecord:
    """The result of one episode.

    Attributes:
        key: which episode.
        task_name: the task's name in the benchmark's files.
        instruction: what the policy was told first.
        success: the goal was reached.
        truncated: the step limit was reached without success.
        error: what stopped the episode, None if nothing did.
        steps: actions executed.
        completed: subtasks done (0 or 1 outside chains).
        calls: how often the policy was asked.
        clipped: actions that left [-1, 1].
        fixtures: `ManipulationEnv.fixtures_hash()`.
        actions: hash of the executed actions, see `hash_actions`.
        seconds: wall time in each of `PHASES`, and "total". "policy" is the length of the calls the episode took part
            in, "transport" all else that passed between environment and policy: pipes, copies, waiting for its turn.
        worker: number of the slot it ran in.
        retries: how often it was started again because its worker was lost.
        finished: ISO time, UTC.
        subtasks: names of a chain's subtasks in their order, () outside chains.
    """

    key: EpisodeKey
    task_name: str
    instruction: str
    success: bool
    truncated: bool
    error: EpisodeError | None
    steps: int
    completed: int
    calls: int
    clipped: int
    fixtures: str
    actions: str
    seconds: Mapping[str, float]
    worker: int
    retries: int
    finished: str
    subtasks: tuple[str, ...] = ()

    @property
    def suite(self) -> str:
        """The key's suite."""
        return self.key.suite

    @property
    def task(self) -> int:
        """The key's task."""
        return self.key.task

    def to_json(self) -> dict[str, Any]:
        """Plain data, the key's fields first; without subtasks outside chains."""
        data = asdict(self)
        if not self.subtasks:
            del data["subtasks"]
        return {**data.pop("key"), **data}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EpisodeRecord:
        """The inverse of `to_json`; unknown fields are ignored.

        Raises:
            KeyError, TypeError: a field is missing or of another kind.
        """
        key = EpisodeKey(**{name: data[name] for name in _KEY_FIELDS})
        error = None if data["error"] is None else EpisodeError(**data["error"])
        rest = {f.name: data[f.name] for f in fields(cls) if f.name not in ("key", "error", "subtasks")}
        return cls(key=key, error=error, **rest, subtasks=tuple(data.get("subtasks", ())))

    def outcome(self) -> dict[str, Any]:
        """All that is a function of the key alone: not timings, slot, retries, nor the lines of a traceback."""
        data = {name: value for name, value in self.to_json().items() if name not in _VARYING}
        if self.error is not None:
            data["error"] = {"type": self.error.type, "message": self.error.message}
        return data


def same_outcome(a: EpisodeRecord, b: EpisodeRecord) -> bool:
    """Whether two records tell of the same result, bit for bit."""
    return a.outcome() == b.outcome()


@dataclass(frozen=True)
class SuiteEntry:
    """What a run says about one of its suites.

    Attributes:
        address: the name that `load_suite` takes.
        benchmark: "libero", "calvin", ...
        protocol: `Protocol.to_json()`.
        assets: "name", "fingerprint" and "source".
        provenance: versions of simulator, renderer and packages.
        tasks: the tasks' names in the suite's order.
    """

    address: str
    benchmark: str
    protocol: Mapping[str, Any]
    assets: Mapping[str, str]
    provenance: Mapping[str, str]
    tasks: Sequence[str]

    @property
    def chained(self) -> bool:
        """Whether an episode is a chain, scored by how many subtasks were completed; for practice it is one task."""
        return self.benchmark == "calvin" and self.protocol.get("starts") != "fresh"


@dataclass(frozen=True)
class Session:
    """One sitting of a run: from start to end, Ctrl-C or crash.

    Attributes:
        started: ISO time, UTC.
        workers: environment slots.
        episodes: how many it recorded.
        seconds: wall time; None while it is under way or after it was killed.
    """

    started: str
    workers: int
    episodes: int = 0
    seconds: float | None = None


@dataclass(frozen=True)
class Manifest:
    """The manifest of a run (`run.json`).

    Attributes:
        format: version of the folder's format.
        command: the command line.
        created: ISO time, UTC.
        version: of this package.
        policy: "name" and "options" as requested, and "card" (`PolicyCard.to_json()`).
        suites: suite name to its entry.
        seed: of the run.
        episodes: per task.
        tasks: numbers of the tasks, None for all.
        shard: (part, parts), None for all.
        planned: how many episodes the run (or shard) is made of.
        machine: platform, Python, CPU count.
        sessions: the sittings, oldest first.
    """

    format: int
    command: Sequence[str]
    created: str
    version: str
    policy: Mapping[str, Any]
    suites: Mapping[str, SuiteEntry]
    seed: int
    episodes: int
    tasks: Sequence[int] | None
    shard: tuple[int, int] | None
    planned: int
    machine: Mapping[str, Any]
    sessions: Sequence[Session] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Manifest:
        """The inverse of `to_json`; unknown fields are ignored.

        Raises:
            KeyError, TypeError: a field is missing or of another kind.
        """
        known = {f.name: data[f.name] for f in fields(cls)}
        known["suites"] = {name: SuiteEntry(**entry) for name, entry in data["suites"].items()}
        known["sessions"] = tuple(Session(**session) for session in data["sessions"])
        known["shard"] = None if data["shard"] is None else tuple(data["shard"])
        return cls(**known)

    def identity(self) -> dict[str, Any]:
        """What makes records comparable: flat, from a field's name as a user reads it to its value."""
        flat = {"policy": self.policy["name"], "seed": self.seed}
        flat |= {f"policy option '{name}'": value for name, value in self.policy["options"].items()}
        flat |= {f"policy {name}": value for name, value in self.policy["card"].items()}
        for suite, entry in self.suites.items():
            flat |= {f"{suite}: protocol {name}": value for name, value in entry.protocol.items()}
            flat |= {f"{suite}: assets {name}": entry.assets[name] for name in ("name", "fingerprint")}
            flat |= {f"{suite}: {name}": value for name, value in entry.provenance.items()}
        return json.loads(json.dumps(flat, default=str))  # type: ignore[no-any-return]


def differences(a: Manifest, b: Manifest) -> list[str]:
    """The fields in which two runs' identities differ, each as "field: one value, other value"."""
    left, right = a.identity(), b.identity()
    return [
        f"{name}: {left.get(name, 'absent')!r}, now {right.get(name, 'absent')!r}"
        for name in {**left, **right}
        if left.get(name) != right.get(name)
    ]


@dataclass(frozen=True)
class Run:
    """A run that was read from its folder.

    Attributes:
        folder: where it is.
        manifest: its manifest.
        records: its records, sorted by key, one per key.
        warnings: what was wrong with the files and could be mended, in words.
    """

    folder: Path
    manifest: Manifest
    records: tuple[EpisodeRecord, ...]
    warnings: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all planned episodes are recorded."""
        return len(self.records) >= self.manifest.planned

    def record(self, key: EpisodeKey | str) -> EpisodeRecord:
        """The record of a key, given as key or as text ("libero_long-t03-i12-s0").

        Raises:
            RecordError: there is none.
        """
        found = self._by_name.get(str(key))
        if found is None:
            example = next(iter(self._by_name), EpisodeKey("suite", 0, 0, 0))
            raise RecordError(f"{self.folder} holds no episode '{key}'; its keys look like '{example}'")
        return found

    @functools.cached_property
    def _by_name(self) -> dict[str, EpisodeRecord]:
        return {str(record.key): record for record in self.records}

    def actions(self, key: EpisodeKey | str) -> NDArray[np.float32]:
        """The executed actions of an episode, float32 (steps, 7), before clipping.

        Raises:
            RecordError: they are not there, or are not those of the record.
        """
        record = self.record(key)
        path = actions_path(self.folder, record.key)
        try:
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise RecordError(f"cannot read the actions of '{key}': {error}") from error
        if hash_actions(found) != record.actions:
            raise RecordError(f"{path} does not hold the actions of the record '{key}' (other hash)")
        return np.asarray(found, dtype=np.float32)


def load_run(folder: Path | str) -> Run:
    """Reads a run folder; a last line that was cut off is left out with a warning.

    Raises:
        RecordError: it is no run folder, or a file in it is damaged.
    """
    folder = Path(folder)
    manifest = load_manifest(folder)
    records, _, warnings = read_episodes(folder / EPISODES)
    for warning in warnings:
        log.warning(warning)
    return Run(folder, manifest, tuple(sorted(records, key=lambda r: r.key)), tuple(warnings))


def load_manifest(folder: Path) -> Manifest:
    """Reads `run.json` of a run folder.

    Raises:
        RecordError: it is absent, damaged or of a newer format.
    """
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] > FORMAT:
            raise RecordError(f"{path} has format {data['format']}; this version reads up to {FORMAT}: upgrade")
        return Manifest.from_json(data)
    except FileNotFoundError as error:
        raise RecordError(f"{folder} is not a run folder: it has no {MANIFEST}") from error
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{path} is damaged ({error!r}); run again with --no-resume or another --out") from error


def read_episodes(path: Path) -> tuple[list[EpisodeRecord], int, list[str]]:
    """Reads `episodes.jsonl`.

    Returns:
        The records (of several with one key the last), how many bytes of the file are sound, and warnings.

    Raises:
        RecordError: a line that is not the last one is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], 0, []
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror}") from error
    records: dict[EpisodeKey, EpisodeRecord] = {}
    sound = 0
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        try:
            record = EpisodeRecord.from_json(json.loads(line if line.endswith(b"\n") else b"cut off"))
        except (ValueError, KeyError, TypeError) as error:
            if sound + len(line) < len(content):
                raise RecordError(f"{path} is damaged in line {number}: {error!r}; mend or remove that line") from error
            return list(records.values()), sound, [f"{path}: the last line was cut off and is left out"]
        records[record.key] = record
        sound += len(line)
    return list(records.values()), sound, []


def hash_actions(actions: NDArray[np.float32]) -> str:
    """The first 16 hex digits of the SHA-256 of the float32 values in row order."""
    return hashlib.sha256(np.ascontiguousarray(actions, dtype=np.float32).tobytes()).hexdigest()[:16]


def actions_path(folder: Path, key: EpisodeKey) -> Path:
    """Where the actions of an episode are."""
    return folder / ACTIONS / f"{key}.npy"
