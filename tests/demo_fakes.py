"""The fake suite with a simulator behind it, as far as the recorder of demonstrations looks into one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from vvla_policies.envs.protocol import Protocol
from vvla_policies.envs.suite import EnvSettings

from tests import fakes


class _Simulator:
    """A point's state, its sensors and its snapshots."""

    def __init__(self, env: RecordedEnv) -> None:
        self.env = SimpleNamespace(sim=SimpleNamespace(xml=lambda: "<mujoco/>"))
        self._env = env

    def state(self) -> np.ndarray:
        return np.array([self._env.taken, *self._env.place, *self._env.fixture])

    def snapshot(self) -> np.ndarray:
        return self._env.place.copy()

    def proprioception(self) -> dict[str, np.ndarray]:
        quat = np.array([1.0, 0.0, 0.0, 0.0])
        return {
            "eef_pos": self._env.place.copy(),
            "eef_quat": quat,
            "gripper_qpos": np.zeros(2),
            "joint_pos": np.ones(7),
        }


class RecordedEnv(fakes.FakeEnv):
    """A point in a box, with a simulator."""

    suite: Any

    def __init__(self, settings: EnvSettings, task: Any) -> None:
        super().__init__(settings, task)
        self.simulator = _Simulator(self)

    def draw(self, cameras: tuple[str, ...], snapshot: np.ndarray) -> dict[str, np.ndarray]:
        """The upper half of a picture tells the place, the lower half is black."""
        fakes._spend(self.faults.draw_seconds)
        height, width = self.settings.protocol.image_size
        picture = np.zeros((height, width, 3), np.uint8)
        picture[: height // 2] = np.clip((snapshot + 2) * 60, 0, 255).astype(np.uint8)
        return {camera: picture.copy() for camera in cameras}


class RecordedSuite(fakes.FakeSuite):
    """The fake suite."""

    def protocol(self, name: str | None = None) -> Protocol:
        return super().protocol("plain" if name in ("fresh", "openvla") else name)

    def make_env(self, settings: EnvSettings, task: int = 0) -> RecordedEnv:
        env = RecordedEnv(settings, fakes.TASKS[task])
        env.suite = self
        return env


ADDRESS = "tests.demo_fakes:SUITE"
SUITE = RecordedSuite()
