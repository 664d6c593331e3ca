"""Watching episodes in the worker process and writing those that succeed: what LIBERO's and CALVIN's recorders share.

A demonstration is written to a file of its own before its episode is recorded.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey

if TYPE_CHECKING:
    from vvla_policies.envs.manipulation import ManipulationEnv, Outcome


Marks = Callable[[int, NDArray[Any]], NDArray[np.bool_]]


@dataclass(frozen=True)
class Recording:
    """Makes the recorder of an environment; goes to the workers.

    Attributes:
        recorder: its class.
        folder: where the run's records are.
        marks: which steps are not the expert's own, bool (steps,), from the policy's seed and all actions (steps, 7).
        facts: how the demonstrations are made.
        every: pictures are drawn of the first and then every so many steps.
    """

    recorder: type[Recorder]
    folder: Path
    marks: Marks
    facts: Mapping[str, Any]
    every: int = 1

    def __call__(self, env: ManipulationEnv) -> Recorder:
        """The recorder.

        Raises:
            VvlaError: the environment is not one of the recorder's benchmark.
        """
        return self.recorder(env, self)


class Recorder(ABC):
    """A `Witness` that writes demonstrations.

    Args:
        env: the environment.
        recording: settings.

    Attributes:
        benchmark: whose environments it watches.
        looks_into: the attribute of theirs that it reads.
        blank: makes an empty tape; its `actions` has an entry for each step that is kept.

    Raises:
        VvlaError: the environment is not one of the benchmark's.
    """

    benchmark: ClassVar[str]
    looks_into: ClassVar[str]
    blank: ClassVar[type]
    _env: Any
    _key: EpisodeKey
    _tape: Any

    def __init__(self, env: ManipulationEnv, recording: Recording) -> None:
        if not hasattr(env, self.looks_into):
            raise VvlaError(f"demonstrations are recorded in {self.benchmark}'s suites, not in {type(env).__name__}")
        self._env, self._recording, self._tape = env, recording, self.blank()

    def begin(self, key: EpisodeKey) -> None:
        """Starts an empty tape."""
        self._key, self._tape = key, self.blank()

    @abstractmethod
    def step(self, action: NDArray[np.float64], outcome: Outcome) -> None:
        """Keeps an action and what it has brought about."""

    def end(self, outcome: Outcome) -> None:
        """Writes the demonstration of a success; a failure is forgotten."""
        if outcome.success and self._tape.actions:
            start = time.perf_counter()
            self._write()
            self._env.seconds["drawing"] += time.perf_counter() - start
        self._tape = self.blank()

    @abstractmethod
    def _write(self) -> None:
        """Writes the tape's demonstration."""
