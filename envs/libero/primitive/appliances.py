"""Appliances: microwave, flat stove and short fridge. Lengths in m, measured on LIBERO's collision geometry."""

from __future__ import annotations

import math
from collections.abc import Callable

from . import meshes, paint
from .fixture import FIXTURE_BOUNDS, GRIP_FACES, HEAVY, OUTSIDE, PLAIN_CONTACT, UPRIGHT, MaskedContact, faces_of, slab
from .mjcf import Body, Files, Inertial, Joint, Look, Model, Site, Visual, bounds
from .parts import Box, Capsule, Cylinder, Placed
from .rotations import IDENTITY, ORIGIN, turn

# --- microwave: x to the right, the door looks to -y, hinge on the left

DOOR_CONTACT = MaskedContact(
    friction=(1.0, 0.005, 0.0001), solref=(0.02, 1.0), solimp=(0.8, 0.9, 0.01), density=1000.0, condim=3, margin=0.001
)


def _control_panel() -> paint.Pixels:
    """Front of the electronics block: display, keys and a dial."""
    canvas = paint.Canvas(32, 64, (52, 52, 55)).rect(0.2, 0.8, 0.8, 0.92, (60, 110, 90))
    for row in range(3):
        for column in range(3):
            x, y = 0.2 + 0.22 * column, 0.42 + 0.11 * row
            canvas.rect(x, y, x + 0.16, y + 0.07, (150, 150, 152))
    return canvas.disc(0.5, 0.2, 0.26, 0.12, (150, 150, 150)).disc(0.5, 0.2, 0.18, 0.08, (95, 95, 97)).pixels()


def _microwave_box() -> tuple[Box, ...]:
    """Housing round the cavity: left wall, electronics block, back, roof, floor, control panel before the block."""
    wide, deep, tall = (-0.1725, 0.1725), (-0.088, 0.111), (0.0, 0.187)
    cavity = (-0.144, 0.063)
    return (
        slab((wide[0], -0.1435), deep, tall),
        slab((0.0635, wide[1]), deep, tall),
        slab(cavity, (0.0805, 0.1105), tall),
        slab(cavity, (-0.088, 0.081), (0.168, 0.187)),
        slab(cavity, (-0.088, 0.080), (0.0, 0.024)),
        slab((0.0875, wide[1]), (-0.1105, -0.0865), tall),
    )


DOOR_GLASS = slab((0.0425, 0.2165), (-0.016, -0.012), (-0.061, 0.061))


def _door_frame() -> meshes.Mesh:
    """Four bars round the glass."""
    deep, tall = (-0.025, -0.001), (-0.0925, 0.0925)
    bars = [
        slab((0.0, 0.0425), deep, tall),
        slab((0.2165, 0.259), deep, tall),
        slab((0.0425, 0.2165), deep, (0.061, 0.0925)),
        slab((0.0425, 0.2165), deep, (-0.0925, -0.061)),
    ]
    return meshes.merge([faces_of(b, ("-x", "+x", "-y", "+y", "+z")) for b in bars])


def _microwave_door() -> Body:
    hinge = (-0.1725, -0.088, 0.096)
    door = slab((0.0, 0.259), (-0.025, -0.001), (-0.0925, 0.0925))
    across = turn("x", math.pi / 2)
    bars = (
        Capsule(0.01, 0.065, (0.2375, -0.054, 0.0)),
        Capsule(0.01, 0.015, (0.2375, -0.0375, 0.065), across),
        Capsule(0.01, 0.015, (0.2375, -0.0375, -0.065), across),
    )
    return Body(
        "microdoorroot",
        solids=(*bars, door),
        visuals=(
            Visual("microwave_door", _door_frame(), DARK),
            Visual("microwave_glass", faces_of(DOOR_GLASS, ("-y", "+y")), GLASS),
            Visual("microwave_handle", meshes.merge([b.mesh() for b in bars]), STEEL),
        ),
        joints=(Joint("microjoint", "hinge", (0.0, 0.0, 1.0), (-2.094, 0.0), damping=0.5, limited="true"),),
        inertial=Inertial(0.26, (0.15442, -0.01992, 0.0), (8.23e-4, 2.446e-3, 1.720e-3)),
        pos=hinge,
        contact=DOOR_CONTACT,
    )


DARK = Look("microwave_shell", rgba=(0.27, 0.27, 0.28, 1.0), specular=0.5)
GLASS = Look("microwave_glass", rgba=(0.3, 0.3, 0.32, 0.3), specular=0.8, shininess=0.8)
STEEL = Look("appliance_steel", rgba=(0.62, 0.62, 0.63, 1.0), specular=0.6, shininess=0.6)


