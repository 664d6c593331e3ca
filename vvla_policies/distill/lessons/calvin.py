"""What is where in the pictures of a CALVIN demonstration, from what its frames hold.

Each frame's `robot_obs` and `scene_obs` are set in the world of its scene, and one physics step finds the contacts.
Nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.lessons.truths import GRIPPER, REGION, Truths, on_picture
from vvla_policies.observation import CAMERAS

if TYPE_CHECKING:
    from vvla_policies.envs.calvin.world import Look, World

Views = list[tuple[NDArray[np.float64], float]]
"""Of both cameras at one moment, see `cameras.view`."""
COLOURS = ("red", "blue", "pink")
FIXTURES = {
    "drawer_handle": ("drawer_link", (0.0, -0.249, 0.045)),
    "door_handle": ("slide_link", (0.14, -0.0598, 0.0605)),
    "button": ("button_link", (0.0, 0.0, 0.025)),
    "switch": ("switch_link", (0.0, -0.031, 0.027)),
    "light_bulb": ("light_link", (0.0, 0.028, 0.022)),
    "led_light": ("led_link", (0.0, 0.0, 0.008)),
}
"""What is asked for: the table's link that it belongs to, and where it is in that link's frame, m; no link turns."""
BEGIN, END = "begin", "end"
BLOCKS = tuple(f"{colour}_block" for colour in COLOURS)
THINGS = (*BLOCKS, *FIXTURES, GRIPPER, BEGIN, END)
CATEGORIES = (*THINGS[:-2], REGION, REGION)
SURFACES = {"drawer_link": "drawer", "plank_link": "cabinet", "base_link": "table"}
"""The table's links that blocks lie on, and what they are called."""
JOINTS = ("base__drawer", "base__slide", "lightbulb", "led")
HEIGHT, GRIPS = 0.03, 0.01
"""A block that is so much higher than one that it touches lies on it; closing fingers that stay so far apart hold what
they touch; m."""
MOVED = {
    **dict.fromkeys(("open_drawer", "close_drawer"), "drawer_handle"),
    **dict.fromkeys(("move_slider_left", "move_slider_right"), "door_handle"),
    **dict.fromkeys(("turn_on_led", "turn_off_led"), "button"),
    **dict.fromkeys(("turn_on_lightbulb", "turn_off_lightbulb"), "switch"),
}
"""Task to the fixture that it moves; the others move a block."""


class Recorded(NamedTuple):
    """A demonstration of N frames.

    Attributes:
        scene: "A" to "D".
        task: its name in CALVIN's files.
        robot: (N, 15), CALVIN's `robot_obs`.
        things: (N, 24), CALVIN's `scene_obs`.
    """

    scene: str
    task: str
    robot: NDArray[np.float64]
    things: NDArray[np.float64]


def read_truths(demos: Iterable[Recorded], assets: str) -> Truths:
    """Looks into every frame of some demonstrations, one after the other.

    Where a task begins is where the thing is that it moves; where it ends, where the tool is in the last frame.

    Args:
        demos: the demonstrations.
        assets: that they were made with: "official", "primitive" or "auto".

    Raises:
        AssetsError: those are not here.
    """
    from vvla_policies.envs.calvin.assets import find
    from vvla_policies.envs.calvin.scenes import SCENES
    from vvla_policies.envs.calvin.world import World

    path = find(assets).path
    looks: list[_Demonstration] = []
    with ExitStack() as stack:
        worlds: dict[str, World] = {}
        for demo in demos:
            if demo.scene not in worlds:
                worlds[demo.scene] = World(SCENES[demo.scene], path)
                stack.callback(worlds[demo.scene].close)
            looks.append(_Demonstration(worlds[demo.scene], demo))
    return Truths(
        things=THINGS,
        categories=CATEGORIES,
        points=np.concatenate([look.points() for look in looks]).astype(np.float32),
        held=np.concatenate([look.held for look in looks]),
        joints=JOINTS,
        openness=np.concatenate([look.openness for look in looks]).astype(np.float32),
        interest=(BEGIN, END),
        surfaces=(*SURFACES.values(), *BLOCKS),
        under=np.concatenate([look.under for look in looks]),
    )


