"""Moves and how they are driven: proportional control to a pose, bounded in speed and in change of speed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from vvla_policies.baselines.scripted.libero.geometry import Array, Pose, rotation_vector
from vvla_policies.baselines.scripted.libero.scene import Scene

METRES_PER_UNIT = 0.05
RADIANS_PER_UNIT = 0.5
GAIN = 1.6
"""How far the controller's goal is put ahead of the error; at 1 it is critically damped."""
TURN_GAIN = 1.3
MOST_CHANGE = 0.4
"""Of an action's entry from one step to the next."""

CARRIED_SPIN, CARRIED_CHANGE = 0.4, 0.25
"""Largest rotation command, and change, while something is in the hand."""

OPEN, CLOSED = 1.0, -1.0

PASSING, PASSING_TURNED = 0.03, 0.3
"""How far off a straight way (m, rad) a hand still counts as being on it."""
WIDE, AJAR = 0.06, 0.01
"""Openings (m) from which on the fingers are open, and not shut."""
CLOSE = 0.015
"""Distance (m) from a grasp at which fingers may be closing on it."""


@dataclass(frozen=True)
class Move:
    """One stretch of motion, over when the gripper is near its pose, or still, or out of time.

    Attributes:
        pose: where the grip site should go; None stays where it is.
        grip: the gripper's command, +1 open, -1 closed.
        near: distance (m) at which the move is over.
        near_angle: angle (rad) at which it is over.
        speed: largest translation command, of 1.
        least: steps before it may be over.
        most: steps after which it is over in any case.
        until_still: it is also over when the hand is held up (pushes, lowering).
        until_shut: it is over when the fingers stop moving.
        vital: out of time, the skill is given up.
        carries: the object that must stay in the hand; if it is lost, the skill is given up.
        joint: it is also over when that joint has come to `joint_at`, from either side.
        joint_at: rad or m.
        label: for reports.
    """

    pose: Pose | None = None
    grip: float = OPEN
    near: float = 0.006
    near_angle: float = 0.1
    speed: float = 1.0
    least: int = 0
    most: int = 50
    until_still: bool = False
    until_shut: bool = False
    vital: bool = False
    carries: str | None = None
    joint: str | None = None
    joint_at: float = 0.0
    rising: bool = True
    label: str = ""


@dataclass
class Progress:
    """How far a move has come.

    Attributes:
        steps: since it began.
        start: where the grip site was when it began; what `pose=None` holds.
        places: the last grip positions, oldest first.
        openings: the last openings of the fingers.
    """

    steps: int = 0
    start: Pose | None = None
    places: list[Array] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)


def command(move: Move, progress: Progress, scene: Scene, before: Array) -> Array:
    """The next action of a move.

    Args:
        move: what to do.
        progress: how far it has come.
        scene: as it is now.
        before: the last action (7,).

    Returns:
        (7,) in [-1, 1].
    """
    target = move.pose or progress.start or scene.grip
    shift = GAIN * (target.pos - scene.grip.pos) / METRES_PER_UNIT
    # what led aside is made good at once, not in proportion to how far there is to go
    aside = shift - _along(shift, target.pos - (progress.start or scene.grip).pos)
    spin = TURN_GAIN * rotation_vector(target.rot @ scene.grip.rot.T) / RADIANS_PER_UNIT
    most_spin, most_change = (CARRIED_SPIN, CARRIED_CHANGE) if move.carries else (1.0, MOST_CHANGE)
    straight = _within(_within(shift - aside, move.speed) + _within(aside, move.speed), move.speed)
    wanted = np.concatenate([straight, _within(spin, most_spin)])
    wanted[2] = max(wanted[2], min(shift[2], move.speed))  # up first: what is in the way is below
    change = wanted - before[:6]
    smooth = before[:6] + np.clip(change, -most_change, most_change)
    return np.append(np.clip(smooth, -1.0, 1.0), move.grip)


def follow(progress: Progress, scene: Scene) -> None:
    """Takes in where the gripper is now."""
    if progress.start is None:
        progress.start = scene.grip
    progress.places = [*progress.places[-3:], scene.grip.pos]
    progress.openings = [*progress.openings[-2:], scene.opening]


def over(move: Move, progress: Progress, scene: Scene) -> bool:
    """Whether a move has come to its end."""
    if progress.steps < move.least:
        return False
    if progress.steps >= move.most:
        return True
    if move.joint is not None and (scene.joints[move.joint] >= move.joint_at) == move.rising:
        return True
    if move.until_shut:
        return _at_rest(np.array(progress.openings), 3, 0.0006)
    if move.until_still and progress.steps >= 6 and _at_rest(np.array(progress.places), 4, 0.0015):
        return True
    if move.pose is None:
        return True
    away = float(np.linalg.norm(move.pose.pos - scene.grip.pos))
    twist = float(np.linalg.norm(rotation_vector(move.pose.rot @ scene.grip.rot.T)))
    return away <= move.near and twist <= move.near_angle


def failed(move: Move, progress: Progress, scene: Scene) -> bool:
    """Whether the skill is to be given up: what is carried is lost, or the hand is stuck on its way."""
    stuck = move.vital and progress.steps >= move.most
    return stuck or _lost(move, scene)


def underway(scene: Scene, before: Pose, at: Pose) -> bool:
    """Whether an expert that takes over finds the hand on the straight way between two poses already.

    It then goes on, as one does that began the move. One that failed by itself comes again from where the way begins.
    """
    if not scene.taken_over:
        return False
    line = at.pos - before.pos
    share = float(np.clip((scene.grip.pos - before.pos) @ line / (line @ line), 0.0, 1.0))
    aside = float(np.linalg.norm(scene.grip.pos - before.pos - share * line))
    twist = float(np.linalg.norm(rotation_vector(at.rot @ scene.grip.rot.T)))
    return bool(aside <= PASSING and twist <= PASSING_TURNED)


def opened(scene: Scene, at: Pose) -> bool:
    """Whether the fingers are open, or so near a grasp that they may be closing on it."""
    there = float(np.linalg.norm(at.pos - scene.grip.pos)) <= CLOSE
    return bool(scene.opening > (AJAR if there else WIDE))


def _lost(move: Move, scene: Scene) -> bool:
    if move.carries is None:
        return False
    corners = scene.grip.local(scene.shape(move.carries).corners().reshape(-1, 3))
    low, high = corners.min(axis=0) - 0.02, corners.max(axis=0) + 0.02
    return bool((low > 0).any() or (high < 0).any())


def _at_rest(values: Array, count: int, most: float) -> bool:
    return len(values) >= count and float(np.abs(values - values[-1]).max()) <= most


def _along(vector: Array, way: Array) -> Array:
    """The part of a vector that goes along a way; all of it if there is no way."""
    size = float(np.linalg.norm(way))
    return vector if size < 1e-3 else way * (float(vector @ way) / size**2)


def _within(vector: Array, most: float) -> Array:
    """Shortened, if it must be, so that no entry exceeds `most`."""
    largest = float(np.abs(vector).max())
    return vector if largest <= most else vector * (most / largest)
