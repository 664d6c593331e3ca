"""Starts for practice: for a task and a scene, a world drawn at random in which the task can be done.

The 1000 chains of the evaluation are not touched: things lie elsewhere, in any of the four scenes. As in a chain, what
comes before a task is mostly another task, so that the hand begins wherever that leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from vvla_policies.envs.calvin.chains import (
    COLOURS,
    DRAWER_OPEN,
    ROBOT_OBS,
    RULES,
    SLIDER_LEFT,
    SLIDERS,
    SWITCH_ON,
    Array,
    State,
    after,
)
from vvla_policies.envs.calvin.scenes import Scene

from vvla_policies.errors import SimulatorError

PRELUDE = 0.7
"""How often another task comes first where none has to."""
STACKED = 0.2
APART, SPREAD = 0.11, np.pi / 4
"""Blocks on the table are at least that far from each other (m), and turned by at most so much (rad)."""
ON_TOP = 0.041
IN_DRAWER = ((-0.06, -0.3, 0.37), (0.06, -0.27, 0.37))
"""Lowest and highest corner of a block's centre in the open drawer, m; x from the drawer's middle."""
DRAWS = 20_000


@dataclass(frozen=True)
class Start:
    """A world, and what is to be done in it.

    Attributes:
        tasks: in order.
        robot_obs: (15,), CALVIN's.
        scene_obs: (24,), CALVIN's, blocks in the scene's order.
    """

    tasks: tuple[str, ...]
    robot_obs: Array
    scene_obs: Array


def draw_start(scene: Scene, task: str, seed: int) -> Start:
    """A random world for a task.

    Args:
        scene: where.
        task: one of `RULES`.
        seed: the start is a function of it.

    Returns:
        A start whose last task is the one asked for, after at most one other.
    """
    rng = np.random.default_rng(seed)
    names = list(RULES)
    for _ in range(DRAWS):
        state = _state(rng)
        first = names[rng.integers(len(names))] if rng.random() < PRELUDE or _needs_hand(task) else ""
        between = after(state, first) if first else state
        if first != task and between is not None and after(between, task) is not None:
            tasks = (first, task) if first else (task,)
            return Start(tasks, np.array(ROBOT_OBS), _scene_obs(scene, state, rng))
    raise SimulatorError(f"no start was found in which {task} is possible")


def _needs_hand(task: str) -> bool:
    """Whether a block has to be in the hand."""
    return all(condition.get("grasped") for condition, _ in RULES[task])


def _state(rng: np.random.Generator) -> State:
    """Where things are, in the words of `chains.VALUES`; blocks may also lie in an open drawer, or on one another."""
    state: dict[str, int | str] = {
        "led": int(rng.integers(2)),
        "lightbulb": int(rng.integers(2)),
        "slider": ("right", "left")[rng.integers(2)],
        "drawer": ("closed", "open")[rng.integers(2)],
        "grasped": 0,
    }
    free = [*SLIDERS, "table", "table", *(["drawer"] if state["drawer"] == "open" else [])]
    order = [COLOURS[k] for k in rng.permutation(len(COLOURS))]
    if rng.random() < STACKED:
        state |= {f"{order[0]}_block": "stacked_bottom", f"{order[1]}_block": "stacked_top"}
        order = order[2:]
        free = free[:2]
    places = rng.permutation(len(free))
    return state | {f"{colour}_block": free[k] for colour, k in zip(order, places, strict=False)}


def _scene_obs(scene: Scene, state: State, rng: np.random.Generator) -> Array:
    obs = np.zeros(24)
    obs[0] = SLIDER_LEFT if state["slider"] == "left" else 0.0
    obs[1] = DRAWER_OPEN if state["drawer"] == "open" else 0.0
    obs[3] = SWITCH_ON if state["lightbulb"] else 0.0
    obs[4:6] = state["lightbulb"], state["led"]
    spots = _table_spots(scene, rng)
    bottom: Array | None = None
    names = [name for name, _ in scene.blocks]
    for name in sorted(names, key=lambda name: state[f"{name.removeprefix('block_')}_block"]):  # stacked: bottom first
        where = str(state[f"{name.removeprefix('block_')}_block"])
        yaw = np.pi / 2 + rng.uniform(-SPREAD, SPREAD)
        if where == "stacked_top" and bottom is not None:
            pose = bottom + np.array([0, 0, ON_TOP, 0, 0, 0])
        else:
            pose = np.array([*_place(scene, where, spots, rng), 0, 0, yaw])
        bottom = pose if where == "stacked_bottom" else bottom
        at = 6 + 6 * names.index(name)
        obs[at : at + 6] = pose
    return obs


def _place(scene: Scene, where: str, spots: list[Array], rng: np.random.Generator) -> Array:
    if where in SLIDERS:
        return np.asarray(rng.uniform(*scene.surfaces[where]))
    if where == "drawer":
        return np.array([scene.drawer, 0, 0]) + rng.uniform(*IN_DRAWER)
    return spots.pop()


def _table_spots(scene: Scene, rng: np.random.Generator) -> list[Array]:
    """Two places on the table, apart from each other and from the button."""
    button = np.array([scene.button, -0.12])
    spots: list[Array] = []
    while len(spots) < 2:
        spot = np.asarray(rng.uniform(*scene.surfaces["table"]))
        others = [button, *(other[:2] for other in spots)]
        if min(float(np.linalg.norm(spot[:2] - other)) for other in others) > APART:
            spots.append(spot)
    return spots
