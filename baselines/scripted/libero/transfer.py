"""Skills that take things from one place to another: reach, grasp, lift, place."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from vvla_policies.baselines.scripted.libero import gripper
from vvla_policies.baselines.scripted.libero.choice import cheapest
from vvla_policies.baselines.scripted.libero.geometry import UP, Array, Boxes, Pose, heading, turn
from vvla_policies.baselines.scripted.libero.grasps import grasp, withdrawn
from vvla_policies.baselines.scripted.libero.motion import CLOSED, OPEN, Move, opened, underway
from vvla_policies.baselines.scripted.libero.scene import Scene

CLEARANCE = 0.03
HIGHEST = 0.42
"""Of the grip site over the table while it travels."""
DROP = 0.006
"""Gap under an object when the gripper opens."""
STANDING = 0.02
"""Height up to which a thing may touch what it stood on or in."""
NEARBY = 0.3
FLAT = 0.01
"""Regions less than twice as high are surfaces: things stand on them, not in them."""
INSIDE = 0.008
"""How far under the top of its region a thing should lie."""
RISES = (0.004, 0.04, 0.08, 0.13)
"""Heights over its place at which a thing that is let down must not run into anything."""


def pick(scene: Scene, name: str, attempt: int = 0) -> list[Move]:
    """Reach for an object and grasp it."""
    return take(scene, name, grasp(scene, name, attempt))


def take(scene: Scene, name: str, at: Pose) -> list[Move]:
    """Reach for a pose of the grip site, straight along the fingers, and close them."""
    approach = Move(withdrawn(at, 0.03), OPEN, near=0.015, near_angle=0.15, label=f"approach {name}")
    on_its_way = underway(scene, withdrawn(at), at) and opened(scene, at)
    return [
        *([] if on_its_way else [*travel(scene, withdrawn(at), OPEN), approach]),
        Move(at, OPEN, near=0.005, near_angle=0.08, most=25, until_still=True, label=f"reach {name}"),
        Move(at, CLOSED, least=5, most=14, until_shut=True, label=f"grasp {name}"),
    ]


def travel(scene: Scene, goal: Pose, grip: float, carries: str | None = None) -> list[Move]:
    """Up, over and down to a pose, above whatever stands in the way."""
    without = (carries,) if carries else ()
    below, radius = _hanging(scene, carries)
    top = _highest(scene, scene.grip.pos, goal.pos, radius, without)
    height = max(goal.pos[2], top + below + CLEARANCE)
    height = min(height, max(goal.pos[2], table(scene) + HIGHEST))
    over = Pose(np.append(goal.pos[:2], height), goal.rot)
    arrive = Move(goal, grip, near=0.015, near_angle=0.15, vital=True, carries=carries, label="arrive")
    coming_down = float(np.linalg.norm(over.pos - goal.pos)) > 0.01
    if coming_down and underway(scene, over, goal):
        return [arrive]
    moves = []
    if scene.grip.pos[2] < height - 0.02:
        aside = _way_up(scene, height, carries)
        up = Pose(np.append((scene.grip.pos + aside)[:2], height), scene.grip.rot)
        if aside.any():
            out = scene.grip.moved(aside + 0.02 * UP)
            moves.append(Move(out, grip, near=0.02, near_angle=9, vital=True, carries=carries, label="lift aside"))
        moves.append(Move(up, grip, near=0.02, near_angle=9, vital=True, carries=carries, label="lift"))
    if coming_down:
        moves.append(Move(over, grip, near=0.02, near_angle=0.25, vital=True, carries=carries, label="travel"))
    return [*moves, arrive]


def _way_up(scene: Scene, height: float, carries: str | None) -> Array:
    """The smallest step aside (3,) after which the way up is free; none if it is free as it is."""
    moving = Boxes.together([gripper.solid(scene.grip), *([scene.shape(carries)] if carries else [])])
    boxes = scene.others(carries or "").near(scene.grip.pos, 0.5)
    way = UP * max(0.0, height - scene.grip.pos[2] - STANDING)
    best, least = np.zeros(3), np.inf
    for far in (0.0, 0.05, 0.1, 0.15):
        for angle in np.arange(0.0, 2 * np.pi, np.pi / 4) if far else (0.0,):
            aside = far * heading(float(angle))
            bumps = float(moving.moved(aside + STANDING * UP).swept_into(way, boxes).max(initial=0.0))
            if 5 * bumps + 0.1 * far < least - 1e-9:
                best, least = aside, 5 * bumps + 0.1 * far
        if least < 0.1 * far + 0.005:
            break
    return best


def table(scene: Scene) -> float:
    """Height of the table or floor: the lowest point of all loose objects."""
    loose = [name for name, known in scene.objects.items() if not known["fixture"] and known["bodies"]]
    return min(float(scene.extent(name)[0][2]) for name in loose)


def _hanging(scene: Scene, name: str | None) -> tuple[float, float]:
    """How far what is held (or the fingers) reaches below the grip site, and to its sides."""
    if name is None:
        return 0.01, 0.06
    low, high = scene.extent(name)
    side = float(np.max(np.maximum(np.abs(high - scene.grip.pos), np.abs(low - scene.grip.pos))[:2]))
    return max(0.01, float(scene.grip.pos[2] - low[2])), max(0.05, min(side, 0.12))


def _highest(scene: Scene, start: Array, end: Array, radius: float, without: tuple[str, ...]) -> float:
    """The highest thing under a straight way and to its sides; -inf over an empty table."""
    corners = scene.others(*without).corners()
    low, high = corners.min(axis=1) - radius, corners.max(axis=1) + radius
    along = np.where(np.abs(end - start) < 1e-6, 1e-6, end - start)[:2]
    bounds = np.sort(np.stack([(low[:, :2] - start[:2]) / along, (high[:, :2] - start[:2]) / along]), axis=0)
    enter, leave = np.clip(bounds[0].max(axis=1), 0, None), np.clip(bounds[1].min(axis=1), None, 1)
    crossed = enter <= leave
    return float(high[crossed, 2].max() - radius) if crossed.any() else -np.inf


# --- placing -------------------------------------------------------------------------------------------------------


def place(scene: Scene, name: str, target: str) -> list[Move]:
    """Bring what is held to an object or region, lower it, let go, and back off."""
    goal = _release(scene, name, target)
    over = goal.moved(0.05 * UP)
    return [
        *([] if underway(scene, over, goal) else travel(scene, over, CLOSED, carries=name)),
        Move(goal, CLOSED, near=0.008, most=30, speed=0.7, until_still=True, carries=name, label=f"lower {name}"),
        Move(None, OPEN, least=4, most=5, label=f"release {name}"),
        *retreat(goal),
    ]


def retreat(at: Pose, distance: float = 0.09) -> list[Move]:
    """Back off against the direction in which the gripper points, hand open."""
    back = at.moved(distance * (at.rot @ np.array([0.0, 0.0, -1.0])))
    return [Move(back, OPEN, near=0.03, near_angle=9, label="retreat")]


def _release(scene: Scene, name: str, target: str) -> Pose:
    """The grip pose at which to let go of the held object, the least troublesome of many."""
    held = scene.grip.inverse() @ scene.pose(name)
    middle, half = _target(scene, target)
    boxes = scene.others(name).near(middle, NEARBY)
    points = outline(scene.pose(name).local(scene.shape(name).corners().reshape(-1, 3)))

    def effort(option: Release) -> float:
        return option.effort + scene.arm.strain(option.lying @ held.inverse())

    def harm(option: Release) -> float:
        lying = stood(scene, boxes, option.lying, points, middle[2] + half[2])
        outside = max(0.0, float(lying.pos[2] - middle[2] - half[2]) + INSIDE) if half[2] > FLAT else 0.0
        return 3 * placing_harm(lying @ held.inverse(), lying, points, boxes) + 20 * outside

    options = []
    for k, (dx, dy, spin) in enumerate(_offsets(scene, name, target, half)):
        lying = Pose(middle + np.array([dx, dy, 0.0]), turn(UP, spin) @ scene.grip.rot @ held.rot)
        options.append(Release(lying, 0.0005 * k + 0.03 * abs(spin)))
    lying = cheapest(options, effort, harm, patience=len(options)).lying
    return stood(scene, boxes, lying, points, middle[2] + half[2]) @ held.inverse()


@dataclass(frozen=True)
class Release:
    """A pose in which the object could be left, and what speaks against it."""

    lying: Pose
    effort: float


def outline(points: Array) -> Array:
    """Those points that stick out furthest in some direction."""
    directions = np.array(list(product((-1.0, -0.4, 0.0, 0.4, 1.0), (-1.0, -0.4, 0.0, 0.4, 1.0), (-1.0, 0.0, 1.0))))
    furthest: Array = points[np.unique(np.argmax(points @ directions.T, axis=0))]
    return furthest


def _target(scene: Scene, target: str) -> tuple[Array, Array]:
    """Centre (3,) and half lengths (3,) along the world's axes of where an object's origin should go."""
    if scene.is_object(target):
        low, high = scene.extent(target)
        middle = scene.pose(target).pos.copy()
        return np.append(middle[:2], (low[2] + high[2]) / 2), np.append(np.zeros(2), (high[2] - low[2]) / 2 + 0.05)
    frame, half = scene.region(target)
    return frame.pos.copy(), np.abs(frame.rot @ half)


def _offsets(scene: Scene, name: str, target: str, half: Array) -> list[tuple[float, float, float]]:
    """Shifts (x, y) within a target and turns about the vertical to try, best first."""
    spins = [0.0, *(sign * angle for angle in np.arange(1, 4) * np.pi / 6 for sign in (1, -1))]
    if scene.is_object(target):
        return [(0.0, 0.0, spin) for spin in spins]
    flush = _heading(scene.region(target)[0].rot) - _heading(scene.pose(name).rot)
    flush = (flush + np.pi / 4) % (np.pi / 2) - np.pi / 4
    spins = sorted({*spins, flush, flush + np.pi / 2, flush - np.pi / 2}, key=abs)
    room = np.clip(half[:2] - 0.015, 0, None)
    grid = sorted(product((0.0, 0.25, -0.25, 0.5, -0.5, 1.0, -1.0), repeat=2), key=lambda g: abs(g[0]) + abs(g[1]))
    return [(g[0] * room[0], g[1] * room[1], spin) for g in grid for spin in spins]


def _heading(rot: Array) -> float:
    """Heading of the most level of a frame's axes."""
    axis = rot[:, int(np.argmin(np.abs(rot[2])))]
    return float(np.arctan2(axis[1], axis[0]))


def stood(scene: Scene, boxes: Boxes, lying: Pose, points: Array, ceiling: float) -> Pose:
    """At the height at which an object stands on what is below it, plus a small gap."""
    around = points @ lying.rot.T
    lowest = float(around[:, 2].min())
    soles = around[around[:, 2] < lowest + 0.006] * np.array([0.8, 0.8, 0.0]) + np.append(lying.pos[:2], ceiling)
    ground = max(float(boxes.tops_below(soles).max()), table(scene))
    return Pose(np.append(lying.pos[:2], ground - lowest + DROP), lying.rot)


def placing_harm(grip: Pose, lying: Pose, points: Array, boxes: Boxes, rises: tuple[float, ...] = RISES) -> float:
    """How much object and gripper would run into things when letting go, and just above."""
    bumps = gripper.trouble(grip, boxes, back=(0.0, 0.05))
    for rise in rises:
        bumps += float(np.clip(0.002 - boxes.distance(lying.point(points) + rise * UP), 0, None).sum())
    return 10 * bumps
