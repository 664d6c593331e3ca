"""Moves of the tool, and the actions that carry them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

UNIT_POSITION, UNIT_ROTATION = 0.02, 0.05
"""What one unit of action moves, m and rad."""
OPEN, CLOSED = 1.0, -1.0
GAIN = 0.3
"""Share of the way left that one action goes, so that the hand slows down where it is to stop."""
NEAR, TURNED = 0.004, 0.04
"""A move is over when the tool is that near, m and rad,"""
PASSING, PASSING_TURNED = 0.02, 0.25
"""or that near where it only passes by,"""
NEARER, PATIENCE = 0.001, 10
"""or has come no nearer than so much (m, or as many times 10 rad) in so many steps: something is in its way."""
LEASH = 0.15
"""The pose that actions add to stays that near to the tool, m: against something hard it would run away."""


@dataclass(frozen=True)
class Move:
    """The tool goes to a pose and stays a while.

    Attributes:
        position: (3,) of the tool point, m.
        pitch: how far the tool leans forward (negative: it points away from the robot's side of the table), rad.
        yaw: of the tool, rad; the fingers open across it.
        grip: OPEN or CLOSED.
        speed: share of the largest step.
        hold: steps to stay, for the fingers to close or open.
        passing: the tool need not stop there, and not be there exactly.
    """

    position: Array
    pitch: float
    yaw: float
    grip: float
    speed: float = 1.0
    hold: int = 0
    passing: bool = False

    def missing(self, tool: Array) -> tuple[Array, Array]:
        """What the tool, at a pose (6,), lacks: shift (3,) in m, turn (3,) in rad."""
        return self.position - tool[:3], wrapped(np.array([np.pi, self.pitch, self.yaw]) - tool[3:])


@dataclass
class Progress:
    """How far a move has come: steps since it arrived, the nearest it came, and steps without coming nearer."""

    held: int = 0
    nearest: float = np.inf
    stuck: int = 0


def wrapped(angle: Array | float) -> Array:
    """Angles in [-pi, pi)."""
    return np.asarray((np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi)


def command(move: Move, tool: Array, target: Array) -> Array:
    """The action that brings the tool nearer to the move's pose.

    It is worked out from where the tool is, which pictures and proprioception show, not from the pose that actions add
    to, which they do not: a learner has to be able to see why.

    Args:
        move: the current move.
        tool: (6,), the measured pose.
        target: (6,), the pose that actions add to.

    Returns:
        (7,) in [-1, 1].
    """
    shift, turn = move.missing(tool)
    shift *= GAIN / UNIT_POSITION
    shift *= min(1.0, move.speed / max(float(np.linalg.norm(shift)), 1e-9))
    ahead = target[:3] + UNIT_POSITION * shift - tool[:3]
    shift = (tool[:3] - target[:3] + ahead * min(1.0, LEASH / max(float(np.linalg.norm(ahead)), 1e-9))) / UNIT_POSITION
    turn *= GAIN / UNIT_ROTATION
    turn *= min(1.0, move.speed / max(float(np.abs(turn).max()), 1e-9))
    return np.array([*np.clip(shift, -1.0, 1.0), *turn, move.grip])


def over(move: Move, progress: Progress, tool: Array) -> bool:
    """Whether a move is done; counts steps.

    Args:
        move: the current move.
        progress: of it.
        tool: (6,), the measured pose.
    """
    shift, turn = (float(np.linalg.norm(part)) for part in move.missing(tool))
    near, turned = (PASSING, PASSING_TURNED) if move.passing else (NEAR, TURNED)
    there = shift < near and turn < turned
    left = shift + turn / 10
    progress.stuck = 0 if left < progress.nearest - NEARER else progress.stuck + 1
    progress.nearest = min(left, progress.nearest)
    if not there and progress.held == 0 and progress.stuck < PATIENCE:
        return False
    progress.held += 1
    return progress.held > move.hold
