"""Records CALVIN's episodes.

Only the last task of an episode is kept: what comes before it is there to bring the world about. Pictures are drawn as
the episode goes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.demos.calvin.files import SUFFIX, CalvinDemo, write_part
from vvla_policies.distill.demos.calvin.layout import DRAWN, PICTURES
from vvla_policies.distill.demos.parts import part_path
from vvla_policies.distill.demos.recording import Recorder
from vvla_policies.evaluation.records.keys import EpisodeKey

if TYPE_CHECKING:
    from vvla_policies.envs.calvin.env import CalvinEnv
    from vvla_policies.envs.manipulation import Outcome


@dataclass
class _Tape:
    """Frames and the actions that were chosen when they were seen; how many tasks came before; whether it is on."""

    frames: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    actions: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    renewals: int = 0
    running: bool = False


class CalvinRecorder(Recorder):
    """The recorder of CALVIN's environments."""

    benchmark, looks_into, blank = "CALVIN", "world", _Tape
    _env: CalvinEnv
    _tape: _Tape

    def begin(self, key: EpisodeKey) -> None:
        """Starts a tape, which is on at once where there is only one task."""
        super().begin(key)
        if self._env.subtasks_left == 1:
            self._see()

    def step(self, action: NDArray[np.float64], outcome: Outcome) -> None:
        """Keeps the action, and what it has brought about."""
        tape, robot = self._tape, self._env.world.robot
        if tape.running:
            gripper = [robot.gripper]
            tape.actions.append(
                {
                    "rel_actions": np.concatenate([action[:6], gripper]),
                    "actions": np.concatenate([robot.target, gripper]),
                }
            )
        tape.renewals += outcome.renewed
        if self._env.subtasks_left == 1 and not outcome.over:
            self._see()

    def _write(self) -> None:
        write_part(part_path(self._recording.folder, self._key, SUFFIX), self._demo())

    def _see(self) -> None:
        """Reads what is there now, and draws it if it is its turn."""
        from vvla_policies.envs.calvin.cameras import draw

        start = time.perf_counter()
        world, protocol = self._env.world, self._env.settings.protocol
        drawn = len(self._tape.frames) % self._recording.every == 0
        pictures = {
            name: draw(world, camera, protocol.size(camera))
            if drawn
            else np.zeros((*protocol.size(camera), 3), np.uint8)
            for camera, name in PICTURES.items()
        }
        read = {"robot_obs": world.robot.observation(), "scene_obs": world.scene_obs()}
        self._tape.frames.append({**pictures, **read, DRAWN: np.array(drawn)})
        self._tape.running = True
        self._env.seconds["drawing"] += time.perf_counter() - start

    def _demo(self) -> CalvinDemo:
        from vvla_policies.envs.calvin.instructions import INSTRUCTIONS

        tape, key, task = self._tape, self._key, self._env.task.name
        rows = [{**seen, **done} for seen, done in zip(tape.frames, tape.actions, strict=True)]
        frames = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        stream = key.stream(f"policy {tape.renewals}" if tape.renewals else "policy")
        drawn = frames.pop(DRAWN)
        return CalvinDemo(
            episode=str(key),
            suite=key.suite,
            task=task,
            instruction=INSTRUCTIONS[task],
            frames=frames,
            drawn=drawn,
            disturbed=self._recording.marks(stream, frames["rel_actions"]),
            facts=self._recording.facts,
        )
