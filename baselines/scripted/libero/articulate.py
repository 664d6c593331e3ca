"""Skills that move joints: open, close, turn on, turn off. Each follows the joint's own line or arc."""

from __future__ import annotations

from itertools import product

import numpy as np
from vvla_policies.baselines.scripted.libero import gripper
from vvla_policies.baselines.scripted.libero.geometry import UP, Array, Boxes, Pose, angle_between, heading, turn
from vvla_policies.baselines.scripted.libero.grasps import LEANS
from vvla_policies.baselines.scripted.libero.handles import HANDLES, Handle
from vvla_policies.baselines.scripted.libero.motion import AJAR, CLOSED, OPEN, Move, opened, underway
from vvla_policies.baselines.scripted.libero.scene import Scene
from vvla_policies.baselines.scripted.libero.transfer import retreat, table, travel

SLOPES = np.radians([15, 25, 35, 50, 65, 90])
"""How steeply the gripper may point down when it comes from the front."""
WRIST = np.array([[0.0, 0.0, -0.15], [0.0, 0.0, -0.2], [0.0, 0.0, -0.25]])
"""Points on the arm behind the hand, in the gripper's frame."""
FOREARM = 0.08
"""How much room the arm needs round them."""
STRIDE = 0.25
"""Of a joint's way (rad) between two waypoints on an arc."""


def handle_of(scene: Scene, name: str) -> Handle:
    """The handle of a region's, part's or object's owner."""
    owner = scene.owner(name)
    assert owner is not None, f"{name} belongs to nothing that moves"
    return HANDLES[scene.category(owner)]


def stands_open(scene: Scene, region: str) -> bool:
    """Whether what closes a region off is open; True if nothing does."""
    owner = scene.owner(region)
    handle = HANDLES.get(scene.category(owner)) if owner else None
    joint = scene.joint_of(region) or (scene.joint_of(owner) if owner else None)
    if handle is None or joint is None or handle.kind == "knob" or "top_side" in region:
        return True
    return bool(scene.joints[joint] / handle.on > 0.75)


def pull(scene: Scene, name: str, attempt: int = 0) -> list[Move]:
    """Take the handle of a closed part and lead it to where it counts as open."""
    joint, handle = _joint(scene, name), handle_of(scene, name)
    at = _bar_grasp(scene, joint, handle, attempt) if handle.kind == "bar" else _post_grasp(scene, joint, handle, 1.0)
    return [*_take(scene, at), *_lead(scene, joint, at, handle.on), *_let_go(scene, joint, at, handle.on)]


def turn_to(scene: Scene, name: str, on: bool) -> list[Move]:
    """Take a knob and turn it."""
    joint, handle = _joint(scene, name), handle_of(scene, name)
    goal = handle.on if on else handle.off
    beyond = goal + (0.15 if on else -0.25)
    at = _post_grasp(scene, joint, handle, np.sign(beyond - scene.joints[joint]))
    moves = _lead(scene, joint, at, goal, beyond)
    return [*_take(scene, at), *moves, *_let_go(scene, joint, at, goal)]


def push_shut(scene: Scene, name: str) -> list[Move]:
    """Push a part shut from the front with closed fingers."""
    joint, handle = _joint(scene, name), handle_of(scene, name)
    body = scene.pose(scene.axes[joint]["body"])
    at, face = _front(scene, joint, handle)
    outward = body.rot @ face
    pose = _pushing_pose(scene, joint, handle.off, at, outward)
    before = pose.moved(0.035 * outward)
    beyond = handle.off + 0.02 * np.sign(handle.off - handle.on) * (1 if _slides(scene, joint) else 5)
    rising = bool(handle.off > handle.on)
    pushes = [
        Move(
            _dragged(scene, joint, pose, goal), CLOSED, near=0.01, near_angle=0.3, speed=0.8, most=40, until_still=last,
            joint=joint, joint_at=handle.off, rising=rising, label=f"push {name}",
        )
        for goal, last in _stations(scene.joints[joint], beyond)
    ]  # fmt: skip
    end = _dragged(scene, joint, pose, handle.off)
    pushing = underway(scene, before, pose) and scene.opening < AJAR
    return [
        *([] if pushing else travel(scene, before, CLOSED)),
        *pushes,
        Move(end.moved(0.06 * outward), CLOSED, near=0.03, label="back off"),
    ]


