"""CALVIN's evaluation chains: five tasks in a row from a start in which they are possible, and that start's state.

The chains are drawn as github mees/calvin does (calvin_agent/evaluation/multistep_sequences.py), whose random numbers
are numpy's legacy ones. Drawing all 1000 takes minutes, so they are shipped in `chains.json`, which `python -m
vvla_policies.envs.calvin.chains FILE` writes anew.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
State = Mapping[str, int | str]

LENGTH, COUNT = 5, 1000
COLOURS = ("red", "blue", "pink")

# Where things can be at the start; the order of keys and values is that of the original, which hashes and counts it.
PLACES = ("table", "slider_right", "slider_left")
VALUES: dict[str, tuple[int | str, ...]] = {
    "led": (0, 1),
    "lightbulb": (0, 1),
    "slider": ("right", "left"),
    "drawer": ("closed", "open"),
    **{f"{colour}_block": PLACES for colour in COLOURS},
    "grasped": (0,),
}

ROBOT_OBS = (
    *(0.02586889, -0.2313129, 0.5712808, 3.09045411, -0.02908596, 1.50013585, 0.07999963),
    *(-1.21779124, 1.03987629, 2.11978254, -2.34205014, -0.87015899, 1.64119093, 0.55344928, 1.0),
)
"""CALVIN's `robot_obs` at the start of every chain."""
ON_TABLE = ((5.00000896e-02, -1.20000177e-01, 4.59990009e-01), (2.29995412e-01, -1.19995140e-01, 4.59990010e-01))
IN_SLIDER = {
    "slider_left": (-2.40851662e-01, 9.24044687e-02, 4.60990009e-01),
    "slider_right": (7.03416330e-02, 9.24044687e-02, 4.60990009e-01),
}
YAW = (np.pi / 2 - np.pi / 8, np.pi / 2 + np.pi / 8)
SLIDER_LEFT, DRAWER_OPEN, SWITCH_ON = 0.28, 0.22, 0.088
"""Joint positions, m."""


@dataclass(frozen=True)
class Chain:
    """One evaluation chain.

    Attributes:
        start: what is where, the keys of `VALUES`.
        tasks: the five tasks, in order.
    """

    start: State
    tasks: tuple[str, ...]

    def state(self) -> tuple[Array, Array]:
        """`robot_obs` (15,) and `scene_obs` (24,) of the start, in scene D's order of blocks."""
        return np.array(ROBOT_OBS), scene_obs(self.start)


# --- the start ---------------------------------------------------------------------------------------------------


def scene_obs(start: State) -> Array:
    """CALVIN's `scene_obs` of a start: places are fixed, block angles and table places are drawn by a hash of it.

    Returns:
        float64 (24,), see `World.scene_obs`.
    """
    rng = np.random.RandomState(_fnv1(f"dict_values({[*start.values()]})"))
    places = list(ON_TABLE)
    rng.shuffle(places)
    obs = np.zeros(24)
    obs[0] = SLIDER_LEFT if start["slider"] == "left" else 0.0
    obs[1] = DRAWER_OPEN if start["drawer"] == "open" else 0.0
    obs[3] = SWITCH_ON if start["lightbulb"] else 0.0
    obs[4:6] = start["lightbulb"], start["led"]
    for k, colour in enumerate(COLOURS):
        where = str(start[f"{colour}_block"])
        second = colour == "pink" or (colour == "blue" and start["red_block"] == "table")
        obs[6 + 6 * k : 9 + 6 * k] = IN_SLIDER[where] if where in IN_SLIDER else places[second]
        obs[11 + 6 * k] = rng.uniform(*YAW)
    return obs


def _fnv1(text: str) -> int:
    """The 32-bit FNV-1 hash.

    >>> hex(_fnv1("a"))
    '0x50c5d7e'
    """
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value * 0x01000193) & 0xFFFFFFFF ^ byte
    return value


# --- which tasks are possible, and what they change --------------------------------------------------------------

Rule = tuple[Mapping[str, Any], Mapping[str, Any]]
"""What must hold before a task (of several values one), and what it changes."""

FREE, HELD = {"grasped": 0}, {"grasped": 1}
SLIDERS = ("slider_right", "slider_left")


def _on_table(colour: str) -> list[Rule]:
    return [({f"{colour}_block": "table", **FREE}, {})]


def _lift(colour: str, place: str) -> list[Rule]:
    block, grasped = f"{colour}_block", {f"{colour}_block": "grasped", **HELD}
    if place == "slider":  # in the half of the cabinet that the door leaves open
        sides = (("slider_left", "right"), ("slider_right", "left"))
        return [({block: half, "slider": door, **FREE}, grasped) for half, door in sides]
    condition = {"drawer": "open"} if place == "drawer" else {}
    return [({block: place, **condition, **FREE}, grasped)]


def _place(destination: str) -> list[Rule]:
    held = [{f"{colour}_block": "grasped", **HELD} for colour in COLOURS]
    if destination == "drawer":
        return [({**condition, "drawer": "open"}, {**dict.fromkeys(condition, "drawer"), **FREE}) for condition in held]
    return [
        ({**condition, "slider": door}, {**dict.fromkeys(condition, f"slider_{door}"), **FREE})
        for condition in held
        for door in ("right", "left")
    ]


def _stack() -> list[Rule]:
    return [
        (
            {f"{top}_block": "grasped", f"{bottom}_block": "table", **HELD},
            {f"{top}_block": "stacked_top", f"{bottom}_block": "stacked_bottom", **FREE},
        )
        for top, bottom in itertools.permutations(COLOURS, 2)
    ]


