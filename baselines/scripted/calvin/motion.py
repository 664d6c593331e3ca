"""Moves of the tool, and the actions that carry them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

UNIT_POSITION, UNIT_ROTATION = 0.02, 0.05
"""What one unit of action moves, m and rad."""
OPEN, CLOSED = 1.0, -1.0
NEAR, PATIENCE = 0.008, 10
"""A move is over when the tool is that near (m), or so many steps after its target was reached."""


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
    """

    position: Array
    pitch: float
    yaw: float
    grip: float
    speed: float = 1.0
    hold: int = 0


@dataclass
class Progress:
    """How far a move has come: steps since its target was reached."""

    waited: int = 0


def wrapped(angle: Array | float) -> Array:
    """Angles in [-pi, pi)."""
    return np.asarray((np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi)


def command(move: Move, target: Array) -> Array:
    """The action that brings the target nearer to the move's pose.

    Args:
        move: the current move.
        target: (6,), the pose that actions add to.

    Returns:
        (7,) in [-1, 1].
    """
    shift = (move.position - target[:3]) / UNIT_POSITION
    shift *= min(1.0, move.speed / max(float(np.linalg.norm(shift)), 1e-9))
    turn = wrapped(np.array([np.pi, move.pitch, move.yaw]) - target[3:]) / UNIT_ROTATION
    turn *= min(1.0, move.speed / max(float(np.abs(turn).max()), 1e-9))
    return np.array([*shift, *turn, move.grip])


def over(move: Move, progress: Progress, target: Array, tool: Array) -> bool:
    """Whether a move is done; counts the steps since its target was reached.

    Args:
        move: the current move.
        progress: of it.
        target: (6,), the pose that actions add to.
        tool: (7,), the measured pose.
    """
    shift = np.abs(move.position - target[:3]).max()
    turn = np.abs(wrapped(np.array([np.pi, move.pitch, move.yaw]) - target[3:])).max()
    if shift > 1e-4 or turn > 1e-3:
        return False
    progress.waited += 1
    near = float(np.linalg.norm(move.position - tool[:3])) < NEAR
    return progress.waited > move.hold + (0 if near else PATIENCE)
