"""Skills for regions with a roof (microwave, shelves): grasp with a leaning hand, bring the thing in from the front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from vvla_policies.baselines.scripted.libero import gripper
from vvla_policies.baselines.scripted.libero.categories import Hold, hold_of
from vvla_policies.baselines.scripted.libero.choice import cheapest
from vvla_policies.baselines.scripted.libero.geometry import UP, Array, Pose, angle_between, heading, turn
from vvla_policies.baselines.scripted.libero.grasps import differ
from vvla_policies.baselines.scripted.libero.motion import CLOSED, OPEN, Move, underway
from vvla_policies.baselines.scripted.libero.scene import Scene
from vvla_policies.baselines.scripted.libero.transfer import outline, placing_harm, stood, take, travel

SLOPES = (0.5, 0.75, 1.0)
"""By how much the hand may lean out of the way of the roof."""
SPINS = (0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0)
DEPTH = 0.008
"""Of the grip site under a rim."""
RISE = 0.008
"""Height over its place at which a thing is brought in."""
BEFORE = 0.16
"""Distance from the final place at which the straight way in begins."""
AROUND = 0.45


@dataclass(frozen=True)
class Way:
    """A grasp, how the object then lies in the hand, and where it goes: its pose there, but for the height."""

    grasp: Pose
    held: Pose
    over: Pose
    effort: float


class Niche:
    """A roofed region and what an object needs to know to be put there.

    Args:
        scene: as it is now.
        name: of the object.
        target: the region.
        outward: the way the region opens.
    """

    def __init__(self, scene: Scene, name: str, target: str, outward: Array) -> None:
        frame, half = scene.region(target)
        self.scene, self.middle, self.outward = scene, frame.pos, outward
        self.side = np.cross(UP, outward)
        reach = np.abs(frame.rot @ half)
        self.depth, self.width = float(np.abs(outward) @ reach), float(np.abs(self.side) @ reach)
        self.object = scene.pose(name)
        self.boxes = scene.others(name).near(frame.pos, AROUND)
        self.points = outline(self.object.local(scene.shape(name).corners().reshape(-1, 3)))

    def ways(self, grip: Pose, spin: float) -> Iterator[Way]:
        """Places just inside the opening in which the object may be left when it is grasped like that and turned."""
        held = grip.inverse() @ self.object
        rot = turn(UP, spin) @ grip.rot
        if rot[:, 2] @ self.outward > 0.1:
            return
        effort = 0.03 * (abs(spin) + angle_between(grip.rot, self.scene.grip.rot)) + 0.05 * (1 + float(rot[2, 2]))
        for deep, aside in product((0.015, 0.035), (0.0, 0.4, -0.4)):
            at = self.middle + (self.depth - deep) * self.outward + aside * self.width * self.side
            yield Way(grip, held, Pose(at, rot @ held.rot), effort + 0.02 * abs(aside))

    def release(self, way: Way) -> Pose:
        """The grip pose at which to let go."""
        return self._lying(way) @ way.held.inverse()

    def harm(self, way: Way) -> float:
        """How hard it is to let go there."""
        lying = self._lying(way)
        release = lying @ way.held.inverse()
        bumps = placing_harm(release.moved(RISE * UP), lying, self.points, self.boxes, rises=(0.004, RISE))
        return bumps + self.scene.arm.strain(release)

    def _lying(self, way: Way) -> Pose:
        return stood(self.scene, self.boxes, way.over, self.points, float(self.middle[2]))


def opening(scene: Scene, target: str) -> Array | None:
    """Which way a roofed region opens, a horizontal unit vector; None for objects and regions without a roof."""
    owner = scene.owner(target)
    if scene.is_object(target) or owner is None:
        return None
    frame, _ = scene.region(target)
    boxes = scene.shape(scene.objects[owner]["bodies"][0])
    sky = np.append(frame.pos[:2], 3.0)
    if boxes.tops_below(sky[None])[0] < frame.pos[2] + 0.02 or scene.joint_of(target) is not None:
        return None
    body = scene.pose(owner)
    ways = [sign * body.rot[:, k] for k, sign in product((1, 0), (-1.0, 1.0))]
    steps = np.linspace(0.0, 0.25, 26)[:, None]
    return max(ways, key=lambda way: float(boxes.distance(frame.pos + steps * way).min()))


def pick_for(scene: Scene, name: str, target: str, outward: Array, attempt: int) -> list[Move]:
    """Grasp a thing so that it can be let go inside a roofed region."""
    niche = Niche(scene, name, target, outward)
    others, own = scene.others(name).near(scene.pose(name).pos, 0.3), scene.shape(name)

    def grasping(grip: Pose) -> float:
        hand = float(np.clip(0.006 - own.distance(grip.point(gripper.HAND)), 0, None).sum())
        bumps = 10 * (gripper.trouble(grip, others, back=(0.0, 0.05)) + hand) + 5 * gripper.squeezed(grip, own)
        return bumps + scene.arm.strain(grip)

    graded = [(grasping(grip), grip, spin) for grip, spin in _grips(scene, name, outward)]
    options = [(way, bumps) for bumps, grip, spin in graded for way in niche.ways(grip, spin)]
    for _ in range(attempt + 1):
        best, _ = cheapest(options, lambda option: option[1] + option[0].effort, lambda option: niche.harm(option[0]))
        options = [option for option in options if differ(option[0].grasp, best.grasp)] or options
    return take(scene, name, best.grasp)


def insert(scene: Scene, name: str, target: str, outward: Array) -> list[Move]:
    """Bring what is held in from the front, let go, and back out."""
    niche = Niche(scene, name, target, outward)
    ways = [way for spin in SPINS for way in niche.ways(scene.grip, spin)]
    goal = niche.release(cheapest(ways, lambda way: way.effort, niche.harm))
    back = goal.moved(0.045 * (goal.rot @ np.array([0.0, 0.0, -1.0])))
    ahead, inside = goal.moved(BEFORE * outward + RISE * UP), goal.moved(RISE * UP)
    return [
        *([] if underway(scene, ahead, inside) else travel(scene, ahead, CLOSED, carries=name)),
        Move(inside, CLOSED, near=0.01, speed=0.6, carries=name, until_still=True, label=f"insert {name}"),
        Move(goal, CLOSED, near=0.006, most=12, speed=0.5, carries=name, until_still=True, label=f"lower {name}"),
        Move(None, OPEN, least=4, most=5, label=f"release {name}"),
        Move(back, OPEN, near=0.008, near_angle=9, most=20, until_still=True, label="retreat"),
        Move(back.moved(BEFORE * outward), OPEN, near=0.03, near_angle=9, label="back out"),
    ]


def _grips(scene: Scene, name: str, outward: Array) -> Iterator[tuple[Pose, float]]:
    """Grasps with the hand leaning out to where, after a turn about the vertical, the opening is; and that turn."""
    hold = hold_of(scene.category(name))
    frame = scene.pose(name)
    for spin, slope in product((0.0, 0.6, -0.6), SLOPES):
        side = np.cross(UP, turn(UP, -spin) @ outward)
        for closing, at in product(gripper.stances(float(np.arctan2(side[1], side[0]))), _spots(hold, frame, side)):
            yield Pose(at, gripper.stance(closing, slope * side)), spin
    if hold.handle is not None and hold.avoid is not None:
        side = np.cross(UP, frame.rot @ heading(hold.avoid))
        for closing, slope in product(gripper.stances(float(np.arctan2(side[1], side[0]))), SLOPES):
            grip = Pose(frame.point(hold.handle), gripper.stance(closing, slope * side))
            yield from ((grip, spin) for spin in SPINS)
    if hold.kind == "point" and hold.closing is not None:
        axis = frame.rot @ np.array(hold.closing)
        for closing in gripper.stances(float(np.arctan2(axis[1], axis[0]))):
            yield from ((Pose(frame.point(hold.point), gripper.stance(closing)), spin) for spin in SPINS)


def _spots(hold: Hold, frame: Pose, side: Array) -> Iterator[Array]:
    """Where the grip site may go when the fingers close along `side`."""
    if hold.kind == "point":
        if hold.closing is None:
            yield frame.point(hold.point)
        return
    if hold.kind != "rim":
        yield frame.pos
        return
    top = frame.point((*hold.centre, hold.height))
    for angle in np.arange(0.0, 2 * np.pi, np.pi / 8):
        flat = frame.rot @ heading(float(angle))
        handle = hold.avoid is not None and np.cos(angle - hold.avoid) > 0.8
        if abs(flat @ side) > 0.75 and not handle:
            yield top + hold.radius * flat - DEPTH * UP
