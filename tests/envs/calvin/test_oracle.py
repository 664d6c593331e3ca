"""The 34 tasks of the oracle: what makes each of them true, and what each of them asks for beyond that."""

from dataclasses import replace

import numpy as np
import pytest
from vvla_policies.envs.calvin.oracle import CONDITIONS, achieved, done
from vvla_policies.envs.calvin.scenes import DRAWER, LED, LIGHTBULB, SLIDER
from vvla_policies.envs.calvin.world import Body, Look

ROBOT, RED, BLUE, PINK, TABLE = 0, 2, 3, 4, 5
LINKS = {"base_link": -1, "drawer_link": 3, "plank_link": 6}
UIDS = {"block_red": RED, "block_blue": BLUE, "block_pink": PINK}
ON_TABLE, IN_DRAWER, IN_SLIDER, HAND = (TABLE, -1), (TABLE, 3), (TABLE, 6), (ROBOT, 9)
COLOURS = ("red", "blue", "pink")


def body(uid, *contacts, at=(0.0, 0.0, 0.0), yaw=0.0, roll=0.0, speed=0.0):
    """A block there, turned by angles in degrees about the vertical, or tilted about x."""
    half = np.radians([roll, yaw]) / 2
    quat = [np.sin(half[0]), 0, 0, np.cos(half[0])] if roll else [0, 0, np.sin(half[1]), np.cos(half[1])]
    return Body(uid, np.array(at), np.array(quat), speed, frozenset(contacts))


def look(held=(), joints=(0.0, 0.0), lights=(False, False), **blocks):
    """A moment: blocks lie on the table unless given, far from one another."""
    rest = {name: body(uid, ON_TABLE, at=(0.1 * uid, 0.2, 0)) for name, uid in UIDS.items()}
    given = {f"block_{colour}": block for colour, block in blocks.items()}
    positions = dict(zip((SLIDER, DRAWER), joints, strict=True))
    states = dict(zip((LIGHTBULB, LED), lights, strict=True))
    return Look(ROBOT, TABLE, LINKS, frozenset(held), {**rest, **given}, positions, states)


def uid_of(colour):
    return UIDS[f"block_{colour}"]


def check(task, start, now, *failures):
    """The task is done in the first case and in none of the others, (start, now) each."""
    assert task in achieved(start, now)
    for number, (before, after) in enumerate(failures):
        assert not done(task, before, after), f"{task}, case {number}"


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("side", "sign"), [("right", -1), ("left", 1)])
def test_rotate(colour, side, sign):
    def at(yaw, *contacts, **options):
        return look(**{colour: body(uid_of(colour), *(contacts or (ON_TABLE,)), yaw=yaw, **options)})

    start = at(0)
    check(
        f"rotate_{colour}_block_{side}",
        start,
        at(sign * 61),
        (start, at(sign * 59)),
        (start, at(-sign * 61)),
        (start, at(sign * 61, at=(0.11, 0, 0))),
        (start, at(sign * 61, HAND)),
        (start, look(**{colour: body(uid_of(colour), ON_TABLE, roll=61)})),
    )


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("side", "sign"), [("right", 1), ("left", -1)])
def test_push(colour, side, sign):
    def at(x, *contacts):
        return look(**{colour: body(uid_of(colour), *(contacts or (ON_TABLE,)), at=(x, 0, 0))})

    start = at(0)
    check(
        f"push_{colour}_block_{side}",
        start,
        at(sign * 0.101),
        (start, at(sign * 0.099)),
        (start, at(-sign * 0.101)),
        (start, at(sign * 0.101, HAND)),
        (start, at(sign * 0.101, IN_DRAWER)),
        (at(0, HAND), at(sign * 0.101)),
    )
    assert done(f"push_{colour}_block_{side}", start, at(sign * 0.101, ON_TABLE, HAND))


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    ("place", "surface", "height"),
    [("table", ON_TABLE, 0.05), ("slider", IN_SLIDER, 0.03), ("drawer", IN_DRAWER, 0.05)],
)
def test_lift(colour, place, surface, height):
    def at(z, *contacts):
        return look(**{colour: body(uid_of(colour), *contacts, at=(0, 0, z))})

    start, other = at(0, surface), IN_DRAWER if surface != IN_DRAWER else ON_TABLE
    check(
        f"lift_{colour}_block_{place}",
        start,
        at(height + 0.001, HAND, (ROBOT, 11)),
        (start, at(height - 0.001, HAND)),
        (start, at(height + 0.001)),
        (start, at(height + 0.001, HAND, surface)),
        (start, at(height + 0.001, HAND, (99, -1))),
        (at(0, other), at(height + 0.001, HAND)),
    )
    assert done(f"lift_{colour}_block_{place}", at(0, surface, HAND), at(height + 0.001, HAND))


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(("place", "surface"), [("slider", IN_SLIDER), ("drawer", IN_DRAWER)])
def test_place(colour, place, surface):
    uid = uid_of(colour)

    def at(held, *contacts):
        return look(held=held, **{colour: body(uid, *contacts)})

    start = at([uid], HAND)
    check(
        f"place_in_{place}",
        start,
        at([], surface),
        (start, at([uid], surface, HAND)),
        (start, at([], ON_TABLE)),
        (at([], HAND), at([], surface)),
        (at([uid, TABLE], HAND), at([], surface)),
        (at([uid], HAND, ON_TABLE), at([], surface)),
        (at([TABLE], HAND), at([], surface)),
    )


