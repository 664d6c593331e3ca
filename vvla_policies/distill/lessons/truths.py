"""What is where in the pictures of a demonstration, of either benchmark: ground for questions and answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

GRIPPER, REGION = "gripper", "region"


@dataclass(frozen=True)
class Truths:
    """What holds in N frames.

    Attributes:
        things: names of objects and fixtures, such as "akita_black_bowl_1", of the task's regions, and the
            gripper, last.
        categories: the category of each; `REGION` for regions.
        points: float32 (N, things, 2, 2): (x, y) in the third-person picture and in the wrist's, from the upper left
            corner of the upright picture, in units of its edge; NaN where it lies outside.
        held: int64 (N,), the number of the thing between the fingers; -1 for none.
        joints: names of what opens, slides, turns or shines.
        openness: float32 (N, joints), from one end of the range (0) to the other (1).
        interest: names of what the task is about, the moved thing first.
        surfaces: names of what things may lie on; () where it is not told.
        under: int64 (N, things), the number of the surface that a thing lies on, -1 for none; (0, 0) where it is not
            told.
    """

    things: tuple[str, ...]
    categories: tuple[str, ...]
    points: NDArray[np.float32]
    held: NDArray[np.int64]
    joints: tuple[str, ...]
    openness: NDArray[np.float32]
    interest: tuple[str, ...]
    surfaces: tuple[str, ...] = ()
    under: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), dtype=np.int64))


def on_picture(local: NDArray[np.float64], fov: float) -> NDArray[np.float64]:
    """Where points appear in the upright, square picture of a camera.

    Args:
        local: (n, 3), m, in the frame of the camera, which looks along -z with y upwards.
        fov: its field of view, degrees.

    Returns:
        (n, 2), x to the right and y down in units of the edge; NaN outside the picture or behind the camera.
    """
    depth = -local[:, 2:]
    scale = 0.5 / np.tan(np.deg2rad(fov) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        flat = 0.5 + scale * local[:, :2] * [1.0, -1.0] / depth
    inside = (depth > 0) & (flat >= 0).all(axis=1, keepdims=True) & (flat < 1).all(axis=1, keepdims=True)
    return np.where(inside, flat, np.nan)
