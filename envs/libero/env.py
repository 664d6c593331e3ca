"""The Gymnasium environment of LIBERO's tasks."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs import rendering
from vvla_policies.envs.libero.simulator import Simulator, Snapshot
from vvla_policies.envs.manipulation import ManipulationEnv, Outcome
from vvla_policies.envs.suite import EnvSettings

from vvla_policies.errors import VvlaError
from vvla_policies.observation import Observation, robosuite_gripper, state_vector

if TYPE_CHECKING:
    from vvla_policies.envs.libero.drawing import Painter
    from vvla_policies.envs.libero.privileged import PrivilegedView
    from vvla_policies.envs.libero.suites import LiberoSuite

CAMERA_NAMES = {"image": "agentview", "wrist_image": "robot0_eye_in_hand"}


class LiberoEnv(ManipulationEnv):
    """A Panda arm at 20 Hz under robosuite's OSC_POSE controller: 0.05 m and 0.5 rad per unit of action.

    Translation is in the robot's base frame, rotation an axis-angle in the same frame. An episode is a pure function of
    suite, task, initial state, seed, protocol and assets.

    Args:
        suite: the suite of the task.
        settings: protocol, assets, cameras.
        task: number of the first task; `reset(options={"task": k})` changes it.
    """

    def __init__(self, suite: LiberoSuite, settings: EnvSettings, task: int = 0) -> None:
        if not 0 <= task < len(suite.tasks):
            raise VvlaError(f"suite '{suite.name}' has tasks 0 to {len(suite.tasks) - 1}; there is no task {task}")
        super().__init__(settings, suite.tasks[task])
        self.suite = suite
        self.max_steps = settings.protocol.steps(suite.name)
        self._simulator: Simulator | None = None
        self._painter: Painter | None = None
        self._steps = 0
        self._gripper = 1.0
        self._privileged: PrivilegedView | None = None  # for one episode
        self._load(task)

    @property
    def simulator(self) -> Simulator:
        """The simulation behind the current task."""
        assert self._simulator is not None, "the environment is closed"
        return self._simulator

    def _load(self, task: int) -> None:
        if self._simulator is not None:
            self._simulator.close()
        self.task = self.suite.tasks[task]
        self._simulator = Simulator(self.suite.bddl_file(task), self.settings.assets.path)

    def _begin(self, task: int, init_state: int, seed: int) -> Outcome:
        if task != self.task.index:
            self._load(task)
        protocol = self.settings.protocol
        settle = robosuite_gripper(np.array([0.0] * 6 + [protocol.settle_gripper]))
        self._privileged = None
        self._stale: Observation | None = None
        self._steps, self._gripper = 0, 1.0
        if protocol.starts == "fresh":
            start = self.simulator.draw_start(seed, settle, protocol.settle_steps, protocol.joint_noise)
        else:
            start = self._recorded_state(task, init_state)
        self.simulator.begin(start, seed)
        if protocol.first_observation == "before":
            self._stale = self._observe(self.settings.cameras)
        for _ in range(protocol.settle_steps):
            self.simulator.step(settle)
        return self._outcome_now(success=False)

    def _recorded_state(self, task: int, init_state: int) -> NDArray[np.float64]:
        states = self.suite.init_states(task)
        if not 0 <= init_state < len(states):
            raise VvlaError(
                f"task {task} of '{self.suite.name}' has initial states 0 to {len(states) - 1}, not {init_state}"
            )
        state: NDArray[np.float64] = states[init_state]
        return state

    def _advance(self, action: NDArray[np.float64]) -> Outcome:
        success = self.simulator.step(robosuite_gripper(action))
        self._steps += 1
        self._stale = None
        if action[6]:
            self._gripper = float(np.sign(action[6]))
        return self._outcome_now(success)

    def _outcome_now(self, success: bool) -> Outcome:
        truncated = self._steps >= self.max_steps and not success
        instruction = self.task.instruction
        return Outcome(self._steps, success, success, truncated, instruction, completed=int(success))

    def _observe(self, cameras: tuple[str, ...]) -> Observation:
        if self._stale is not None and set(cameras) <= set(self._stale):
            return self._stale
        read = self.simulator.proprioception()
        obs: dict[str, Any] = {key: value.astype(np.float32) for key, value in read.items()}
        obs["gripper_command"] = np.array([self._gripper], dtype=np.float32)
        obs["state"] = state_vector(read["eef_pos"], read["eef_quat"], read["gripper_qpos"])
        if cameras:
            obs |= self.draw(cameras)
        return obs  # type: ignore[return-value]

    def draw(self, cameras: tuple[str, ...], snapshot: Snapshot | None = None) -> dict[str, NDArray[np.uint8]]:
        """Pictures as of the last step, or of an earlier one in this episode.

        Args:
            cameras: observation keys.
            snapshot: what `simulator.snapshot()` gave after that step.

        Returns:
            Camera to picture, uint8 (H, W, 3), upright, of the protocol's size.
        """
        size = self.settings.protocol.image_size
        with self.simulator.as_read(snapshot) as (model, data):
            if self._painter is None:
                from vvla_policies.envs.libero.drawing import Painter

                self._painter = Painter(model, size, self._easels())
            self._painter.show(model)
            names = [CAMERA_NAMES[camera] for camera in cameras]
            return dict(zip(cameras, self._painter.draw(data, names, size), strict=True))

    def _easels(self) -> int:
        """Pictures to draw at the same time: a GPU has nothing to gain from it."""
        settings = self.settings
        return 1 if rendering.choose().on_gpu else max(1, min(settings.drawing_threads, len(settings.cameras)))

    def fixtures_hash(self) -> str:
        """Hash of where every body is mounted: the same number means the same fixtures."""
        model = self.simulator.model
        return hashlib.sha256(model.body_pos.tobytes() + model.body_quat.tobytes()).hexdigest()[:12]

    def privileged(self) -> dict[str, Any]:
        """Poses, joints, shapes and goal by name, as they are now (not as the sensors last saw them).

        Returns:
            Plain data; `PrivilegedView.look` and `privileged.constants` list it.
        """
        from vvla_policies.envs.libero.privileged import PrivilegedView

        if self._privileged is None:
            self._privileged = PrivilegedView(self.simulator)
        return self._privileged.look()

    def floor(self, camera: str | None = None) -> Callable[[], object]:
        """See `ManipulationEnv.floor`: `mj_step` for all substeps, on a copy, or `mjr_render` of a scene at hand."""
        if camera is None:
            return self.simulator.bare_step()
        self.draw((camera,))
        assert self._painter is not None
        return functools.partial(self._painter.render, self.settings.protocol.image_size)

    def close(self) -> None:
        """Frees simulation and OpenGL context."""
        if self._painter is not None:
            self._painter.close()
            self._painter = None
        if self._simulator is not None:
            self._simulator.close()
            self._simulator = None
