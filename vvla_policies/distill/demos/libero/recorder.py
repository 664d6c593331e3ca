"""Records LIBERO's episodes.

Of each step it keeps what pictures are made of, and draws them only when the episode has succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.demos.libero.files import write_part
from vvla_policies.distill.demos.libero.layout import Demo, attributes
from vvla_policies.distill.demos.parts import part_path
from vvla_policies.distill.demos.recording import Recorder
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.observation import CAMERAS

if TYPE_CHECKING:
    from vvla_policies.envs.libero.env import LiberoEnv
    from vvla_policies.envs.manipulation import Outcome


@dataclass
class _Tape:
    """What was seen of an episode, see `Demo`; pictures are drawn from the snapshots, None for those left out."""

    actions: list[NDArray[np.float64]] = field(default_factory=list)
    states: list[NDArray[np.float64]] = field(default_factory=list)
    read: list[dict[str, NDArray[np.float64]]] = field(default_factory=list)
    snapshots: list[Any] = field(default_factory=list)


class LiberoRecorder(Recorder):
    """The recorder of LIBERO's environments."""

    benchmark, looks_into, blank = "LIBERO", "simulator", _Tape
    _env: LiberoEnv
    _tape: _Tape

    def begin(self, key: EpisodeKey) -> None:
        """Starts a tape with the state that is there now."""
        super().begin(key)
        self._tape.states.append(self._env.simulator.state())

    def step(self, action: NDArray[np.float64], outcome: Outcome) -> None:
        """Keeps what the simulator is like now."""
        del outcome
        simulator, tape = self._env.simulator, self._tape
        tape.actions.append(action.copy())
        tape.states.append(simulator.state())
        tape.read.append(simulator.proprioception())
        drawn = len(tape.snapshots) % self._recording.every == 0
        tape.snapshots.append(simulator.snapshot() if drawn else None)

    def _write(self) -> None:
        facts = {**self._recording.facts, "suite": self._key.suite, "task_index": self._key.task}
        write_part(part_path(self._recording.folder, self._key), self._demo(), attributes(self._env, facts))

    def _demo(self) -> Demo:
        tape, count = self._tape, len(self._tape.actions)
        actions = np.stack(tape.actions)
        drawn = np.array([snapshot is not None for snapshot in tape.snapshots])
        frames = [self._env.draw(CAMERAS, snapshot) for snapshot in tape.snapshots if snapshot is not None]
        return Demo(
            episode=str(self._key),
            actions=actions,
            states=np.stack(tape.states[:count]),
            read={name: np.stack([read[name] for read in tape.read]) for name in tape.read[0]},
            pictures={camera: _spread([frame[camera] for frame in frames], drawn) for camera in CAMERAS},
            drawn=drawn,
            disturbed=self._recording.marks(self._key.stream("policy"), actions),
            model=self._env.simulator.env.sim.xml(),
        )


def _spread(frames: list[NDArray[np.uint8]], drawn: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) of all steps, black where none was drawn."""
    pictures = np.zeros((len(drawn), *frames[0].shape), dtype=np.uint8)
    pictures[drawn] = frames
    return pictures
