"""CALVIN's robot: a Panda arm with longer fingers, driven by relative actions through inverse kinematics.

An action moves a target pose that is remembered from step to step (it is not measured anew), as the original's default
has it; PyBullet's damped inverse kinematics turns the target into joint positions that motors follow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.calvin.scenes import BASE_POSITION, REST_JOINTS

Array = NDArray[np.float64]

FILE = "franka_panda/panda_longer_finger.urdf"
ARM = tuple(range(7))
FINGERS = (9, 11)
TCP, CAMERA = "tcp", "gripper_cam"
JOINT_FORCE, GRIPPER_FORCE, OPENING_FORCE = 200.0, 200.0, 2.0
JOINT_VELOCITY, FINGER_VELOCITY = 2.0, 1.0
FINGER_OPEN, FINGER_CLOSED = 0.04, 0.0
STEP_POSITION, STEP_ROTATION = 0.02, 0.05
"""One unit of action: m and rad."""

LOWEST = (-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973)
HIGHEST = (2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973)
"""Limits of the arm's joints, rad."""

NULL_SPACE_LIMIT = 7.0
"""Limits and ranges of all joints that PyBullet's null-space search is told, rad."""


class Robot:
    """The robot in a PyBullet world.

    Args:
        bullet: PyBullet's functions, bound to one physics client.
        assets: the asset folder.
    """

    def __init__(self, bullet: Any, assets: Path) -> None:
        self._bullet = bullet
        self.body = bullet.loadURDF(
            fileName=str(assets / FILE),
            basePosition=BASE_POSITION,
            baseOrientation=bullet.getQuaternionFromEuler((0, 0, 0)),
            useFixedBase=True,
        )
        self.links = {bullet.getJointInfo(self.body, i)[12].decode(): i for i in range(bullet.getNumJoints(self.body))}
        self._add_pedestal()
        self._centre_fingers()
        degrees = bullet.computeDofCount(self.body)
        self._null_space = (
            [-NULL_SPACE_LIMIT] * degrees,
            [NULL_SPACE_LIMIT] * degrees,
            [NULL_SPACE_LIMIT] * degrees,
            [*REST_JOINTS, FINGER_OPEN, FINGER_OPEN],
        )
        self.gripper = 1
        self.reset(REST_JOINTS, FINGER_OPEN)

    def _add_pedestal(self) -> None:
        """A cylinder to look at, not to touch; shifted twice by its position, as in the original."""
        x, y, z = BASE_POSITION
        shape = self._bullet.createVisualShape(
            shapeType=self._bullet.GEOM_CYLINDER,
            rgbaColor=[1, 1, 1, 1],
            radius=0.13,
            length=z,
            visualFramePosition=[x - 0.05, y, z / 2],
        )
        self._bullet.createMultiBody(baseVisualShapeIndex=shape)

    def _centre_fingers(self) -> None:
        constraint = self._bullet.createConstraint(
            self.body, FINGERS[0], self.body, FINGERS[1],
            jointType=self._bullet.JOINT_GEAR,
            jointAxis=[1, 0, 0],
            parentFramePosition=[0, 0, 0],
            childFramePosition=[0, 0, 0],
        )  # fmt: skip
        self._bullet.changeConstraint(constraint, gearRatio=-1, erp=0.1, maxForce=50)

    def reset(self, joints: Array | tuple[float, ...], finger: float) -> None:
        """Puts arm (7 joints, rad) and both fingers (m) there, at rest, and takes that pose as the target.

        The last gripper command stays what it was, as in the original.
        """
        for joint, position in zip(ARM, joints, strict=True):
            self._place(joint, float(position), JOINT_FORCE, JOINT_VELOCITY)
        for joint in FINGERS:
            self._place(joint, float(finger), GRIPPER_FORCE, FINGER_VELOCITY)
        position, quat = self.pose(TCP)
        self._target_position = np.array(position)
        self._target_rotation = np.array(self._bullet.getEulerFromQuaternion(quat))

    def _place(self, joint: int, position: float, force: float, velocity: float) -> None:
        self._bullet.resetJointState(self.body, joint, position)
        self._drive(joint, position, force, velocity)

    def _drive(self, joint: int, position: float, force: float, velocity: float) -> None:
        self._bullet.setJointMotorControl2(
            bodyIndex=self.body,
            jointIndex=joint,
            controlMode=self._bullet.POSITION_CONTROL,
            targetPosition=position,
            force=force,
            maxVelocity=velocity,
        )

    def apply(self, action: Array) -> None:
        """Moves the target by an action and sets the motors to follow it.

        Args:
            action: (7,): position and extrinsic xyz euler angles of the tool in units of 0.02 m and 0.05 rad, world
                frame; gripper, opening if above 0, else closing.
        """
        self._target_position += action[:3] * STEP_POSITION
        self._target_rotation += action[3:6] * STEP_ROTATION
        self.gripper = 1 if action[6] > 0 else -1
        for joint, position in zip(ARM, self._joints_at_target(), strict=True):
            self._drive(joint, position, JOINT_FORCE, JOINT_VELOCITY)
        opening = self.gripper > 0
        for joint in FINGERS:
            self._drive(
                joint,
                FINGER_OPEN if opening else FINGER_CLOSED,
                OPENING_FORCE if opening else GRIPPER_FORCE,
                FINGER_VELOCITY,
            )

    def _joints_at_target(self) -> Array:
        rotation = self._bullet.getQuaternionFromEuler(self._target_rotation)
        found = self._bullet.calculateInverseKinematics(
            self.body, self.links[TCP], self._target_position, rotation, *self._null_space
        )
        joints: Array = np.clip(found[: len(ARM)], LOWEST, HIGHEST)
        return joints

    def pose(self, link: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Position (m) and orientation (xyzw) of a link's centre of mass, world frame, after the last physics step."""
        position, quat = self._bullet.getLinkState(self.body, self.links[link])[:2]
        return position, quat

    @property
    def target(self) -> Array:
        """The pose that actions add to, (6,): position (m) and extrinsic xyz euler angles (rad)."""
        return np.concatenate([self._target_position, self._target_rotation])

    def joints(self) -> list[float]:
        """The seven joints of the arm, rad."""
        return [self._bullet.getJointState(self.body, joint)[0] for joint in ARM]

    def fingers(self) -> list[float]:
        """How far each finger is open, m."""
        return [self._bullet.getJointState(self.body, joint)[0] for joint in FINGERS]

    def observation(self) -> Array:
        """CALVIN's `robot_obs`.

        Returns:
            float64 (15,): tool position (3, m) and extrinsic xyz euler angles (3, rad), opening width (m), arm joints
            (7, rad), last gripper command (+1 open, -1 closed).
        """
        position, quat = self.pose(TCP)
        euler = self._bullet.getEulerFromQuaternion(quat)
        return np.array([*position, *euler, sum(self.fingers()), *self.joints(), self.gripper])