@pytest.mark.parametrize("colour", COLOURS)
def test_stack_and_unstack(colour):
    uid = uid_of(colour)
    lower = BLUE if colour != "blue" else RED

    def at(*contacts, speed=0.0):
        return look(**{colour: body(uid, *contacts, speed=speed)})

    apart, stacked = at(HAND), at((lower, -1))
    moving, held, leaning = at((lower, -1), speed=1.1), at((lower, -1), HAND), at((lower, -1), ON_TABLE)
    check("stack_block", apart, stacked, (apart, moving), (apart, held), (apart, leaning), (stacked, stacked))
    check("unstack_block", stacked, apart, (moving, apart), (held, apart), (leaning, apart), (stacked, moving))


@pytest.mark.parametrize("colour", COLOURS)
def test_push_into_drawer(colour):
    def at(*contacts):
        return look(**{colour: body(uid_of(colour), *contacts)})

    start = at(ON_TABLE)
    check(
        "push_into_drawer",
        start,
        at(IN_DRAWER),
        (start, at(ON_TABLE)),
        (at(HAND, ON_TABLE), at(IN_DRAWER)),
        (at(IN_SLIDER), at(IN_DRAWER)),
        (at(IN_DRAWER), at(IN_DRAWER)),
    )
    assert done("push_into_drawer", start, at(IN_DRAWER, HAND))  # as in the original, which means to forbid it


@pytest.mark.parametrize(
    ("task", "joint", "distance"),
    [
        ("move_slider_left", 0, 0.15),
        ("move_slider_right", 0, -0.15),
        ("open_drawer", 1, 0.12),
        ("close_drawer", 1, -0.12),
    ],
)
def test_joints(task, joint, distance):
    def at(position):
        return look(joints=tuple(position if k == joint else 0.1 for k in range(2)))

    start = at(0.2)
    check(
        task,
        start,
        at(0.2 + 1.01 * distance),
        (start, at(0.2 + 0.99 * distance)),
        (start, at(0.2 - 1.01 * distance)),
        (start, look(joints=tuple(0.2 if k == joint else 0.3 for k in range(2)))),
    )


@pytest.mark.parametrize(("light", "number"), [("lightbulb", 0), ("led", 1)])
def test_lights(light, number):
    def at(on):
        return look(lights=tuple(on if k == number else not on for k in range(2)))

    dark, lit = at(False), at(True)
    other = replace(dark, lights=dict.fromkeys(dark.lights, True) | {[LIGHTBULB, LED][number]: False})
    check(f"turn_on_{light}", dark, lit, (lit, lit), (lit, dark), (dark, other))
    check(f"turn_off_{light}", lit, dark, (dark, dark), (dark, lit))


def test_nothing_happened():
    start = look()
    assert achieved(start, start) == set()
    assert len(CONDITIONS) == 34