def microwave() -> Files:
    """Microwave oven with a side-hung door, an open cavity and a flat top."""
    left, block, back, roof, floor, panel = boxes = _microwave_box()
    shell = [faces_of(left, OUTSIDE), faces_of(block, ("-x", "+x", "+y", "+z")), faces_of(back, ("-y", "+y", "+z"))]
    shell += [faces_of(roof, ("-y", "+z", "-z")), faces_of(floor, ("-y", "+z")), faces_of(panel, ("-x", "+x", "+z"))]
    body = Body(
        "object",
        solids=boxes,
        visuals=(
            Visual(
                "microwave_shell",
                meshes.merge(shell),
                DARK,
            ),
            Visual("microwave_panel", faces_of(panel, ("-y", "-z")), Look("microwave_panel", pixels=_control_panel())),
        ),
        sites=(
            Site("top_side", (0.0, 0.01, 0.20), (0.12, 0.0835, 0.005), IDENTITY, "box"),
            Site("heating_region", (0.0, 0.01, 0.096), (0.12, 0.0835, 0.08), IDENTITY, "box"),
        ),
        children=(_microwave_door(),),
        contact=DOOR_CONTACT,
    )
    return Model("microwave", body, bounds(-0.06, 0.06, 0.015)).files()


# --- flat stove: a hot plate with a knob beside it


def _burner() -> Body:
    """The plate and its coil; objects rest at 25.5 mm, on the coil.

    The site "burner" glows between the rings when the stove is on.
    """
    half = 0.095
    plate = Box.between((-half, -half, -0.02), (half, half, 0.02))
    rest = Box.between((-half, -half, 0.0245), (half, half, 0.0255))
    rings = [
        meshes.lathe([(r, 0.0222), (r - 0.0055, 0.025), (r - 0.011, 0.0222)], 14) for r in (0.020, 0.036, 0.052, 0.068)
    ]
    rings.append(meshes.lathe([(0.068, 0.0205), (0.0, 0.0205)], 14))
    return Body(
        "burner",
        solids=(plate, rest),
        visuals=(
            Visual(
                "stove_plate",
                faces_of(plate, OUTSIDE),
                Look("stove_plate", pixels=paint.grain((222, 221, 216), 5.0, 31, (32, 32))),
            ),
        ),
        sites=(
            Site("cook_region", ORIGIN, (0.075, 0.075, 0.0025), IDENTITY, "box", (0.8, 0.8, 0.0, 0.0)),
            Site("burner", (0.0, 0.0, 0.022), (0.0625, 0.0005), None, "cylinder", (0.9, 0.05, 0.05, 1.0)),
        ),
        children=(Body("burner_plate", visuals=(Visual("stove_coil", meshes.merge(rings), COIL),)),),
        pos=(0.15, 0.0, 0.0),
        contact=PLAIN_CONTACT,
    )


COIL = Look("stove_coil", rgba=(0.30, 0.30, 0.31, 1.0), specular=0.5, shininess=0.4)
BLACK = Look("stove_black", rgba=(0.1, 0.1, 0.1, 1.0), specular=0.5, shininess=0.5)


def _knob() -> Body:
    """A dial with a grip across it, turned about z from off (0) to full (2.1 rad)."""
    dial = Cylinder(0.0476, 0.0062, (0.0013, 0.0043, 0.0066))
    grip = (
        slab((-0.0110, 0.0135), (-0.0172, 0.0520), (0.0014, 0.0500)),
        slab((-0.0110, 0.0134), (-0.0300, -0.0172), (0.0039, 0.0445)),
        slab((-0.0110, 0.0132), (-0.0407, -0.0300), (0.0005, 0.0345)),
    )
    shown = [dial.mesh(segments=16), *(faces_of(g, (*OUTSIDE[:4], "+z")) for g in grip)]
    return Body(
        "button",
        solids=(dial, *grip),
        visuals=(Visual("stove_knob", meshes.merge(shown), BLACK),),
        joints=(Joint("button", "hinge", (0.0, 0.0, 1.0), (-0.005, 2.1), ORIGIN, damping=1.0, limited="true"),),
        inertial=HEAVY,
        pos=ORIGIN,
        quat=turn("z", math.pi / 2),
    )


def flat_stove() -> Files:
    """Hot plate whose burner region turns red when the knob is past 0.5 rad."""
    base = Body("base", children=(_burner(), _knob()), pos=ORIGIN)
    return Model("flat_stove", Body(children=(base,)), FIXTURE_BOUNDS).files()


