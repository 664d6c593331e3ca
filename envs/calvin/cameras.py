"""CALVIN's two cameras: one that stands before the table, one on the robot's hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.calvin.robot import CAMERA
from vvla_policies.envs.calvin.world import World

STATIC_EYE = (2.871459009488717, -2.166602199425597, 2.555159848480571)
STATIC_TARGET = (-0.026242351159453392, -0.0302329882979393, 0.3920000493526459)
STATIC_UP = (0.4041403970338857, 0.22629790978217404, 0.8862616969685161)
STATIC_FOV, WRIST_FOV = 10.0, 75.0
"""Vertical fields of view, degrees."""
NEAR, STATIC_FAR, WRIST_FAR = 0.01, 10.0, 2.0
"""Clipping planes, m."""


def draw(world: World, camera: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """What a camera sees after the last physics step.

    Args:
        world: the world.
        camera: "image" (static) or "wrist_image" (on the hand).
        size: (height, width), px.

    Returns:
        uint8 (H, W, 3), RGB, upright.
    """
    bullet = world.bullet
    height, width = size
    fov, far = (STATIC_FOV, STATIC_FAR) if camera == "image" else (WRIST_FOV, WRIST_FAR)
    drawn = bullet.getCameraImage(
        width=width,
        height=height,
        viewMatrix=_static_view(bullet) if camera == "image" else _wrist_view(world),
        projectionMatrix=bullet.computeProjectionMatrixFOV(fov=fov, aspect=1.0, nearVal=NEAR, farVal=far),
    )
    pixels = np.asarray(drawn[2], dtype=np.uint8).reshape(height, width, 4)
    return np.ascontiguousarray(pixels[:, :, :3])


def view(world: World, camera: str) -> tuple[NDArray[np.float64], float]:
    """Where a camera is, without drawing.

    Args:
        world: the world.
        camera: as in `draw`.

    Returns:
        (4, 4), from the world's frame to the camera's, which looks along its -z with y upwards; and the vertical field
        of view, degrees.
    """
    flat = _static_view(world.bullet) if camera == "image" else _wrist_view(world)
    return np.array(flat).reshape(4, 4).T, STATIC_FOV if camera == "image" else WRIST_FOV


def _static_view(bullet: Any) -> tuple[float, ...]:
    view: tuple[float, ...] = bullet.computeViewMatrix(
        cameraEyePosition=STATIC_EYE, cameraTargetPosition=STATIC_TARGET, cameraUpVector=STATIC_UP
    )
    return view


def _wrist_view(world: World) -> tuple[float, ...]:
    """Along the camera link's y axis, with its z axis downwards."""
    position, quat = world.robot.pose(CAMERA)
    axes = np.array(world.bullet.getMatrixFromQuaternion(quat)).reshape(3, 3)
    view: tuple[float, ...] = world.bullet.computeViewMatrix(position, position + axes[:, 1], -axes[:, 2])
    return view
