"""CALVIN's table and everything on it, in one PyBullet world of its own, stepped without drawing.

`World.reset` and `World.step` do what the original does, call by call: PyBullet's results depend on the order in which
things are loaded and set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.calvin.bullet import connect
from vvla_policies.envs.calvin.robot import Robot
from vvla_policies.envs.calvin.scenes import (
    BUTTON,
    DRAWER,
    LED,
    LIGHTBULB,
    LIGHTS,
    SCALE,
    SLIDER,
    SWITCH,
    Scene,
    block_file,
)

Array = NDArray[np.float64]

RATE, SUBSTEPS = 240.0, 8
"""Physics steps per second, and how many of them make one control step (30 Hz)."""

JOINT_FORCE = 4.0
LOAD_POSITION = (0.05, -0.12, 0.46)
OFF_COLOUR = (1.0, 1.0, 1.0, 1.0)
JOINTS = (SLIDER, DRAWER, BUTTON, SWITCH)


@dataclass(frozen=True)
class Body:
    """How a block is and what it touches.

    Attributes:
        uid: PyBullet's number of the body.
        position: (3,), m.
        quat: (4,), xyzw.
        speed: largest component of its linear (m/s) and angular (rad/s) velocity.
        contacts: (body, link) of everything that touches it.
    """

    uid: int
    position: Array
    quat: Array
    speed: float
    contacts: frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Look:
    """All that the task oracle reads, at one moment.

    Attributes:
        robot: number of the robot's body.
        table: number of the table's body.
        links: the table's links by name.
        held: bodies that touch the robot.
        blocks: block name to its state.
        joints: the table's joints by name, m or rad.
        lights: light name to whether it is on.
    """

    robot: int
    table: int
    links: Mapping[str, int]
    held: frozenset[int]
    blocks: Mapping[str, Body]
    joints: Mapping[str, float]
    lights: Mapping[str, bool]


@dataclass
class Trigger:
    """Button or switch: a joint that turns a light on and off when it passes the middle of its range.

    Attributes:
        joint: its name.
        light: the light's name.
        threshold: middle of the joint's range, m.
        on: what it takes its light to be.
        was_pressed: a button: whether it was pressed at the last control step.
    """

    joint: str
    light: str
    threshold: float
    on: bool = False
    was_pressed: bool = False


class World:
    """One scene, with its own physics client.

    Args:
        scene: which.
        assets: the asset folder.
    """

    def __init__(self, scene: Scene, assets: Path) -> None:
        self.scene = scene
        self.assets = assets
        self.bullet = connect()
        self.load()

    # --- making it -----------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Makes the world anew: whatever happened in it before is forgotten."""
        bullet = self.bullet
        bullet.resetSimulation()
        bullet.setTimeStep(1.0 / RATE)
        bullet.setGravity(0, 0, -9.8)
        self.robot = Robot(bullet, self.assets)
        self.blocks = {
            name: bullet.loadURDF(str(self.assets / block_file(name, size)), LOAD_POSITION, globalScaling=SCALE)
            for name, size in self.scene.blocks
        }
        self.table = bullet.loadURDF(str(self.assets / self.scene.table), useFixedBase=False, globalScaling=SCALE)
        self._name_table_parts()
        self._set_motors()
        self.lights = dict.fromkeys(LIGHTS, False)
        self._button = self._trigger(BUTTON, LED)
        self._switch = self._trigger(SWITCH, LIGHTBULB)
        bullet.loadURDF(str(self.assets / "plane/plane.urdf"))

    def _name_table_parts(self) -> None:
        rows = [self.bullet.getJointInfo(self.table, i) for i in range(self.bullet.getNumJoints(self.table))]
        self._joints = {row[1].decode(): row[0] for row in rows}
        self.links = {"base_link": -1, **{row[12].decode(): row[0] for row in rows}}
        self.ranges = {row[1].decode(): (row[8], row[9]) for row in rows}

    def _set_motors(self) -> None:
        """Friction in drawer, door and switch; a spring in the button."""
        bullet = self.bullet
        for name in (SLIDER, DRAWER, SWITCH):
            bullet.setJointMotorControl2(
                self.table, self._joints[name], controlMode=bullet.VELOCITY_CONTROL, force=JOINT_FORCE
            )
        bullet.setJointMotorControl2(
            self.table, self._joints[BUTTON], controlMode=bullet.POSITION_CONTROL, targetPosition=0.0, force=JOINT_FORCE
        )

    def _trigger(self, joint: str, light: str) -> Trigger:
        return Trigger(joint, light, sum(self.ranges[joint]) / 2)

    def close(self) -> None:
        """Frees the physics client."""
        self.bullet.disconnect()

    # --- going to a state, and on from it ------------------------------------------------------------------------

    def reset(self, robot_obs: Array, scene_obs: Array) -> None:
        """Goes to a given state as the original's `reset` does, and makes one physics step.

        As there, velocities that were, the last gripper command and whether the button was pressed stay: call `load`
        first for a start that depends on nothing.

        Args:
            robot_obs: (15,), see `Robot.observation`; only joints and opening width are used.
            scene_obs: (24,), see `scene_obs`.
        """
        for name, position in zip((SLIDER, DRAWER), scene_obs[:2], strict=True):
            self._place(name, position)
        for name, on in zip(LIGHTS, scene_obs[4:6], strict=True):
            self._light(name, on=bool(on))
        self._place(BUTTON, scene_obs[2])
        self._button.on = self.lights[LED]
        self._place(SWITCH, scene_obs[3])
        self._switch.on = False
        for uid, pose in zip(self.blocks.values(), np.split(scene_obs[6:], len(self.blocks)), strict=True):
            quat = self.bullet.getQuaternionFromEuler(pose[3:])
            self.bullet.resetBasePositionAndOrientation(uid, pose[:3], quat)
        self.robot.reset(robot_obs[7:14], robot_obs[6] / 2)
        self.bullet.stepSimulation()

    def step(self, action: Array) -> None:
        """One control step (1/30 s).

        Args:
            action: (7,), see `Robot.apply`.
        """
        self.robot.apply(action)
        for _ in range(SUBSTEPS):
            self.bullet.stepSimulation()
        self._press_button()
        self._throw_switch()

    def _place(self, joint: str, position: float) -> None:
        self.bullet.resetJointState(self.table, self._joints[joint], position)

    def _light(self, name: str, on: bool) -> None:
        link, colour = LIGHTS[name]
        self.lights[name] = on
        self.bullet.changeVisualShape(self.table, self.links[link], rgbaColor=colour if on else OFF_COLOUR)

    def _press_button(self) -> None:
        button = self._button
        pressed = self.joint(button.joint) > button.threshold
        if pressed and not button.was_pressed:
            button.on = not button.on
            self._light(button.light, button.on)
        button.was_pressed = pressed

    def _throw_switch(self) -> None:
        switch = self._switch
        on = self.joint(switch.joint) > switch.threshold
        if on != switch.on:
            switch.on = on
            self._light(switch.light, on)

    # --- reading it ----------------------------------------------------------------------------------------------

    def joint(self, name: str) -> float:
        """Position of one of the table's joints, m."""
        return float(self.bullet.getJointState(self.table, self._joints[name])[0])

    def frame(self, link: str) -> Array:
        """Where the frame of one of the table's links is, (3,), m."""
        return np.array(self.bullet.getLinkState(self.table, self.links[link])[4])

    def scene_obs(self) -> Array:
        """CALVIN's `scene_obs`.

        Returns:
            float64 (24,): sliding door, drawer, button, switch (m), lightbulb, LED (0 or 1), then each block's position
            (m) and extrinsic xyz euler angles (rad).
        """
        poses: list[float] = []
        for uid in self.blocks.values():
            position, quat = self.bullet.getBasePositionAndOrientation(uid)
            poses += (*position, *self.bullet.getEulerFromQuaternion(quat))
        return np.array([*map(self.joint, JOINTS), *map(float, self.lights.values()), *poses])

    def look(self) -> Look:
        """What the task oracle reads, as of the last physics step."""
        touched = frozenset(contact[2] for contact in self.bullet.getContactPoints(bodyA=self.robot.body))
        return Look(
            robot=self.robot.body,
            table=self.table,
            links=self.links,
            held=touched,
            blocks={name: self._body(uid) for name, uid in self.blocks.items()},
            joints={name: self.joint(name) for name in JOINTS},
            lights=dict(self.lights),
        )

    def _body(self, uid: int) -> Body:
        position, quat = self.bullet.getBasePositionAndOrientation(uid)
        linear, angular = self.bullet.getBaseVelocity(uid)
        contacts = self.bullet.getContactPoints(bodyA=uid)
        return Body(
            uid=uid,
            position=np.array(position),
            quat=np.array(quat),
            speed=max(map(abs, (*linear, *angular))),
            contacts=frozenset((contact[2], contact[4]) for contact in contacts),
        )