class _Demonstration:
    """What is seen in the frames of one, in the world of its scene."""

    def __init__(self, world: World, demo: Recorded) -> None:
        self._task = demo.task
        frames = len(demo.robot)
        self._places = np.empty((frames, len(THINGS), 3))
        self._views: list[Views] = []
        self.held = np.full(frames, -1, dtype=np.int64)
        self.under = np.full((frames, len(THINGS)), -1, dtype=np.int64)
        self.openness = np.empty((frames, len(JOINTS)))
        for k, (robot_obs, scene_obs) in enumerate(zip(demo.robot, demo.things, strict=True)):
            world.reset(robot_obs, scene_obs)
            self._add(k, world, grips=robot_obs[-1] < 0 and robot_obs[6] > GRIPS)

    def _add(self, k: int, world: World, grips: bool) -> None:
        from vvla_policies.envs.calvin.cameras import view
        from vvla_policies.envs.calvin.robot import TCP

        look = world.look()
        tool = np.array(world.robot.pose(TCP)[0])
        blocks = [look.blocks[_own(name)] for name in BLOCKS]
        fixtures = [world.frame(link) + offset for link, offset in FIXTURES.values()]
        self._places[k, :-2] = [*(block.position for block in blocks), *fixtures, tool]
        self._places[k, -2:] = tool
        self._views.append([view(world, camera) for camera in CAMERAS])
        held = [n for n, block in enumerate(blocks) if grips and block.uid in look.held]
        self.held[k] = held[0] if len(held) == 1 else -1
        for n, name in enumerate(BLOCKS):
            self.under[k, n] = -1 if n in held else _under(name, look)
        for n, joint in enumerate(JOINTS):
            low, high = world.ranges.get(joint, (0.0, 1.0))
            value = world.joint(joint) if joint in world.ranges else float(look.lights[joint])
            self.openness[k, n] = 1 - (value - low) / (high - low)

    def points(self) -> NDArray[np.float64]:
        """(N, things, 2, 2), see `Truths.points`."""
        places = self._places
        travelled = np.linalg.norm(places[-1] - places[0], axis=-1)[: len(BLOCKS)]
        moved = THINGS.index(moved_by(self._task) or BLOCKS[int(travelled.argmax())])
        places[:, -2], places[:, -1] = places[:, moved], places[-1, THINGS.index(GRIPPER)]
        return np.stack([_seen(*pair) for pair in zip(places, self._views, strict=True)])


def moved_by(task: str) -> str:
    """What a task moves, "" if any block will do.

    >>> moved_by("close_drawer"), moved_by("lift_red_block_drawer"), moved_by("place_in_drawer")
    ('drawer_handle', 'red_block', '')
    """
    return MOVED.get(task) or next((block for block in BLOCKS if block in task), "")


def _seen(places: NDArray[np.float64], views: Views) -> NDArray[np.float64]:
    """(things, 2, 2): where places (things, 3) are in the pictures of cameras."""
    return np.stack([on_picture(places @ matrix[:3, :3].T + matrix[:3, 3], fov) for matrix, fov in views], axis=1)


def _own(block: str) -> str:
    """CALVIN's name of a block.

    >>> _own("red_block")
    'block_red'
    """
    return f"block_{block.removesuffix('_block')}"


def _under(name: str, look: Look) -> int:
    """The number of the surface that a block lies on, -1 for none."""
    block = look.blocks[_own(name)]
    for number, link in enumerate(SURFACES):
        if (look.table, look.links[link]) in block.contacts:
            return number
    touched = {body for body, _ in block.contacts}
    for number, other in enumerate(BLOCKS):
        below = look.blocks[_own(other)]
        if below.uid in touched and block.position[2] - below.position[2] > HEIGHT:
            return len(SURFACES) + number
    return -1
