"""Watches episodes in the worker process and writes those that succeed.

Of each step it keeps what pictures are made of. Only when the episode has succeeded are the pictures drawn, and the
demonstration is written to a file of its own before the episode is recorded.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.demos.disturbance import disturbed_steps
from vvla_policies.distill.demos.files import part_path, write_part
from vvla_policies.distill.demos.layout import Demo, attributes
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.observation import CAMERAS

if TYPE_CHECKING:
    from vvla_policies.envs.libero.env import LiberoEnv
    from vvla_policies.envs.manipulation import ManipulationEnv, Outcome


@dataclass(frozen=True)
class Recording:
    """Makes the recorder of an environment; goes to the workers.

    Attributes:
        folder: where the run's records are.
        noise: of the pushes, see `disturbance`.
        facts: how the demonstrations are made, for the `vvla` attribute.
    """

    folder: Path
    noise: float
    facts: Mapping[str, Any]

    def __call__(self, env: ManipulationEnv) -> Recorder:
        """The recorder.

        Raises:
            VvlaError: the environment is not one of LIBERO's.
        """
        if not hasattr(env, "simulator"):
            raise VvlaError(f"demonstrations are recorded in LIBERO's suites, not in {type(env).__name__}")
        return Recorder(env, self)  # type: ignore[arg-type]


@dataclass
class _Tape:
    """What was seen of an episode, see `Demo`."""

    actions: list[NDArray[np.float64]] = field(default_factory=list)
    states: list[NDArray[np.float64]] = field(default_factory=list)
    read: list[dict[str, NDArray[np.float64]]] = field(default_factory=list)
    snapshots: list[Any] = field(default_factory=list)


class Recorder:
    """A `Witness` that writes demonstrations.

    Args:
        env: the environment.
        recording: settings.
    """

    def __init__(self, env: LiberoEnv, recording: Recording) -> None:
        self._env = env
        self._recording = recording
        self._key: EpisodeKey | None = None
        self._tape = _Tape()

    def begin(self, key: EpisodeKey) -> None:
        """Starts an empty tape."""
        self._key = key
        self._tape = _Tape(states=[self._env.simulator.state()])

    def step(self, action: NDArray[np.float64], outcome: Outcome) -> None:
        """Keeps what the simulator is like now."""
        del outcome
        simulator, tape = self._env.simulator, self._tape
        tape.actions.append(action.copy())
        tape.states.append(simulator.state())
        tape.read.append(simulator.proprioception())
        tape.snapshots.append(simulator.snapshot())

    def end(self, outcome: Outcome) -> None:
        """Draws and writes the demonstration of a success; a failure is forgotten."""
        if outcome.success and self._tape.actions:
            assert self._key is not None
            start = time.perf_counter()
            facts = {**self._recording.facts, "suite": self._key.suite, "task_index": self._key.task}
            write_part(part_path(self._recording.folder, self._key), self._demo(), attributes(self._env, facts))
            self._env.seconds["drawing"] += time.perf_counter() - start
        self._tape = _Tape()

    def _demo(self) -> Demo:
        assert self._key is not None
        tape, count = self._tape, len(self._tape.actions)
        actions = np.stack(tape.actions)
        drawn = [self._env.draw(CAMERAS, snapshot) for snapshot in tape.snapshots]
        return Demo(
            episode=str(self._key),
            actions=actions,
            states=np.stack(tape.states[:count]),
            read={name: np.stack([read[name] for read in tape.read]) for name in tape.read[0]},
            pictures={camera: np.stack([pictures[camera] for pictures in drawn]) for camera in CAMERAS},
            disturbed=disturbed_steps(self._key.stream("policy"), self._recording.noise, actions),
            model=self._env.simulator.env.sim.model.get_xml(),
        )
