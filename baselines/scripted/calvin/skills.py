"""How each of CALVIN's tasks is done: a list of moves, worked out from one look at the world."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from vvla_policies.baselines.scripted.calvin.motion import CLOSED, OPEN, PASSING, PASSING_TURNED, Array, Move
from vvla_policies.baselines.scripted.calvin.scene import OUT_OF_SLOPE, UP_SLOPE, Scene

AHEAD = np.pi / 2
"""The tool's yaw at which the fingers open along the table."""
LEANS = {"table": 0.0, "cabinet": -0.6, "drawer": -0.3}
STEEP = -0.9
"""Pitch of a tool that reaches for a block there, or works on the cabinet's front."""
TRAVEL, CLEAR = 0.62, 0.55
"""Height at which the tool crosses the table with nothing in its way, and from which it may turn to there, m."""
ABOVE = np.array([0.0, 0.0, 0.1])
DIP = 0.005
"""A block is gripped that far below its centre, m."""
PRESSED = 0.004
"""A block that is shoved is held so much lower, m, to stay on the table."""
TURN, SHOVE = 1.35, 0.13
LIFT = 0.12
AT_HANDLE, AJAR, WIDE = 0.06, 0.02, 0.07
"""So near the tool is at a handle, fingers so near are closed, and so far apart open, m."""
FROM_WALL, OVER_EDGE = 0.08, -0.225
"""How far from the drawer's middle a block may fall into it, and where on the way it is let go (along y), m."""


def moves_for(scene: Scene) -> list[Move]:
    """The moves that do the current task, from how the world is now."""
    task = scene.task
    words = task.split("_")
    if task.startswith(("rotate_", "push_")) and "block" in words:
        skill = _turn if words[0] == "rotate" else _shove
        return skill(scene, f"block_{words[1]}", words[3])
    if task.startswith("lift_"):
        return pick(scene, f"block_{words[1]}")
    return SKILLS[task](scene)


def let_go(scene: Scene) -> list[Move]:
    """Lets go of what is between the fingers and draws back, a door or drawer that is being moved at its end only.

    A hand that is up and holds nothing has nothing to do.
    """
    _, pitch, yaw = map(float, scene.tool[3:])
    pushed = _rest_of_the_way(scene)
    here = scene.tool[:3] + pushed
    back = here + 0.08 * _backwards(pitch, yaw)
    back[2] = max(back[2], CLEAR)
    grip = CLOSED if scene.opening < AJAR else OPEN
    if pushed.any():
        first = [Move(here, pitch, yaw, grip, 0.5)]
    else:
        first = [Move(here, pitch, yaw, OPEN, hold=4)] if AJAR <= scene.opening <= WIDE else []
    return [*first, Move(back, pitch, yaw, grip, passing=True)] if first or scene.tool[2] < CLEAR else []


def _rest_of_the_way(scene: Scene) -> Array:
    """How the tool goes on from the handle that it is at, to the end of the joint that is nearer; (3,)."""
    handles = (("base__slide", slider_handle(scene), [-1, 0, 0]), ("base__drawer", drawer_handle(scene), [0, -1, 0]))
    for joint, handle, axis in handles:
        if np.linalg.norm(scene.tool[:3] - handle) < AT_HANDLE:
            low, high = scene.ranges[joint]
            end = low if scene.joints[joint] < (low + high) / 2 else high
            left = float(end - scene.joints[joint])
            further: Array = np.array(axis) * (left + np.sign(left) * 0.01)
            return further
    return np.zeros(3)


def slider_handle(scene: Scene) -> Array:
    """Where the tool moves the sliding door, (3,)."""
    bar: Array = scene.frame("slide_link") + np.array([0.14, 0, 0]) + 0.03 * UP_SLOPE + 0.069 * OUT_OF_SLOPE
    return bar


def drawer_handle(scene: Scene) -> Array:
    """Middle of the drawer's handle, (3,)."""
    bar: Array = scene.frame("drawer_link") + np.array([0, -0.249, 0.045])
    return bar


def pick(scene: Scene, block: str) -> list[Move]:
    """Grips a block and lifts it."""
    place, yaw = scene.place(block), scene.yaw(block, AHEAD)
    pitch = LEANS[scene.lies_in(block)]
    back = _backwards(pitch, yaw)
    grip = place - np.array([0, 0, DIP])
    lifted = grip + LIFT * back + (0 if pitch == 0.0 else np.array([0, -0.03, 0.03]))
    return [*_grip(scene, block, yaw, pitch), Move(lifted, pitch, yaw, CLOSED, 0.5)]


def _grip(scene: Scene, block: str, yaw: float, pitch: float = 0.0) -> list[Move]:
    if scene.held == block and AJAR < scene.opening < WIDE:
        return []
    place = scene.place(block) - np.array([0, 0, DIP])
    before = place + 0.1 * _backwards(pitch, yaw)
    return [*_reach(scene, before, Move(place, pitch, yaw, OPEN, 0.5)), Move(place, pitch, yaw, CLOSED, hold=8)]


