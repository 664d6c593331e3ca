"""Small rotation helpers. Quaternions are (w, x, y, z) as in MuJoCo, angles are in rad."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vec3 = tuple[float, float, float]
Quat = tuple[float, float, float, float]
Array = NDArray[np.float64]

ORIGIN: Vec3 = (0.0, 0.0, 0.0)
IDENTITY: Quat = (1.0, 0.0, 0.0, 0.0)
AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def turn(axis: str | Vec3, angle: float) -> Quat:
    """Quaternion of a turn by `angle` (rad) about `axis` ("x", "y", "z" or a unit vector)."""
    x, y, z = AXES[axis] if isinstance(axis, str) else axis
    s = math.sin(angle / 2)
    return (math.cos(angle / 2), x * s, y * s, z * s)


def compose(outer: Quat, inner: Quat) -> Quat:
    """Quaternion product: first `inner`, then `outer`."""
    a, b, c, d = outer
    e, f, g, h = inner
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


def matrix(quat: Quat) -> Array:
    """Rotation matrix (3, 3) of a quaternion."""
    w, x, y, z = np.asarray(quat, dtype=float) / np.linalg.norm(quat)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotated(quat: Quat, vector: Vec3) -> Vec3:
    """`vector` turned by `quat`."""
    x, y, z = matrix(quat) @ np.asarray(vector, dtype=float)
    return (float(x), float(y), float(z))


def shifted(pos: Vec3, quat: Quat, vector: Vec3) -> Vec3:
    """`vector` of a frame at `pos`, `quat` expressed in the parent frame (m)."""
    x, y, z = rotated(quat, vector)
    return (pos[0] + x, pos[1] + y, pos[2] + z)