def _unstack() -> list[Rule]:
    return [
        (
            {f"{top}_block": "stacked_top", f"{bottom}_block": "stacked_bottom", **FREE},
            {f"{top}_block": "table", f"{bottom}_block": "table"},
        )
        for top, bottom in itertools.permutations(COLOURS, 2)
    ]


def _push_into_drawer() -> list[Rule]:
    rules: list[Rule] = []
    for colour in COLOURS:
        others = {f"{other}_block": SLIDERS for other in COLOURS if other != colour}
        condition = {f"{colour}_block": "table", **others, "drawer": "open", **FREE}
        rules.append((condition, {f"{colour}_block": "drawer", **FREE}))
    return rules


def _turn(key: str, before: str | int, after: str | int) -> list[Rule]:
    return [({key: before, **FREE}, {key: after})]


RULES: dict[str, list[Rule]] = {
    **{f"rotate_{c}_block_{side}": _on_table(c) for c in COLOURS for side in ("right", "left")},
    **{f"push_{c}_block_{side}": _on_table(c) for c in COLOURS for side in ("right", "left")},
    "move_slider_left": _turn("slider", "right", "left"),
    "move_slider_right": _turn("slider", "left", "right"),
    "open_drawer": _turn("drawer", "closed", "open"),
    "close_drawer": _turn("drawer", "open", "closed"),
    **{f"lift_{c}_block_{place}": _lift(c, place) for c in COLOURS for place in ("table", "slider", "drawer")},
    "place_in_slider": _place("slider"),
    "place_in_drawer": _place("drawer"),
    "stack_block": _stack(),
    "unstack_block": _unstack(),
    "turn_on_lightbulb": _turn("lightbulb", 0, 1),
    "turn_off_lightbulb": _turn("lightbulb", 1, 0),
    "turn_on_led": _turn("led", 0, 1),
    "turn_off_led": _turn("led", 1, 0),
    "push_into_drawer": _push_into_drawer(),
}
"""The 34 tasks in the original's order, from which chains are drawn; one rule for each way to do a task."""


def after(state: State, task: str) -> State | None:
    """The state after a task; None if it is impossible in that state, or possible in more than one way."""
    effects = [effect for condition, effect in RULES[task] if _holds(state, condition)]
    return {**state, **effects[0]} if len(effects) == 1 else None


def _holds(state: State, condition: Mapping[str, Any]) -> bool:
    return all(state[key] in (value if isinstance(value, tuple) else (value,)) for key, value in condition.items())


def category(task: str) -> str:
    """What kind of task it is; a chain has no two of a kind.

    >>> category("lift_red_block_table"), category("push_red_block_left"), category("turn_off_led")
    ('lift table', 'turn or push', 'light')
    """
    if task.startswith(("rotate_", "push_")) and task != "push_into_drawer":
        return "turn or push"
    if task.startswith("lift_"):
        return f"lift {task.rpartition('_')[2]}"
    kinds = {"move_": "slider", "place_": "place", "turn_": "light"}
    if task in ("open_drawer", "close_drawer"):
        return "drawer"
    return next((kind for start, kind in kinds.items() if task.startswith(start)), task)


# --- the chains --------------------------------------------------------------------------------------------------


def starts() -> list[State]:
    """The starts that chains are drawn for: one or two blocks on the table, at most one in each half of the cabinet."""
    combinations = (dict(zip(VALUES, values, strict=True)) for values in itertools.product(*VALUES.values()))
    return [state for state in combinations if _spread([*state.values()])]


def _spread(values: list[int | str]) -> bool:
    return values.count("table") in (1, 2) and all(values.count(half) < 2 for half in SLIDERS)


def draw(count: int = COUNT) -> list[Chain]:
    """Draws the chains anew, minutes for 1000.

    Args:
        count: how many.
    """
    states = starts()
    shares = [len(share) for share in np.array_split(range(count), len(states))]
    found = [
        Chain(state, tasks)
        for k, (state, share) in enumerate(zip(states, shares, strict=True))
        for tasks in _draw_for(state, share, seed=k)
    ]
    order = list(range(len(found)))
    np.random.RandomState(0).shuffle(order)
    return [found[k] for k in order]


def _draw_for(state: State, count: int, seed: int) -> list[tuple[str, ...]]:
    rng = np.random.RandomState(seed)
    names = list(RULES)
    found: list[tuple[str, ...]] = []
    while len(found) < count:
        tasks = tuple(names[k] for k in rng.choice(len(names), size=LENGTH, replace=False))
        if _possible(state, tasks):
            found.append(tasks)
    return found


def _possible(state: State, tasks: tuple[str, ...]) -> bool:
    for task in tasks:
        following = after(state, task)
        if following is None:
            return False
        state = following
    return len({category(task) for task in tasks}) == len(tasks)


@functools.cache
def chains() -> tuple[Chain, ...]:
    """The 1000 chains, as shipped."""
    shipped = json.loads(files("vvla_policies.envs.calvin").joinpath("chains.json").read_text())
    keys, names = list(VALUES), shipped["tasks"]
    return tuple(
        Chain(dict(zip(keys, shipped["starts"][start], strict=True)), tuple(names[k] for k in tasks))
        for start, *tasks in shipped["chains"]
    )


def write(path: Path) -> None:
    """Draws the chains and writes them to a file."""
    states, names = starts(), list(RULES)
    rows = [[states.index(chain.start), *map(names.index, chain.tasks)] for chain in draw()]
    data = {"tasks": names, "starts": [[*state.values()] for state in states], "chains": rows}
    lines = ",\n".join(f'"{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in data.items())
    path.write_text(f"{{{lines}}}\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
