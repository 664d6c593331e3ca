"""Poses, rotations and boxes. Lengths in m, angles in rad, world frame unless said; rotations are 3x3 matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
UP = np.array([0.0, 0.0, 1.0])


def rotation_of(quat: ArrayLike) -> Array:
    """Rotation matrix (3, 3) of a unit quaternion xyzw.

    >>> rotation_of([0.0, 0.0, 1.0, 0.0]).round(6).tolist()
    [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x, y, z, w = np.asarray(quat, dtype=np.float64)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def turn(axis: ArrayLike, angle: float) -> Array:
    """Rotation matrix by an angle about a unit axis.

    >>> (turn([0, 0, 1], np.pi / 2) @ [1, 0, 0]).round(6).tolist()
    [0.0, 1.0, 0.0]
    """
    x, y, z = np.asarray(axis, dtype=np.float64)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    matrix: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return matrix


def rotation_vector(matrix: Array) -> Array:
    """Axis times angle (3,) of a rotation matrix, the angle in [0, pi].

    >>> rotation_vector(turn([0, 0, 1], -0.5)).round(6).tolist()
    [0.0, 0.0, -0.5]
    """
    skew = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]) / 2
    sine, cosine = float(np.linalg.norm(skew)), (float(np.trace(matrix)) - 1) / 2
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-6:
        return skew * (angle / sine)
    if cosine > 0:
        return skew
    axis = np.sqrt(np.clip((np.diag(matrix) + 1) / 2, 0, None))
    largest = int(np.argmax(axis))
    signs = np.sign(matrix[largest])
    signs[largest] = 1.0
    return np.pi * axis * np.where(signs == 0, 1.0, signs)


def angle_between(a: Array, b: Array) -> float:
    """Angle by which two rotations differ."""
    return float(np.linalg.norm(rotation_vector(a @ b.T)))


def heading(angle: float) -> Array:
    """Horizontal unit vector (3,) at that angle from the x axis."""
    return np.array([np.cos(angle), np.sin(angle), 0.0])


@dataclass(frozen=True)
class Pose:
    """A position (3,) and a rotation (3, 3)."""

    pos: Array
    rot: Array

    @classmethod
    def of(cls, row: ArrayLike) -> Pose:
        """From (7,): position and quaternion xyzw."""
        values = np.asarray(row, dtype=np.float64)
        return cls(values[:3], rotation_of(values[3:7]))

    def point(self, local: ArrayLike) -> Array:
        """World coordinates of points (..., 3) given in this frame."""
        return np.asarray(local, dtype=np.float64) @ self.rot.T + self.pos

    def local(self, points: ArrayLike) -> Array:
        """Coordinates in this frame of world points (..., 3)."""
        return (np.asarray(points, dtype=np.float64) - self.pos) @ self.rot

    def __matmul__(self, other: Pose) -> Pose:
        return Pose(self.point(other.pos), self.rot @ other.rot)

    def inverse(self) -> Pose:
        """The pose that undoes this one."""
        return Pose(-self.rot.T @ self.pos, self.rot.T)

    def moved(self, by: ArrayLike) -> Pose:
        """Shifted by a world vector."""
        return Pose(self.pos + np.asarray(by, dtype=np.float64), self.rot)


