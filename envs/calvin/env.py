"""The Gymnasium environment of CALVIN's chains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.calvin.cameras import draw
from vvla_policies.envs.calvin.instructions import phrase
from vvla_policies.envs.calvin.oracle import done
from vvla_policies.envs.calvin.privileged import look
from vvla_policies.envs.calvin.robot import TCP
from vvla_policies.envs.calvin.world import World
from vvla_policies.envs.manipulation import ManipulationEnv, Outcome
from vvla_policies.envs.suite import EnvSettings

from vvla_policies.errors import VvlaError
from vvla_policies.observation import Observation, state_vector

if TYPE_CHECKING:
    from vvla_policies.envs.calvin.suites import CalvinSuite


class CalvinEnv(ManipulationEnv):
    """A Panda arm at 30 Hz: relative tool poses, 0.02 m and 0.05 rad (extrinsic xyz euler angles) per unit of action.

    They add up to a target that inverse kinematics follows, in the world frame; above 0 the gripper opens, else it
    closes. An episode is a chain of tasks: when one is done the instruction changes and the world goes on; when one is
    not done within the protocol's steps the chain has failed. Each chain begins in a world made anew, so that it is a
    function of what the suite says its start is, of protocol and assets alone. Where the protocol wants all phrases,
    the number of the initial state and the task's place in the chain choose one.

    Args:
        suite: the suite.
        settings: protocol, assets, cameras.
        task: its number in the suite.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 30}  # type: ignore[misc]

    def __init__(self, suite: CalvinSuite, settings: EnvSettings, task: int = 0) -> None:
        _check(suite, task)
        super().__init__(settings, suite.tasks[task])
        self.suite = suite
        self.max_steps = settings.protocol.steps(suite.name)
        self.world = self._new_world()
        self._used = False

    def _new_world(self) -> World:
        return World(self.suite.scene, self.settings.assets.path)

    def _begin(self, task: int, init_state: int, seed: int) -> Outcome:
        _check(self.suite, task)
        self.task = self.suite.tasks[task]
        start = self.suite.start(task, init_state, seed)
        if self._used:
            self.world.load()
        self._used = True
        self.world.reset(start.robot_obs, start.scene_obs)
        protocol = self.settings.protocol
        for _ in range(protocol.settle_steps):
            self.world.step(np.array([0, 0, 0, 0, 0, 0, protocol.settle_gripper]))
        self._subtasks = start.tasks
        self._steps = self._completed = 0
        self._turn = init_state
        self._begin_subtask()
        return self._outcome_now(renewed=False)

    def _begin_subtask(self) -> None:
        self._subtask_steps = 0
        self._start = self.world.look()

    def _advance(self, action: NDArray[np.float64]) -> Outcome:
        self.world.step(action)
        self._steps += 1
        self._subtask_steps += 1
        reached = done(self._subtasks[self._completed], self._start, self.world.look())
        self._completed += reached
        if reached:
            self._begin_subtask()
        return self._outcome_now(renewed=reached and self._completed < len(self._subtasks))

    def _outcome_now(self, renewed: bool) -> Outcome:
        success = self._completed == len(self._subtasks)
        failed = self._subtask_steps >= self.max_steps and not success
        current = min(self._completed, len(self._subtasks) - 1)
        turn = self._turn + current if self.settings.protocol.phrases == "all" else 0
        return Outcome(
            self._steps,
            success,
            terminated=success or failed,
            truncated=failed,
            instruction=phrase(self._subtasks[current], turn),
            completed=self._completed,
            renewed=renewed,
            subtasks=self._subtasks,
        )

    def _observe(self, cameras: tuple[str, ...]) -> Observation:
        robot = self.world.robot
        position, quat = (np.array(part) for part in robot.pose(TCP))
        fingers = np.array(robot.fingers())
        obs: dict[str, Any] = {
            "eef_pos": position.astype(np.float32),
            "eef_quat": quat.astype(np.float32),
            "gripper_qpos": fingers.astype(np.float32),
            "gripper_command": np.array([robot.gripper], dtype=np.float32),
            "joint_pos": np.array(robot.joints(), dtype=np.float32),
            "state": state_vector(position, quat, fingers),
        }
        obs |= {camera: self._draw(camera) for camera in cameras}
        return obs  # type: ignore[return-value]

    def _draw(self, camera: str) -> NDArray[np.uint8]:
        return draw(self.world, camera, self.settings.protocol.size(camera))

    @property
    def subtasks_left(self) -> int:
        """Tasks of the chain that are not done yet, the current one among them."""
        return len(self._subtasks) - self._completed

    def privileged(self) -> dict[str, Any]:
        """Poses, joints, contacts and the current task by name; `privileged.look` lists it."""
        return look(self.world, self._subtasks[min(self._completed, len(self._subtasks) - 1)])

    def caption(self, outcome: Outcome, limit: int) -> str:
        """How far the chain is, in words for a video."""
        number = min(outcome.completed + 1, len(outcome.subtasks))
        return f"task {number} of {len(outcome.subtasks)}, step {self._subtask_steps}/{limit}"

    def close(self) -> None:
        """Frees the physics client."""
        self.world.close()


def _check(suite: CalvinSuite, task: int) -> None:
    count = len(suite.tasks)
    if not 0 <= task < count:
        known = "one task, 0: its chains are initial states" if count == 1 else f"tasks 0 to {count - 1}"
        raise VvlaError(f"suite '{suite.name}' has {known}; there is no task {task}")
