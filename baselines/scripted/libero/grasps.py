"""Where to grasp an object: candidates from its category, and the one that is easiest to get to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from vvla_policies.baselines.scripted.libero import gripper
from vvla_policies.baselines.scripted.libero.categories import Hold, hold_of
from vvla_policies.baselines.scripted.libero.choice import cheapest
from vvla_policies.baselines.scripted.libero.geometry import UP, Array, Pose, angle_between, heading
from vvla_policies.baselines.scripted.libero.scene import Scene

TABLE_GAP = 0.0125
"""Height of the grip site over what an object stands on, at least."""
LEANS = (0.0, 0.4, -0.4, 0.75, -0.75)
BEFORE = 0.07
"""Distance from a grasp at which the straight way along the fingers begins."""
PATIENCE = 300
"""How many grasps are looked at, the easiest first."""
SHUT = 0.3
"""Harm from which on the way down to a grasp counts as shut: no need to look at the rest."""
REACH = 0.35
"""Boxes further from the grasp than this are not looked at."""


def grasp(scene: Scene, name: str, attempt: int = 0) -> Pose:
    """The best pose of the grip site to grasp an object.

    Args:
        scene: as it is now.
        name: of the object.
        attempt: how often it failed before: the next best that differs is taken.
    """
    options = list(_candidates(scene, name, hold_of(scene.category(name))))
    lowest = min(float(pose.pos[2]) for pose in options)
    others = scene.others(name).near(scene.pose(name).pos, REACH)
    own = scene.shape(name)

    def effort(pose: Pose) -> float:
        lean, rise = 1 + float(pose.rot[2, 2]), float(pose.pos[2]) - lowest
        turning = angle_between(pose.rot, scene.grip.rot)
        return scene.arm.strain(pose) + 0.03 * turning + 0.8 * lean + 5 * rise

    @_once_per_axis
    def harm(pose: Pose) -> float:
        shut = 30 * gripper.descent(withdrawn(pose), others)
        if shut > SHUT:
            return shut
        return shut + 10 * gripper.trouble(pose, others, margin=0.004) + 5 * gripper.squeezed(pose, own)

    best = cheapest(options, effort, harm, PATIENCE)
    for _ in range(attempt):
        options = [pose for pose in options if differ(pose, best)] or options
        best = cheapest(options, effort, harm, PATIENCE)
    return best


def _once_per_axis(harm: Callable[[Pose], float]) -> Callable[[Pose], float]:
    """The same for both headings of the fingers, which are alike; asked once."""
    known: dict[tuple[float, ...], float] = {}

    def remembered(pose: Pose) -> float:
        key = tuple(np.concatenate([pose.pos, pose.rot[:, 2]]).round(6).tolist())
        if key not in known:
            known[key] = harm(pose)
        return known[key]

    return remembered


def withdrawn(pose: Pose, distance: float = BEFORE) -> Pose:
    """Drawn back along the fingers from a grasp: from there the hand comes straight."""
    return pose.moved(-distance * pose.rot[:, 2])


def differ(a: Pose, b: Pose) -> bool:
    """Whether two grasps of an object are not much the same."""
    return bool(np.linalg.norm(a.pos - b.pos) > 0.015 or angle_between(a.rot, b.rot) > 0.3)


def _candidates(scene: Scene, name: str, hold: Hold) -> Iterator[Pose]:
    makers = {"rim": _rim, "point": _point, "across": _across}
    yield from makers[hold.kind](scene, name, hold)


def _height(scene: Scene, name: str, depth: float) -> float:
    low, high = scene.extent(name)
    return float(max(high[2] - depth, low[2] + TABLE_GAP))


def _rim(scene: Scene, name: str, hold: Hold) -> Iterator[Pose]:
    """Fingers on both sides of the wall, closing towards the middle, all round but at the handle."""
    frame = scene.pose(name)
    centre = frame.point((*hold.centre, 0.0))
    for angle in np.arange(0.0, 2 * np.pi, 2 * np.pi / (hold.sides or 24)):
        if hold.avoid is not None and np.cos(angle - hold.avoid) > 0.8:
            continue
        outward = frame.rot @ heading(float(angle))
        flat = outward - UP * outward[2]
        at = centre + hold.radius * flat
        at[2] = _height(scene, name, hold.depth)
        rises = {0.0, hold.rise}
        for closing, lean, rise in product(gripper.stances(float(np.arctan2(flat[1], flat[0]))), LEANS, sorted(rises)):
            yield Pose(at + rise * UP, gripper.stance(closing, lean * np.cross(flat, UP)))


def _across(scene: Scene, name: str, hold: Hold) -> Iterator[Pose]:
    """Fingers on two sides, over the middle of the object."""
    frame = scene.pose(name)
    low, high = scene.local_extent(name)
    world_low, world_high = scene.extent(name)
    middle = (world_low + world_high) / 2
    middle[2] = _height(scene, name, hold.depth)
    upright = int(np.argmax(np.abs(frame.rot[2])))
    sides = [side for side in range(3) if side != upright]
    narrow = min(sides, key=lambda side: float(high[side] - low[side]))
    for side in sides:
        if side != narrow and high[side] - low[side] > hold.widest:
            continue
        axis = frame.rot[:, side]
        yield from _leaning(middle, float(np.arctan2(axis[1], axis[0])))


def _point(scene: Scene, name: str, hold: Hold) -> Iterator[Pose]:
    """Fingers on two sides of a handle or knob."""
    frame = scene.pose(name)
    at = frame.point(hold.point)
    if hold.closing is None:
        for angle in np.arange(0.0, np.pi, np.pi / 12):
            yield from _leaning(at, float(angle))
        return
    axis = frame.rot @ np.array(hold.closing)
    yield from _leaning(at, float(np.arctan2(axis[1], axis[0])))


def _leaning(at: Array, angle: float) -> Iterator[Pose]:
    """Upright, and leaning to either side about the closing axis, which has that heading."""
    for closing, lean in product(gripper.stances(angle), LEANS):
        yield Pose(at, gripper.stance(closing, lean * heading(closing)))