class Boxes:
    """Many boxes at once.

    Args:
        centre: (n, 3).
        rot: (n, 3, 3).
        half: (n, 3) half lengths.
    """

    def __init__(self, centre: Array, rot: Array, half: Array) -> None:
        self.centre, self.rot, self.half = centre, rot, half

    def __len__(self) -> int:
        return len(self.centre)

    @classmethod
    def of(cls, rows: Array, frame: Pose) -> Boxes:
        """From rows (n, 10) of centre, quaternion and half lengths, given in a frame."""
        turns = np.array([frame.rot @ rotation_of(row[3:7]) for row in rows]).reshape(-1, 3, 3)
        return cls(frame.point(rows[:, :3]), turns, rows[:, 7:10])

    @classmethod
    def together(cls, many: list[Boxes]) -> Boxes:
        """All boxes of a list."""
        if not many:
            return cls(np.zeros((0, 3)), np.zeros((0, 3, 3)), np.zeros((0, 3)))
        return cls(*(np.concatenate([getattr(b, k) for b in many]) for k in ("centre", "rot", "half")))

    def near(self, point: Array, radius: float) -> Boxes:
        """Those that come within a distance of a point."""
        local = np.einsum("nij,ni->nj", self.rot, point - self.centre)
        keep = np.linalg.norm(np.clip(np.abs(local) - self.half, 0, None), axis=1) < radius
        return Boxes(self.centre[keep], self.rot[keep], self.half[keep])

    def corners(self) -> Array:
        """All corners, (n, 8, 3)."""
        signs = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], dtype=np.float64)
        corners: Array = self.centre[:, None] + np.einsum("nij,nkj->nki", self.rot, signs * self.half[:, None])
        return corners

    def distance(self, points: Array) -> Array:
        """Signed distance (m,) of points (m, 3) to the nearest box, negative inside; 1 if there are none."""
        if not len(self):
            return np.ones(len(points))
        local = np.einsum("nij,mni->mnj", self.rot, points[:, None] - self.centre)
        over = np.abs(local) - self.half
        outside = np.linalg.norm(np.clip(over, 0, None), axis=2)
        return np.asarray((outside + np.minimum(over.max(axis=2), 0)).min(axis=1))

    def moved(self, by: ArrayLike) -> Boxes:
        """Shifted by a world vector."""
        return Boxes(self.centre + np.asarray(by, dtype=np.float64), self.rot, self.half)

    def swept_into(self, way: Array, still: Boxes, margin: float = 0.0) -> Array:
        """By how much each box (m, n) runs into each of `still` while it is shifted by `way` (3,); 0 if it is clear.

        Two convex bodies are apart if they are along one of the axes on which faces and edges of theirs are seen edge
        on (the separating axis theorem); what is swept has the edges of the box and those along the way.
        """
        axes = _axes_apart(self.rot, still.rot, way)  # (m, n, k, 3)
        mine = np.einsum("mnkj,mj->mnk", np.abs(np.einsum("mnkd,mdj->mnkj", axes, self.rot)), self.half)
        theirs = np.einsum("mnkj,nj->mnk", np.abs(np.einsum("mnkd,ndj->mnkj", axes, still.rot)), still.half)
        away = np.einsum("mnkd,mnd->mnk", axes, still.centre[None] - self.centre[:, None])
        shift = axes @ way
        gap = np.maximum(away - np.maximum(shift, 0), np.minimum(shift, 0) - away)
        depth = np.where(np.isnan(gap), np.inf, mine + theirs + margin - gap)
        return np.asarray(np.clip(depth.min(axis=2), 0, None))

    def tops_below(self, points: Array) -> Array:
        """Height (m,) of the first top straight below points (m, 3), leaving out boxes round them; -inf without one."""
        if not len(self):
            return np.full(len(points), -np.inf)
        start = np.einsum("nij,mni->mnj", self.rot, points[:, None] - self.centre)
        down = -self.rot[:, 2, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            low = (-self.half - start) / down
            high = (self.half - start) / down
        low, high = np.minimum(low, high), np.maximum(low, high)
        parallel = np.abs(down) < 1e-9
        inside = np.abs(start) <= self.half
        low = np.where(parallel, np.where(inside, -np.inf, np.inf), low)
        high = np.where(parallel, np.where(inside, np.inf, -np.inf), high)
        enter, leave = low.max(axis=2), high.min(axis=2)
        hit = (enter <= leave) & (enter >= 0)
        reach = np.where(hit, enter, np.inf).min(axis=1)
        return np.asarray(points[:, 2] - reach)


def _axes_apart(mine: Array, theirs: Array, way: Array) -> Array:
    """Unit axes (m, n, 21, 3) to look along for boxes (m, 3, 3) on their way past others (n, 3, 3); nan where none."""
    shape = (len(mine), len(theirs), 3, 3)
    a = np.broadcast_to(mine.transpose(0, 2, 1)[:, None], shape)
    b = np.broadcast_to(theirs.transpose(0, 2, 1)[None], shape)
    edges = np.cross(a[:, :, :, None], b[:, :, None]).reshape(*shape[:2], 9, 3)
    axes = np.concatenate([a, b, edges, np.cross(a, way), np.cross(b, way)], axis=2)
    size = np.linalg.norm(axes, axis=3, keepdims=True)
    unit: Array = axes / np.where(size > 1e-6, size, np.nan)
    return unit
