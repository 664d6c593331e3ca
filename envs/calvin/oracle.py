"""Whether a subtask was done: CALVIN's 34 tasks as conditions on how the world was when it began and how it is now.

Conditions and thresholds are those of github mees/calvin_env (conf/tasks/new_playtable_tasks.yaml and its `Tasks`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.calvin.scenes import DRAWER, LED, LIGHTBULB, SLIDER
from vvla_policies.envs.calvin.world import Body, Look

from vvla_policies.observation import euler_xyz

Condition = Callable[[Look, Look], bool]

COLOURS = ("red", "blue", "pink")
TURN, TILT, HALF_TURN = 60.0, 30.0, 180.0
DRIFT, PUSH, LIFT, LIFT_IN_SLIDER = 0.1, 0.1, 0.05, 0.03
SLIDE, PULL = 0.15, 0.12
REST = 1.0
"""Degrees a block is to be turned, and may be tilted or turned at most; metres it may drift, is to be pushed, lifted;
metres the sliding door and the drawer are to be moved; m/s and rad/s of what counts as at rest."""


def turned(block: str, degrees: float, start: Look, now: Look) -> bool:
    """The block is turned about the vertical (positive: to the left), hardly tilted or moved, and lies on something."""
    before, after = start.blocks[block], now.blocks[block]
    if np.linalg.norm(after.position - before.position) > DRIFT or not _bodies(after) - {now.robot}:
        return False
    x, y, z = np.degrees(euler_xyz(_rotation(before.quat, after.quat)))
    sign = np.sign(degrees)
    return bool(abs(degrees) < sign * z < HALF_TURN and abs(x) < TILT and abs(y) < TILT)


def pushed(block: str, x: float, start: Look, now: Look) -> bool:
    """The block has moved along x (positive: to the right), and what it lay on it still touches."""
    before, after = start.blocks[block], now.blocks[block]
    lay_on, lies_on = ({c for c in body.contacts if c[0] != start.robot} for body in (before, after))
    moved = float(after.position[0] - before.position[0]) * np.sign(x)
    return bool(lay_on and lay_on <= lies_on and moved > abs(x))


def lifted(block: str, height: float, link: str, start: Look, now: Look) -> bool:
    """The block lay on that part of the table, is higher now, and nothing but the robot touches it."""
    before, after = start.blocks[block], now.blocks[block]
    risen = float(after.position[2] - before.position[2]) > height
    return risen and _bodies(after) == {start.robot} and (start.table, start.links[link]) in before.contacts


def placed(link: str, start: Look, now: Look) -> bool:
    """The block that only the robot held lies on that part of the table, and the robot has let go of it."""
    if len(start.held) != 1 or start.held & now.held:
        return False
    for name, before in start.blocks.items():
        if before.uid in start.held:
            on_link = (now.table, now.links[link]) in now.blocks[name].contacts
            return _bodies(before) == {start.robot} and on_link
    return False


def pushed_into(source: str, destination: str, start: Look, now: Look) -> bool:
    """A block that touched nothing but one part of the table touches another; the robot may touch it, too."""
    return any(
        before.contacts == {(start.table, start.links[source])}
        and (now.table, now.links[destination]) in now.blocks[name].contacts
        for name, before in start.blocks.items()
    )


def moved(joint: str, distance: float, start: Look, now: Look) -> bool:
    """The joint has moved that far, in that direction."""
    return bool((now.joints[joint] - start.joints[joint]) * np.sign(distance) > abs(distance))


def switched(light: str, on: bool, start: Look, now: Look) -> bool:
    """The light has been turned on, or off."""
    return start.lights[light] != on and now.lights[light] == on


def stacked(start: Look, now: Look) -> bool:
    """A block that touched no block touches blocks and nothing else now, at rest."""
    return any(
        not _on_blocks(before, start) and _only_on_blocks(now.blocks[name], now) and now.blocks[name].speed < REST
        for name, before in start.blocks.items()
    )


def unstacked(start: Look, now: Look) -> bool:
    """A block that touched blocks and nothing else, at rest, touches no block now."""
    return any(
        _only_on_blocks(before, start) and before.speed < REST and not _on_blocks(now.blocks[name], now)
        for name, before in start.blocks.items()
    )


def _bodies(block: Body) -> set[int]:
    return {body for body, _ in block.contacts}


def _on_blocks(block: Body, look: Look) -> bool:
    return bool(_bodies(block) & {other.uid for other in look.blocks.values()})


def _only_on_blocks(block: Body, look: Look) -> bool:
    return _on_blocks(block, look) and _bodies(block) <= {other.uid for other in look.blocks.values()}


def _rotation(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quaternion (xyzw) that turns the one orientation into the other, in the world frame."""
    x, y, z, w = after
    a, b, c, d = -before[0], -before[1], -before[2], before[3]
    return np.array(
        [
            w * a + x * d + y * c - z * b,
            w * b - x * c + y * d + z * a,
            w * c + x * b - y * a + z * d,
            w * d - x * a - y * b - z * c,
        ]
    )


def _of_block(colour: str) -> dict[str, Condition]:
    block = f"block_{colour}"
    return {
        f"rotate_{colour}_block_right": functools.partial(turned, block, -TURN),
        f"rotate_{colour}_block_left": functools.partial(turned, block, TURN),
        f"push_{colour}_block_right": functools.partial(pushed, block, PUSH),
        f"push_{colour}_block_left": functools.partial(pushed, block, -PUSH),
        f"lift_{colour}_block_table": functools.partial(lifted, block, LIFT, "base_link"),
        f"lift_{colour}_block_slider": functools.partial(lifted, block, LIFT_IN_SLIDER, "plank_link"),
        f"lift_{colour}_block_drawer": functools.partial(lifted, block, LIFT, "drawer_link"),
    }


CONDITIONS: dict[str, Condition] = {
    **{name: condition for colour in COLOURS for name, condition in _of_block(colour).items()},
    "move_slider_left": functools.partial(moved, SLIDER, SLIDE),
    "move_slider_right": functools.partial(moved, SLIDER, -SLIDE),
    "open_drawer": functools.partial(moved, DRAWER, PULL),
    "close_drawer": functools.partial(moved, DRAWER, -PULL),
    "place_in_slider": functools.partial(placed, "plank_link"),
    "place_in_drawer": functools.partial(placed, "drawer_link"),
    "stack_block": stacked,
    "unstack_block": unstacked,
    "turn_on_lightbulb": functools.partial(switched, LIGHTBULB, True),
    "turn_off_lightbulb": functools.partial(switched, LIGHTBULB, False),
    "turn_on_led": functools.partial(switched, LED, True),
    "turn_off_led": functools.partial(switched, LED, False),
    "push_into_drawer": functools.partial(pushed_into, "base_link", "drawer_link"),
}
"""The 34 tasks."""


def done(task: str, start: Look, now: Look) -> bool:
    """Whether a task was done between two moments.

    Args:
        task: its name in CALVIN's files.
        start: when it began.
        now: the moment to judge.
    """
    return bool(CONDITIONS[task](start, now))


def achieved(start: Look, now: Look) -> set[str]:
    """All tasks that were done between two moments."""
    return {task for task in CONDITIONS if done(task, start, now)}