def _backwards(pitch: float, yaw: float) -> Array:
    """Out of the tool's tips, (3,)."""
    return np.array([np.sin(pitch) * np.cos(yaw), np.sin(pitch) * np.sin(yaw), np.cos(pitch)])


def _reach(scene: Scene, before: Array, contact: Move, way: list[Move] | None = None) -> list[Move]:
    """To a first contact, from anywhere; a hand that is between the place before it and there goes straight on.

    Args:
        scene: one look at the world.
        before: (3,), the place from which it is a straight way.
        contact: the last move.
        way: how to come to the place before; None for `_approach`.
    """
    if _between(scene, before, contact):
        return [contact]
    return [*let_go(scene), *(way or _approach(scene, before, contact.pitch, contact.yaw, contact.grip)), contact]


def _between(scene: Scene, before: Array, contact: Move) -> bool:
    """Whether the tool is on the straight way to a contact, turned as it must be, fingers open or closed as wanted."""
    line = contact.position - before
    share = float(np.clip((scene.tool[:3] - before) @ line / (line @ line), 0.0, 1.0))
    aside = float(np.linalg.norm(scene.tool[:3] - before - share * line))
    turn = float(np.linalg.norm(contact.missing(scene.tool)[1]))
    fits = bool(scene.held) or (scene.opening > WIDE if contact.grip == OPEN else scene.opening < AJAR)
    return aside < PASSING and turn < PASSING_TURNED and fits


def _approach(scene: Scene, before: Array, pitch: float, yaw: float, grip: float) -> list[Move]:
    """To a place, over everything that stands on the table."""
    here, (_, pitch_here, yaw_here) = scene.tool[:3], map(float, scene.tool[3:])
    high = max(TRAVEL, float(before[2]))
    over_here = np.array([here[0], min(here[1], -0.05), high])
    over_there = np.array([before[0], min(before[1], -0.02), high])
    free = here[2] > CLEAR and here[1] <= over_here[1]
    up = [] if free else [Move(over_here, pitch_here, yaw_here, grip, passing=True)]
    return [
        *up,
        Move(over_there, pitch, yaw, grip, passing=pitch == 0.0),
        Move(before, pitch, yaw, grip),
    ]


# --- blocks on the table -----------------------------------------------------------------------------------------


def _turn(scene: Scene, block: str, side: str) -> list[Move]:
    yaw = scene.yaw(block, AHEAD)
    end = yaw + (TURN if side == "left" else -TURN)
    place = scene.place(block) - np.array([0, 0, DIP])
    return [*_grip(scene, block, yaw), Move(place, 0.0, end, CLOSED, 0.6, hold=5), Move(place, 0.0, end, OPEN, hold=4)]


def _shove(scene: Scene, block: str, side: str) -> list[Move]:
    yaw = scene.yaw(block, AHEAD)
    place = scene.place(block) - np.array([0, 0, DIP + PRESSED])
    step = SHOVE if side == "right" else -SHOVE
    lanes = [np.array([place[0] + step, y, place[2]]) for y in (place[1], -0.05, -0.1, -0.15)]
    end = max(lanes, key=lambda spot: _clearance(scene, block, spot) - 0.2 * abs(spot[1] - place[1]))
    aside = np.array([place[0], end[1], place[2]])
    return [
        *_grip(scene, block, yaw),
        Move(aside, 0.0, yaw, CLOSED, 0.4),
        Move(end, 0.0, yaw, CLOSED, 0.4, hold=5),
        Move(end, 0.0, yaw, OPEN, hold=4),
    ]


def _clearance(scene: Scene, block: str, spot: Array) -> float:
    """Distance to the nearest other thing on the table."""
    things = [*(p for p in scene.others(block) if p[1] < 0.05), scene.frame("button_link")]
    return min(float(np.linalg.norm(spot[:2] - thing[:2])) for thing in things)


def _push_into_drawer(scene: Scene) -> list[Move]:
    """Slides a block over the edge, well between the drawer's walls."""
    floor, _ = scene.drawer
    block = min(scene.on_table() or scene.blocks, key=lambda name: abs(scene.place(name)[0] - floor[0]))
    yaw, place = scene.yaw(block, AHEAD), scene.place(block) - np.array([0, 0, DIP])
    x = float(np.clip(place[0], floor[0] - FROM_WALL, floor[0] + FROM_WALL))
    aside, over = np.array([x, -0.12, place[2]]), np.array([x, OVER_EDGE, place[2]])
    return [
        *_grip(scene, block, yaw),
        Move(aside, 0.0, yaw, CLOSED, 0.4),
        Move(over, 0.0, yaw, CLOSED, 0.4, hold=4),
        Move(over, 0.0, yaw, OPEN, hold=10),
        Move(over + ABOVE, 0.0, yaw, OPEN),
    ]


# --- a block in the hand -----------------------------------------------------------------------------------------


def _put(scene: Scene, spot: Array, pitch: float, yaw: float) -> list[Move]:
    before, put = spot + 0.1 * _backwards(pitch, yaw), Move(spot, pitch, yaw, CLOSED, 0.4, hold=4)
    way = [] if _between(scene, before, put) else _approach(scene, before, pitch, yaw, CLOSED)
    return [*way, put, Move(spot, pitch, yaw, OPEN, hold=6), Move(before, pitch, yaw, OPEN, 0.5)]


