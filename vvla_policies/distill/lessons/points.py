"""Where things are in the last pictures of windows, for a network that shall point at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.data.batches import CachedWindows
from vvla_policies.distill.data.cache import CachedFile
from vvla_policies.distill.lessons.dialogs import TRUTHS, cached_truths
from vvla_policies.distill.lessons.truths import GRIPPER, REGION, Truths
from vvla_policies.distill.telling import Note
from vvla_policies.errors import RecordError, VvlaError

NEXT, BEGIN, END = "next", "begin", "end"
GOALS = (NEXT, BEGIN, END)
"""Where the hand will be when the gripper next opens or closes; what the task moves; where it belongs."""
CAMERA_ERROR = 0.01
"""Median distance of what a camera projects from where it was seen, in edges, from which on it is not that camera."""


def read_points(
    files: Sequence[CachedFile], windows: CachedWindows, note: Note = lambda _: None
) -> dict[str, NDArray[np.float16]]:
    """Where things are when every item's last picture is seen, in that picture.

    Args:
        files: of the windows.
        windows: whose items.
        note: hears of what is being looked into.

    Returns:
        Entries of batches, (len(windows), n, 2, 2) as in `Truths.points`, NaN where something is not in the picture:
        "things": of every category, where the task has one such thing; "goals": `GOALS`, the first of them in the
        third-person picture alone, which stays where it is.

    Raises:
        RecordError: the simulator cannot tell.
    """
    truths = _truths(files, note)
    names = sorted({name for one in truths for name, _ in _single(one)})
    every = np.arange(len(windows))
    rows, landings = windows.rows(every), windows.waypoint_rows(every)
    things = np.full((len(windows), len(names), 2, 2), np.nan, dtype=np.float16)
    goals = np.full((len(windows), len(GOALS), 2, 2), np.nan, dtype=np.float16)
    for number, one in enumerate(truths):
        items = np.flatnonzero(rows[:, 0] == number)
        now = one.points[rows[items, 1]]
        for name, thing in _single(one):
            things[items, names.index(name)] = now[:, thing]
        goals[items, 0, 0] = one.points[landings[items, 1], one.things.index(GRIPPER), 0]
        for goal, name in zip((1, 2), one.interest[:: max(1, len(one.interest) - 1)], strict=False):
            if name in one.things:
                goals[items, goal] = now[:, one.things.index(name)]
    return {"things": things, "goals": goals}


def find_camera(
    files: Sequence[CachedFile], windows: CachedWindows, note: Note = lambda _: None
) -> NDArray[np.float64]:
    """The third-person camera, from where the hand is and where it is seen: `CachedWindows.camera`.

    Args:
        files: of the windows.
        windows: whose items.
        note: hears of what is being looked into.

    Returns:
        The projection that fits best in the algebraic sense (direct linear transform; Hartley and Zisserman, ch. 7).

    Raises:
        RecordError: the simulator cannot tell, or the demonstrations were seen by several cameras.
    """
    rows = windows.rows(np.arange(len(windows)))
    hands, seen = windows.item_states()[:, :3].astype(np.float64), np.empty((len(windows), 2))
    for number, one in enumerate(_truths(files, note)):
        items = rows[:, 0] == number
        seen[items] = one.points[rows[items, 1], one.things.index(GRIPPER), 0]
    there = ~np.isnan(seen).any(axis=1)
    places, points = np.column_stack([hands[there], np.ones(there.sum())]), seen[there]
    across, down = (-points[:, [axis]] * places for axis in (0, 1))
    nothing = np.zeros_like(places)
    equations = np.block([[places, nothing, across], [nothing, places, down]])
    camera: NDArray[np.float64] = np.linalg.eigh(equations.T @ equations)[1][:, 0].reshape(3, 4)
    projected = places @ camera.T
    error = float(np.median(np.linalg.norm(projected[:, :2] / projected[:, 2:] - points, axis=1)))
    if error > CAMERA_ERROR:
        raise RecordError(
            f"no one camera sees the hand where these demonstrations have it (off by {error:.3f} of a picture); "
            "do without moving what it sees: --set roam=0"
        )
    return camera


def _truths(files: Sequence[CachedFile], note: Note) -> list[Truths]:
    new = sum(not (file.folder / TRUTHS).exists() for file in files)
    if new:
        note(f"what is where in {new} files of demonstrations")
    try:
        return [cached_truths(file) for file in files]
    except VvlaError as error:
        raise RecordError(f"{error}; or do without what it knows: --set point_weight=0 --set roam=0") from error


def _single(truths: Truths) -> list[tuple[str, int]]:
    """Categories that are there once, with the number of the thing."""
    count = Counter(truths.categories)
    return [(name, k) for k, name in enumerate(truths.categories) if count[name] == 1 and name != REGION]