# --- short fridge: described with x across, y inwards, z up

FRIDGE_SHELVES = ((0.0425, 0.0500), (0.1381, 0.1456))  # heights; floor below, roof above


def _fridge_boxes() -> tuple[Box, ...]:
    """Back, side walls, roof, floor, shelves, cooling box under the roof, four feet."""
    wide, deep = (-0.0963, 0.0986), (-0.0898, 0.0886)
    walls = (
        slab((-0.0996, 0.1004), (0.0733, 0.0988), (-0.0133, 0.2305)),
        slab((wide[0], wide[0] + 0.0104), deep, (-0.0127, 0.2222)),
        slab((wide[1] - 0.0104, wide[1]), deep, (-0.0127, 0.2222)),
        slab((-0.0957, 0.0984), (-0.0894, 0.0907), (0.2203, 0.2283)),
        slab((-0.0963, 0.0881), (-0.0903, 0.0917), (-0.0158, -0.0015)),
    )
    shelves = tuple(slab((-0.0862, 0.0885), (-0.0844, 0.0857), height) for height in FRIDGE_SHELVES)
    cooler = slab((0.0528, 0.0870), (-0.0346, 0.0647), (0.1988, 0.2123))
    feet = tuple(
        slab((x - 0.0126, x + 0.0126), (y - 0.0126, y + 0.0126), (-0.0307, -0.0095))
        for x in (-0.0799, 0.0794)
        for y in (-0.0732, 0.0771)
    )
    return (*walls, *shelves, cooler, *feet)


def _fridge_door() -> Body:
    boxes = (
        slab((-0.0870, 0.0743), (-0.1063, -0.0916), (0.0045, 0.2147)),
        slab((-0.1014, 0.0972), (-0.1240, -0.1027), (-0.0099, 0.2291)),
        slab((-0.1016, -0.0698), (-0.1340, -0.1240), (-0.0099, 0.2291)),
    )
    shown = [
        faces_of(boxes[0], (*GRIP_FACES[:2], "+y", "+z")),
        faces_of(boxes[1], (*OUTSIDE, "-z")),
        faces_of(boxes[2], (*OUTSIDE, "-z")),
    ]
    mesh = meshes.merge(shown).moved(quat=UPRIGHT)
    return Body(
        "door",
        solids=(Placed(boxes, quat=UPRIGHT),),
        visuals=(Visual("fridge_door", mesh, FRIDGE),),
        joints=(
            Joint(
                "fridge_door_joint_0",
                "hinge",
                (0.0, 1.0, 0.0),
                (0.0, 2.7),
                (0.11237, 0.09813, -0.08471),
                damping=1.0,
                limited="false",
            ),
        ),
        inertial=HEAVY,
        pos=ORIGIN,
    )


FRIDGE = Look("fridge_metal", rgba=(0.66, 0.67, 0.68, 1.0), specular=0.5, shininess=0.5)


def short_fridge() -> Files:
    """Small fridge with three compartments and a side-hung door."""
    boxes = _fridge_boxes()
    shown = [faces_of(b, (*OUTSIDE, "-z")) for b in boxes[:5]] + [faces_of(b, ("-y", "+z", "-z")) for b in boxes[5:8]]
    shown += [faces_of(b, OUTSIDE[:4]) for b in boxes[8:]]
    lying = (0.0, 0.70711, 0.70711, 0.0)
    base = Body(
        "base",
        solids=(Placed(boxes, quat=UPRIGHT),),
        visuals=(Visual("fridge_shell", meshes.merge(shown).moved(quat=UPRIGHT), FRIDGE),),
        sites=(
            Site(
                "upper_region",
                (0.00610, 0.18004, -0.00308),
                (0.03420, 0.07483, 0.08556),
                (0.70711, 0.0, 0.0, -0.70711),
                "box",
            ),
            Site("middle_region", (0.00610, 0.09421, -0.00308), (0.04011, 0.07483, 0.08556), lying, "box"),
            Site("lower_region", (0.00610, 0.02342, -0.00308), (0.02178, 0.07483, 0.08556), lying, "box"),
        ),
        children=(_fridge_door(),),
        pos=(0.0, 0.0, 0.04),
        quat=(0.5, 0.5, -0.5, -0.5),
    )
    return Model("short_fridge", Body(children=(base,)), FIXTURE_BOUNDS).files()


CATALOGUE: dict[str, Callable[[], Files]] = {
    "articulated_objects/microwave.xml": microwave,
    "articulated_objects/flat_stove.xml": flat_stove,
    "articulated_objects/short_fridge.xml": short_fridge,
}