# --- where to take hold --------------------------------------------------------------------------------------------


def _joint(scene: Scene, name: str) -> str:
    owner = scene.owner(name)
    joint = scene.joint_of(name) or (scene.joint_of(owner) if owner else None)
    assert joint is not None, f"nothing moves {name}"
    return joint


def _slides(scene: Scene, joint: str) -> bool:
    """Whether a joint is a slide: its range is a matter of centimetres."""
    low, high = scene.axes[joint]["range"]
    return bool(high - low < 0.4)


def _front(scene: Scene, joint: str, handle: Handle) -> tuple[Array, Array]:
    """Where to push (world) and which way that place looks (in the frame of the moving body)."""
    body_name = scene.axes[joint]["body"]
    body = scene.pose(body_name)
    if handle.push is not None:
        return body.point(handle.push), np.array(handle.face)
    outward = scene.axes[joint]["axis"] * np.sign(handle.on)
    centre, half = _bar(scene, body_name, outward)
    return centre + half * outward, body.rot.T @ outward


def _bar(scene: Scene, body: str, outward: Array) -> tuple[Array, float]:
    """Centre of the box that sticks out furthest, and its half thickness that way."""
    boxes = scene.shape(body)
    k = int(np.argmax(boxes.centre @ outward))
    return boxes.centre[k], float(np.abs(boxes.rot[k].T @ outward) @ boxes.half[k])


