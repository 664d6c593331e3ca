"""The Panda gripper: shape and stance. Its frame, at the grip site: x is where the fingers close, z where it points."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from vvla_policies.baselines.scripted.libero.geometry import UP, Array, Boxes, Pose, turn

TIP = 0.0095
"""From the grip site to the ends of the fingers."""
PALM = 0.031
"""From the grip site back to the hand."""
WRIST = 0.204
"""From the grip site back to the wrist."""
SHOULDER = 0.333
"""Height of the shoulder over the base."""
NEAREST, FURTHEST = 0.34, 0.70
"""Between wrist and shoulder."""
LAST_JOINT = 2.5
"""To which the last joint turns with ease."""
REST = np.pi / 2
"""Heading of the closing axis at which the last joint is in the middle of what suits it."""


def stance(angle: float, lean: Array | None = None) -> Array:
    """Rotation of a gripper that points down, closing along a heading.

    Args:
        angle: heading of the closing axis.
        lean: rotation vector (3,) by which it is tilted afterwards.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    down: Array = np.array([[cosine, sine, 0.0], [sine, -cosine, 0.0], [0.0, 0.0, -1.0]])
    if lean is None or not np.any(lean):
        return down
    size = float(np.linalg.norm(lean))
    return turn(lean / size, size) @ down


def nearest_stance(angle: float) -> float:
    """The same closing axis, as a heading within a quarter turn of `REST` (fingers are alike).

    >>> bool(abs(nearest_stance(-0.1) - (np.pi - 0.1)) < 1e-9)
    True
    """
    return float((angle - REST + np.pi / 2) % np.pi + REST - np.pi / 2)


def stances(angle: float) -> tuple[float, float]:
    """Both headings that have that closing axis, the more usual one first."""
    usual = nearest_stance(angle)
    return usual, usual + (np.pi if usual < REST else -np.pi)


def heading_of(rot: Array) -> float:
    """Heading of the closing axis."""
    return float(np.arctan2(rot[1, 0], rot[0, 0]))


@dataclass(frozen=True)
class Arm:
    """How the arm stands: position (3,) of its base, pose of the grip site, angle of the last joint."""

    base: Array
    grip: Pose
    last: float

    def strain(self, pose: Pose) -> float:
        """How hard a pose of the grip site is: last joint turned too far, wrist too near the shoulder or too far."""
        bearing = [np.arctan2(*(at.pos - self.base)[[1, 0]]) for at in (self.grip, pose)]
        spun = _wrapped(heading_of(pose.rot) - heading_of(self.grip.rot))
        last = self.last - spun + bearing[1] - bearing[0]
        wrist = pose.point((0.0, 0.0, -WRIST))
        away = float(np.linalg.norm(wrist - self.base - np.array([0.0, 0.0, SHOULDER])))
        return float(max(0.0, abs(last) - LAST_JOINT)) + 10 * max(0.0, NEAREST - away, away - FURTHEST)


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def fingers(opening: float = 0.077) -> Array:
    """Points (n, 3) on the outside of the fingers, in the gripper's frame."""
    inner = opening / 2
    heights = (TIP, 0.003, -0.004, -0.011, -0.018, -0.026, -0.034, -0.042)
    thick = (0.0, 0.007, 0.014)
    low = [(side * (inner + x), y, z) for side, x, y, z in product((-1, 1), thick, (-0.009, 0.009), heights)]
    high = [(side * (inner + 0.026), y, z) for side, y, z in product((-1, 1), (-0.0105, 0.0105), (-0.02, -0.04))]
    return np.array(low + high)


def hand() -> Array:
    """Points (n, 3) on the outside of the hand, in the gripper's frame."""
    return np.array(list(product(np.linspace(-0.104, 0.104, 6), (-0.032, 0.0, 0.032), np.linspace(-0.12, -0.031, 6))))


FINGERS, HAND = fingers(), hand()


def trouble(pose: Pose, boxes: Boxes, margin: float = 0.006, back: tuple[float, ...] = (0.0, 0.04, 0.09)) -> float:
    """By how much the open gripper runs into boxes at a pose and on its straight way there, m summed over points.

    Args:
        pose: of the grip site.
        boxes: what it may run into.
        margin: distance (m) that counts as too close.
        back: distances from the pose, against the direction in which the gripper points, at which to look.
    """
    shape = np.concatenate([FINGERS, HAND])
    points = np.concatenate([pose.point(shape - np.array([0.0, 0.0, step])) for step in back])
    return float(np.clip(margin - boxes.distance(points), 0, None).sum())


def solid(pose: Pose) -> Boxes:
    """The open gripper as boxes: the hand and two fingers."""
    inner, upper = 0.0385, -PALM
    low = np.array([[-0.104, -0.032, -0.12], [inner, -0.0105, upper], [-inner - 0.026, -0.0105, upper]])
    high = np.array([[0.104, 0.032, upper], [inner + 0.026, 0.0105, TIP], [-inner, 0.0105, TIP]])
    return Boxes(pose.point((low + high) / 2), np.stack([pose.rot] * 3), (high - low) / 2)


def descent(pose: Pose, boxes: Boxes, height: float = 0.3, margin: float = 0.008) -> float:
    """By how much (m) the open gripper runs into boxes on its way straight down to a pose."""
    return float(solid(pose).swept_into(height * UP, boxes, margin).max(initial=0.0))


def squeezed(pose: Pose, boxes: Boxes, margin: float = 0.001) -> float:
    """By how much the open fingers run into the object that they are to grasp."""
    points = np.concatenate([pose.point(FINGERS - np.array([0.0, 0.0, step])) for step in (0.0, 0.02)])
    return float(np.clip(margin - boxes.distance(points), 0, None).sum())
