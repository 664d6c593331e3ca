"""Moments of demonstrations that matter to a learner: when something moves, and when the gripper opens or closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

STILL = 0.02
"""In units of action: what moves the hand by less is standing still."""
GRIP_STEPS = 5
"""Steps in which fingers close or open: standing still then is an action like others. CALVIN's take 2, LIBERO's 9."""


def moving(actions: NDArray[np.floating[Any]], lengths: Sequence[int]) -> NDArray[np.bool_]:
    """Which actions do something: those that move the hand, and all while fingers may be closing or opening.

    Args:
        actions: (N, 7), of all demonstrations in a row.
        lengths: frames of each.

    Returns:
        (N,).
    """
    starts = np.cumsum([0, *lengths[:-1]])
    told = np.diff(actions[:, 6], prepend=actions[:1, 6]) != 0
    told[starts] = False
    now = np.arange(len(actions))
    last = np.maximum.accumulate(np.where(told, now, -1))
    gripping = (last >= np.repeat(starts, lengths)) & (now - last < GRIP_STEPS)  # told in the same demonstration
    shown: NDArray[np.bool_] = (np.abs(actions[:, :6]).max(axis=1) >= STILL) | gripping
    return shown


def next_waypoints(gripper: NDArray[np.floating[Any]], lengths: Sequence[int]) -> NDArray[np.int64]:
    """The frame of each frame's next waypoint: where the gripper's command changes, or where the demonstration ends.

    Args:
        gripper: (N,), commands of all demonstrations in a row.
        lengths: frames of each.

    Returns:
        int64 (N,), later than the frame itself unless that is its demonstration's last.

    >>> next_waypoints(np.array([1, 1, -1, -1, 1, 1]), [4, 2]).tolist()
    [2, 2, 3, 3, 5, 5]
    """
    ends = np.cumsum(lengths)
    marks = np.append(np.diff(gripper) != 0, False)  # the command of the next frame differs
    marks[ends - 1] = False
    places = np.union1d(np.flatnonzero(marks) + 1, ends - 1)
    at = np.searchsorted(places, np.arange(len(gripper)), side="right")
    last = np.repeat(ends - 1, lengths)
    return np.minimum(places[np.minimum(at, len(places) - 1)], last)