def _bar_grasp(scene: Scene, joint: str, handle: Handle, attempt: int) -> Pose:
    """From the front, one finger above the bar and one below, sloping down as little as fits."""
    outward = scene.axes[joint]["axis"] * np.sign(handle.on)
    centre, _ = _bar(scene, scene.axes[joint]["body"], outward)
    boxes, floor = scene.others().near(centre, 0.3), table(scene) + 0.004
    options: list[tuple[float, int, Pose]] = []
    for slope in SLOPES:
        ahead = -np.cos(slope) * outward - np.sin(slope) * UP
        closing = np.sin(slope) * outward - np.cos(slope) * UP
        for sign in (1.0, -1.0):
            rot = np.column_stack([sign * closing, np.cross(ahead, sign * closing), ahead])
            pose = Pose(centre - 0.004 * ahead, rot)
            bumps = gripper.trouble(pose, boxes, margin=0.003, back=(0.0, 0.03)) + _sunk(pose, floor)
            options.append((bumps * 50 + 0.1 * angle_between(rot, scene.grip.rot), len(options), pose))
    return sorted(options, key=lambda option: option[:2])[min(attempt // 2, len(options) - 1)][2]


def _sunk(pose: Pose, floor: float) -> float:
    points = pose.point(np.concatenate([gripper.FINGERS, gripper.HAND]))
    return float(np.clip(floor - points[:, 2], 0, None).sum())


def _post_grasp(scene: Scene, joint: str, handle: Handle, way: float) -> Pose:
    """From above, fingers on both sides, turned so that the whole arc suits the wrist."""
    body = scene.pose(scene.axes[joint]["body"])
    axis = body.rot @ np.array(handle.closing)
    start = float(np.arctan2(axis[1], axis[0]))
    arc = float(scene.axes[joint]["axis"][2]) * (handle.on - scene.joints[joint])
    if way < 0 and handle.kind == "knob":
        arc = float(scene.axes[joint]["axis"][2]) * (handle.off - scene.joints[joint])
    at = body.point(handle.point)
    options: list[tuple[float, int, Pose]] = []
    for closing, lean in product(gripper.stances(start), LEANS):
        begin = Pose(at, gripper.stance(closing, lean * heading(closing)))
        end = Pose(at, turn(UP, arc) @ begin.rot)
        hard = scene.arm.strain(begin) + scene.arm.strain(end) + 0.1 * (1 + begin.rot[2, 2])
        options.append((hard + 0.02 * angle_between(begin.rot, scene.grip.rot), len(options), begin))
    return min(options)[2]


def _pushing_pose(scene: Scene, joint: str, goal: float, at: Array, outward: Array) -> Pose:
    """Closed fingers against a face, leaning out as much as the hand needs."""
    body = scene.axes[joint]["body"]
    still = [part for known in scene.objects.values() for part in known["bodies"] if part != body]
    boxes = Boxes.together([scene.shape(part) for part in still]).near(at, 0.5)
    options: list[tuple[float, int, Pose]] = []
    sideways = float(np.arctan2(outward[1], outward[0])) + np.pi / 2
    for closing, lean in product(gripper.stances(sideways), (0.0, 0.2, 0.4, 0.6, 0.8)):
        rot = gripper.stance(closing, lean * np.cross(UP, outward))
        pose = Pose(at + 0.011 * outward, rot)
        end = _dragged(scene, joint, pose, goal)
        bumps = float(np.clip(0.006 - boxes.distance(end.point(gripper.HAND)), 0, None).sum())
        bumps += float(np.clip(FOREARM - boxes.distance(end.point(WRIST)), 0, None).sum())
        hard = scene.arm.strain(pose) + 0.02 * angle_between(rot, scene.grip.rot)
        options.append((10 * bumps + 0.05 * lean + hard, len(options), pose))
    return min(options, key=lambda option: option[:2])[2]


# --- the motion ----------------------------------------------------------------------------------------------------


def _take(scene: Scene, at: Pose) -> list[Move]:
    before = at.moved(0.08 * (at.rot @ np.array([0.0, 0.0, -1.0])))
    return [
        *([] if underway(scene, before, at) and opened(scene, at) else travel(scene, before, OPEN)),
        Move(at, OPEN, near=0.006, near_angle=0.1, most=30, until_still=True, label="reach handle"),
        Move(at, CLOSED, least=5, most=14, until_shut=True, label="grasp handle"),
    ]


def _lead(scene: Scene, joint: str, at: Pose, goal: float, beyond: float | None = None) -> list[Move]:
    """Along the joint's way to a position, and on until the joint has got there."""
    now = scene.joints[joint]
    end = goal + 0.1 * (goal - now) if beyond is None else beyond
    return [
        Move(
            _dragged(scene, joint, at, station), CLOSED, near=0.012, near_angle=0.2, most=40, until_still=last,
            joint=joint, joint_at=goal, rising=bool(goal > now), label="lead",
        )
        for station, last in _stations(now, end)
    ]  # fmt: skip


def _let_go(scene: Scene, joint: str, at: Pose, goal: float) -> list[Move]:
    end = _dragged(scene, joint, at, goal)
    return [Move(None, OPEN, least=4, most=5, label="let go"), *retreat(end)]


def _stations(now: float, goal: float) -> list[tuple[float, bool]]:
    """Positions of a joint on its way, each with whether it is the last."""
    count = max(1, int(np.ceil(abs(goal - now) / STRIDE)))
    return [(float(now + (goal - now) * (k + 1) / count), k == count - 1) for k in range(count)]


def _dragged(scene: Scene, joint: str, pose: Pose, goal: float) -> Pose:
    """A pose that is fixed to a joint's body, when the joint is at `goal`."""
    axis, change = scene.axes[joint]["axis"], goal - scene.joints[joint]
    if _slides(scene, joint):
        return pose.moved(axis * change)
    rot, anchor = turn(axis, change), scene.axes[joint]["anchor"]
    return Pose(anchor + rot @ (pose.pos - anchor), rot @ pose.rot)
