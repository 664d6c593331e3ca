"""`evaluate(request)`: a policy, suites and settings in; a run folder with records out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vvla_policies.evaluation.plan import EpisodeKey
from vvla_policies.evaluation.records import EpisodeRecord, Manifest, Run


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


def evaluate(request: Request, reporter: Reporter | None = None) -> Run:
    """Runs what is not recorded yet and returns the whole run.

    Episodes that fail are recorded with their error. After Ctrl-C or SIGTERM the folder can be resumed by the same
    request; the workers are gone by then.

    Args:
        request: what to run.
        reporter: hears of progress; None for silence.

    Raises:
        VvlaError: something that the user can mend, in one line: an unknown name, a policy that does not fit the
            suite, a folder that cannot be written or belongs to another run.
        KeyboardInterrupt: Ctrl-C.
        SystemExit: SIGTERM, with code 143.
    """
    raise NotImplementedError
