"""The four tables: where things are is as in the official models, what they look like is painted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vvla_policies.envs.libero.primitive import meshes, paint
from vvla_policies.envs.libero.primitive.rotations import Vec3

from .urdf import Files, Joint, Link, Look, Part, box, model, wedge

UPRIGHT: Vec3 = (math.pi / 2, 0.0, 0.0)
ON_SLOPE: Vec3 = (math.pi / 3, 0.0, 0.0)
FACING_SLOPE: Vec3 = (5 * math.pi / 6, 0.0, 0.0)
"""Turns of the parts' frames: y upwards; y up the cabinet's front, which leans back by 30 degrees; y out of it."""

GREY, BLACK, PLAIN = Look("grey", (0.3, 0.3, 0.32)), Look("black", (0.0, 0.0, 0.0)), Look("plain")
X, Y = 0.55, 0.225
"""Half lengths of the table."""
FLOOR, TOP, INSIDE, ROOF, CROWN = 0.375, 0.55, 0.525, 0.785, 0.81
"""Heights: below the drawer, the table, the cabinet's floor and ceiling, and its top."""
FRONT, BACK, RIDGE, ROOF_FRONT = 0.025, 0.2, 0.175, 0.161
"""Along y: where the cabinet's front begins and ends below, where it meets the top, and where the ceiling begins."""
OPENING, DRAWER = 0.325, 0.25
"""Half lengths of cabinet and drawer along x."""
BUTTON_Y, BUTTON_RADIUS, RIM_RADIUS = -0.15, 0.04, 0.05


@dataclass(frozen=True)
class Table:
    """What differs between the scenes: places along x, travel, and looks.

    Attributes:
        button: also the LED's place.
        switch: also the lightbulb's place.
        slide: of the door's right position.
        travel: of the door.
        drawer: of its middle.
        cabinet: of its middle.
        bulb: the lightbulb along y, and its mass (kg).
        body: light and dark colour of the wood.
        doors: of door and drawer.
    """

    button: float
    switch: float
    slide: float
    travel: float
    drawer: float
    cabinet: float
    bulb: tuple[float, float]
    body: tuple[paint.Colour, paint.Colour]
    doors: tuple[paint.Colour, paint.Colour]


MAHOGANY, MAPLE = ((122, 62, 44), (88, 40, 28)), ((240, 205, 155), (222, 178, 122))
OAK, WALNUT = ((168, 112, 62), (132, 84, 44)), ((148, 116, 80), (104, 78, 52))
TABLES = {
    "A": Table(-0.35, 0.375, -0.125, 0.35, 0.125, -0.125, (0.165, 0.173918), MAHOGANY, MAHOGANY),
    "B": Table(0.35, -0.4, 0.11, 0.38, 0.225, 0.1, (0.17, 0.11526), MAPLE, MAPLE),
    "C": Table(-0.15, -0.4, 0.075, 0.3, 0.125, 0.1, (0.165, 0.173918), OAK, MAHOGANY),
    "D": Table(-0.15, 0.375, -0.125, 0.35, 0.225, -0.125, (0.165, 0.173918), WALNUT, WALNUT),
}


def table(name: str) -> Files:
    """The files of a scene's table, relative to the folder of its URDF file."""
    facts = TABLES[name]
    seed = ord(name)
    body = Look("body", texture=paint.wood(*facts.body, seed=seed))
    doors = Look("doors", texture=paint.wood(*facts.doors, seed=seed + 50))
    links = [
        Link("base_link", 0.0, _base(facts, body)),
        Link("button_link", 0.153812, [_button()], (0, 0.015, 0)),
        Link("switch_link", 0.238787, _hulls(_switch()), (0, 0.05, -0.01)),
        Link("slide_link", 1.543491, _hulls(_door(doors)), (0.175, 0, 0.02)),
        Link("drawer_link", 4.231281, _hulls(_drawer(doors)), (0, 0.033, 0.099)),
        Link("led_link", 0.204, _hulls([box(PLAIN, (-0.1, 0, -0.025), (0.1, 0.02, 0.025))]), (0, 0.01, 0)),
        Link("light_link", facts.bulb[1], [_bulb()], (0, 0.028, -0.035)),
        Link("plank_link", 2.84375, _hulls([_plank(body)]), (0, 0.0125, 0)),
    ]
    return model(f"calvin_table_{name}", links, _joints(facts))


def _hulls(parts: Sequence[Part]) -> list[Part]:
    """The same parts, colliding as hulls as in the official models: PyBullet keeps things a millimetre off those."""
    return [replace(part, box=None) for part in parts]


def _plank(wood: Look) -> Part:
    """The cabinet's floor."""
    return box(wood, (-OPENING, 0, -0.0875), (OPENING, 0.025, 0.0875))


