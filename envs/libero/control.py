"""The Panda's controller: robosuite's OSC_POSE and gripper, on MuJoCo's own arrays.

robosuite looks names, limits and indices up again at every physics substep, which takes longer than the physics. Here
whatever stays the same during an episode is looked up once. The arithmetic is robosuite's, bit for bit: the order of
the operations, its compiled linear algebra, and the layouts in memory, by which BLAS chooses how to add up.

Source of the method: O. Khatib, "A unified approach for motion and force control of robot manipulators", 1987.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class PandaController:
    """Turns actions into torques, for one episode.

    Args:
        robot: robosuite's arm, after the reset and before the first step.
        model: its MjModel.
        data: its MjData; `ctrl` is written, and the constraint solver run.
    """

    def __init__(self, robot: Any, model: Any, data: Any) -> None:
        from robosuite.utils import control_utils  # loaded by now, quietly

        self._laws, self._osc = control_utils, robot.controller
        self._model, self._data = model, data
        self._joints, self._dofs = _span(self._osc.qpos_index), _span(self._osc.qvel_index)
        self._site = model.site(self._osc.eef_name).id
        self._site_position = data.site_xpos[self._site]
        self._site_rotation = data.site_xmat[self._site].reshape(3, 3)
        self._set_up_arm(robot)
        self._set_up_gripper(robot.gripper)

    def _set_up_arm(self, robot: Any) -> None:
        """Limits and goal, and the state that robosuite read during the reset."""
        osc, low_high = self._osc, self._model.actuator_ctrlrange[robot._ref_joint_actuator_indexes]  # noqa: SLF001
        self._low, self._high = low_high[:, 0].copy(), low_high[:, 1].copy()
        self._torques = self._data.ctrl[_span(robot._ref_joint_actuator_indexes)]  # noqa: SLF001
        self._bias = self._data.qfrc_bias[self._dofs]
        self._rest = osc.initial_joint.copy()
        self._goal_position, self._goal_rotation = osc.goal_pos.copy(), osc.goal_ori.copy()
        self._position, self._rotation = osc.ee_pos.copy(), osc.ee_ori_mat.copy()
        self._velocity = np.concatenate([osc.ee_pos_vel, osc.ee_ori_vel])
        self._joint_position, self._joint_velocity = osc.joint_pos.copy(), osc.joint_vel.copy()
        layouts = (osc.J_pos, osc.J_ori, osc.J_full, osc.mass_matrix)  # by column
        self._linear, self._angular, self._jacobian, self._mass = (matrix.copy("F") for matrix in layouts)
        self._all_linear, self._all_angular = np.zeros((2, 3, self._model.nv))  # of every joint in the scene
        self._all_mass = np.zeros((self._model.nv, self._model.nv))
        self._stiffness, self._damping = osc.kp.copy(), osc.kd.copy()
        self._error, self._wrench = np.zeros((2, 6))
        self._known = True

    def _set_up_gripper(self, gripper: Any) -> None:
        """The fingers move at a constant speed towards open or closed."""
        actuators = [self._model.actuator(name).id for name in gripper.actuators]
        low, high = self._model.actuator_ctrlrange[actuators].T
        self._middle, self._reach = 0.5 * (high + low), 0.5 * (high - low)
        self._fingers = self._data.ctrl[_span(actuators)]
        self._grip = np.zeros(len(actuators))
        self._closing = np.array([-1.0, 1.0]) * gripper.speed
        self._move = np.zeros(len(actuators))

    def apply(self, action: Array, new: bool) -> None:
        """Sets the controls of one physics substep, whose state `mj_forward` has been called for.

        Args:
            action: (7,), in robosuite's convention.
            new: whether the control step begins; the goal is then set from where the arm is.
        """
        self._read_state()
        if new:
            self._set_goal(action)
        torques = self._arm_torques()
        np.minimum(np.maximum(torques, self._low), self._high, out=self._torques)
        self._grip = np.minimum(np.maximum(self._grip + self._move, -1.0), 1.0)
        self._fingers[:] = self._middle + self._reach * self._grip

    def _read_state(self) -> None:
        """Where the arm is, how it moves, and its dynamics.

        The first substep of an episode uses what robosuite read during the reset, before the recorded state was set.
        """
        if self._known:
            self._known = False
            return
        model, data = self._model, self._data
        # What is left of robosuite's second forward: the solver, from where it ended just now. It moves its next start.
        mujoco.mj_fwdConstraint(model, data)
        mujoco.mj_jacSite(model, data, self._all_linear, self._all_angular, self._site)
        mujoco.mj_fullM(model, self._all_mass, data.qM)
        dofs, velocities = self._dofs, data.qvel
        self._position[:] = self._site_position
        self._rotation[:] = self._site_rotation
        self._velocity[:3] = np.dot(self._all_linear, velocities)
        self._velocity[3:] = np.dot(self._all_angular, velocities)
        self._joint_position[:] = data.qpos[self._joints]
        self._joint_velocity[:] = velocities[dofs]
        self._linear[:] = self._jacobian[:3] = self._all_linear[:, dofs]
        self._angular[:] = self._jacobian[3:] = self._all_angular[:, dofs]
        self._mass[:] = self._all_mass[dofs, dofs]

    def _set_goal(self, action: Array) -> None:
        """The pose to go to, and where the fingers go; without a rotation the last goal's orientation is held."""
        delta = self._osc.scale_action(action[:6])
        if delta[3:].any():
            self._goal_rotation = self._laws.set_goal_orientation(delta[3:], self._rotation)
        self._goal_position = self._position + delta[:3]
        self._move = self._closing * np.sign(action[6:])

    def _arm_torques(self) -> Array:
        """Operational space control, position and orientation apart, the rest posture in the null space: (7,), N m."""
        laws, error = self._laws, self._error
        np.subtract(self._goal_position, self._position, out=error[:3])
        error[3:] = laws.orientation_error(self._goal_rotation, self._rotation)
        wanted = self._stiffness * error - self._damping * self._velocity
        _, inertia_linear, inertia_angular, null_space = laws.opspace_matrices(
            self._mass, self._jacobian, self._linear, self._angular
        )
        np.dot(inertia_linear, wanted[:3], out=self._wrench[:3])
        np.dot(inertia_angular, wanted[3:], out=self._wrench[3:])
        torques: Array = np.dot(self._jacobian.T, self._wrench) + self._bias
        torques += laws.nullspace_torques(
            self._mass, null_space, self._rest, self._joint_position, self._joint_velocity
        )
        return torques


def _span(indices: Sequence[int]) -> slice:
    """Consecutive indices as a slice, which makes views instead of copies."""
    first = int(indices[0])
    assert [int(index) for index in indices] == list(range(first, first + len(indices))), indices
    return slice(first, first + len(indices))