def _place_in_slider(scene: Scene) -> list[Move]:
    middle = scene.middle_of_cabinet
    door = scene.frame("slide_link")[0] + 0.14
    side = -1 if door > middle else 1
    spots = [np.array([middle + side * (0.13 + dx), 0.085, 0.462]) for dx in (0.0, 0.05, -0.05)]
    return _put(scene, scene.free_spot(spots, scene.held), LEANS["cabinet"], AHEAD)


def _place_in_drawer(scene: Scene) -> list[Move]:
    floor, _ = scene.drawer
    spots = [np.array([floor[0] + dx, floor[1], floor[2] + 0.03]) for dx in (0.0, 0.08, -0.08)]
    return _put(scene, scene.free_spot(spots, scene.held), 0.0, AHEAD)


def _stack(scene: Scene) -> list[Move]:
    others = [block for block in scene.blocks if block != scene.held]
    below = [block for block in others if block in scene.on_table()]
    bottom = max(below or others, key=lambda block: float(scene.size(block)[0]))
    spot = scene.place(bottom) + np.array([0, 0, 0.044]) - np.array([0, 0, DIP])
    return _put(scene, spot, 0.0, scene.yaw(bottom, AHEAD))


def _unstack(scene: Scene) -> list[Move]:
    top = max(scene.blocks, key=lambda b: float(scene.place(b)[2]) if scene.lies_in(b) == "table" else 0.0)
    return pick(scene, top)


# --- the table's parts -------------------------------------------------------------------------------------------


def _move_slider(left: bool) -> Callable[[Scene], list[Move]]:
    def skill(scene: Scene) -> list[Move]:
        start = slider_handle(scene)
        end = start + np.array([-0.25 if left else 0.25, 0, 0])
        return [
            *_reach(scene, start + ABOVE, Move(start, 0.0, AHEAD, OPEN, 0.5)),
            Move(end, 0.0, AHEAD, OPEN, 0.5, hold=5),
            Move(end + ABOVE, 0.0, AHEAD, OPEN, 0.5),
        ]

    return skill


def _move_drawer(opens: bool) -> Callable[[Scene], list[Move]]:
    def skill(scene: Scene) -> list[Move]:
        start = drawer_handle(scene) + np.array([0, 0.037 if opens else -0.04, 0])
        end = start + np.array([0, -0.22 if opens else scene.joints["base__drawer"] + 0.03, 0])
        before = start + 0.6 * ABOVE
        way = [
            Move(np.array([*scene.tool[:2], TRAVEL]), 0.0, AHEAD, CLOSED, passing=True),
            Move(np.array([start[0], min(start[1], -0.27), CLEAR]), 0.0, AHEAD, CLOSED, passing=True),
            Move(before, 0.0, AHEAD, CLOSED),
        ]
        return [
            *_reach(scene, before, Move(start, 0.0, AHEAD, CLOSED, 0.5), way),
            Move(end, 0.0, AHEAD, CLOSED, 0.5, hold=5),
            Move(end + ABOVE, 0.0, AHEAD, CLOSED),
        ]

    return skill


def _move_switch(up: bool) -> Callable[[Scene], list[Move]]:
    def skill(scene: Scene) -> list[Move]:
        bar = scene.frame("switch_link") + 0.008 * UP_SLOPE + 0.04 * OUT_OF_SLOPE
        side = -1.0 if up else 1.0
        start = bar + side * 0.045 * UP_SLOPE
        end = start - side * 0.11 * UP_SLOPE
        before = start + 0.1 * OUT_OF_SLOPE
        return [
            *_reach(scene, before, Move(start, STEEP, AHEAD, CLOSED, 0.5)),
            Move(end, STEEP, AHEAD, CLOSED, 0.4, hold=5),
            Move(end + 0.1 * OUT_OF_SLOPE, STEEP, AHEAD, CLOSED),
        ]

    return skill


def _press_button(scene: Scene) -> list[Move]:
    button = scene.frame("button_link")
    top = np.array([button[0], button[1], 0.5])
    return [
        *_reach(scene, top + ABOVE, Move(top, 0.0, AHEAD, CLOSED, 0.5)),
        Move(top - np.array([0, 0, 0.035]), 0.0, AHEAD, CLOSED, 0.4, hold=4),
        Move(top + ABOVE, 0.0, AHEAD, CLOSED),
    ]


SKILLS: dict[str, Callable[[Scene], list[Move]]] = {
    "move_slider_left": _move_slider(left=True),
    "move_slider_right": _move_slider(left=False),
    "open_drawer": _move_drawer(opens=True),
    "close_drawer": _move_drawer(opens=False),
    "place_in_slider": _place_in_slider,
    "place_in_drawer": _place_in_drawer,
    "push_into_drawer": _push_into_drawer,
    "stack_block": _stack,
    "unstack_block": _unstack,
    "turn_on_lightbulb": _move_switch(up=True),
    "turn_off_lightbulb": _move_switch(up=False),
    "turn_on_led": _press_button,
    "turn_off_led": _press_button,
}