def _joints(facts: Table) -> list[Joint]:
    def slides(kind: str, place: Vec3, turn: Vec3, axis: Vec3, travel: float) -> Joint:
        return Joint(f"base__{kind}", "prismatic", "base_link", f"{kind}_link", place, turn, axis, (0, travel, 0, 0))

    def fixed(kind: str, place: Vec3) -> Joint:
        return Joint(f"base__{kind}", "fixed", "base_link", f"{kind}_link", place, UPRIGHT)

    return [
        slides("button", (facts.button, BUTTON_Y, 0.575), UPRIGHT, (0, -1, 0), 0.025),
        slides("switch", (facts.switch, 0.07616, 0.618612), FACING_SLOPE, (0, 0, -1), 0.11),
        slides("slide", (facts.slide, 0.09375, 0.66908), ON_SLOPE, (-1, 0, 0), facts.travel),
        slides("drawer", (facts.drawer, 0, 0.4), UPRIGHT, (0, 0, 1), 0.275),
        fixed("led", (facts.button, 0.2, 0.80981)),
        fixed("light", (facts.switch, facts.bulb[0], 0.80981)),
        fixed("plank", (facts.cabinet, 0.1125, 0.525)),
    ]


def _base(facts: Table, wood: Look) -> list[Part]:
    west, east = facts.cabinet - OPENING, facts.cabinet + OPENING
    left, right = facts.drawer - DRAWER, facts.drawer + DRAWER
    side = [(FRONT, 0.5), (Y, 0.5), (Y, CROWN), (RIDGE, CROWN), (FRONT, TOP)]
    roof = [(ROOF_FRONT, ROOF), (Y, ROOF), (Y, CROWN), (RIDGE, CROWN)]
    legs = [box(wood, (x, y, 0), (x + 0.05, y + 0.04, 0.5)) for x in (-X, X - 0.05) for y in (-Y, Y - 0.04)]
    return [
        *legs,
        box(wood, (-0.525, -0.2, FLOOR), (0.525, 0.2, 0.4)),
        box(wood, (-0.525, -0.2, 0.4), (left, 0.2, 0.5)),
        box(wood, (right, -0.2, 0.4), (0.525, 0.2, 0.5)),
        box(wood, (left, 0.075, 0.4), (right, 0.2, 0.5)),
        box(wood, (-X, -Y, 0.5), (X, FRONT, TOP)),
        box(wood, (west, FRONT, 0.5), (east, Y, INSIDE)),
        wedge(wood, side, -X, west),
        wedge(wood, side, east, X),
        box(wood, (west, BACK, INSIDE), (east, Y, ROOF)),
        wedge(wood, roof, west, east),
        *_rim(facts.button, wood),
    ]


def _rim(x: float, wood: Look, sides: int = 8) -> list[Part]:
    """A ring of bricks round the button."""
    bricks = []
    for k in range(sides):
        ends = [2 * math.pi * (k + step) / sides for step in (0, 1)]
        inner, outer = ([(r * math.cos(a), r * math.sin(a)) for a in ends] for r in (BUTTON_RADIUS, RIM_RADIUS))
        brick = meshes.prism([inner[0], outer[0], outer[1], inner[1]], TOP, 0.575)
        bricks.append(Part(wood, brick.moved((x, BUTTON_Y, 0))))
    return bricks


def _button() -> Part:
    circle = [(BUTTON_RADIUS * math.cos(a), BUTTON_RADIUS * math.sin(a)) for a in _angles(20)]
    return Part(BLACK, meshes.prism(circle, 0.0, 0.03).moved(quat=(math.sqrt(0.5), -math.sqrt(0.5), 0, 0)))


def _bulb(radius: float = 0.035) -> Part:
    arc = [(radius * math.sin(a), -radius * math.cos(a)) for a in (k * math.pi / 8 for k in range(9))]
    profile = [(max(r, 0.0), z) for r, z in arc]
    return Part(PLAIN, meshes.lathe(profile, 16, smooth=True).moved((0, 0.028, -0.035)))


def _angles(count: int) -> Sequence[float]:
    return [2 * math.pi * k / count for k in range(count)]


def _switch() -> list[Part]:
    return [
        box(GREY, (-0.075, 0.052, -0.03), (0.075, 0.08, 0.01)),
        box(GREY, (-0.075, 0, -0.03), (-0.049, 0.052, 0.01)),
        box(GREY, (0.049, 0, -0.03), (0.075, 0.052, 0.01)),
    ]


def _door(wood: Look) -> list[Part]:
    return [
        box(wood, (0, -0.1375, 0), (0.35, 0.1375, 0.025)),
        box(GREY, (0.15, -0.1, 0.025), (0.2, -0.072, 0.1)),
        box(GREY, (0.15, 0.072, 0.025), (0.2, 0.1, 0.1)),
        box(GREY, (0.15, -0.072, 0.072), (0.2, 0.072, 0.1)),
    ]


def _drawer(wood: Look) -> list[Part]:
    return [
        box(wood, (-0.275, -0.025, 0.2), (0.275, 0.1, 0.225)),
        box(wood, (-DRAWER, 0, -0.075), (DRAWER, 0.025, 0.2)),
        box(wood, (-DRAWER, 0.025, -0.075), (DRAWER, 0.1, -0.05)),
        box(wood, (-DRAWER, 0.025, -0.05), (-0.225, 0.1, 0.2)),
        box(wood, (0.225, 0.025, -0.05), (DRAWER, 0.1, 0.2)),
        box(GREY, (-0.15, 0.025, 0.225), (-0.12, 0.076, 0.325)),
        box(GREY, (0.12, 0.025, 0.225), (0.15, 0.076, 0.325)),
        box(GREY, (-0.12, 0.025, 0.298), (0.12, 0.075, 0.325)),
    ]
