"""Tableware: bowls, plate, ramekin, frying pan, mugs, moka pot and wine bottle.

All sizes, masses, centres of mass and moments were measured on the official collision geometry (m, kg, kg m²).
Hollow things are rings of tilted wall boxes on a floor; the lathe that is drawn follows the same wall.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from . import meshes, paint
from .meshes import Mesh
from .mjcf import Body, Files, Inertial, Look, Model, Visual
from .paint import Canvas, Colour, Pixels
from .parts import Bar, Box, Cross, Drum, Ring, Solid, handle, stack
from .rotations import ORIGIN, Vec3, turn

PORCELAIN: Colour = (236, 234, 228)
IRON: Colour = (46, 46, 48)


@dataclass(frozen=True)
class Vessel:
    """A round open thing: floor, and wall rings from the bottom up; all centred on the vertical through `pos`."""

    floor: Cross
    walls: tuple[Ring, ...]
    pos: Vec3 = ORIGIN

    def solids(self) -> tuple[Solid, ...]:
        """Collision solids."""
        return (self.floor, *self.walls)

    def inside_floor(self) -> float:
        """Height of the floor's upper face."""
        return self.floor.pos[2] + self.floor.high

    def outline(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Outer and inner profile (radius, z), both from the bottom up."""
        first, last = self.walls[0], self.walls[-1]
        outer = [(first.bottom_radius, first.bottom)]
        outer += [(w.top_radius, w.top) for w in self.walls]
        inside = self.inside_floor()
        inner = [(max(first.bottom_radius - first.thickness * 0.5, 0.01), inside)]
        inner += [(w.top_radius - w.thickness, max(w.top, inside + 0.002)) for w in self.walls[:-1]]
        return outer, [*inner, (last.top_radius - last.thickness, last.top)]

    def meshes(self, segments: int = 18) -> tuple[Mesh, Mesh]:
        """The outside with the rim, and the inside; together a closed surface. v runs along the profile."""
        outer, inner = self.outline()
        base = self.floor.pos[2] + self.floor.low
        outside = [(0.0, base), (outer[0][0], outer[0][1]), *outer[1:], inner[-1]]
        inside = [*reversed(inner), (0.0, inner[0][1])]
        return (
            meshes.lathe(outside, segments, along="length").moved(self.pos),
            meshes.lathe(inside, segments, along="length", smooth=True).moved(self.pos),
        )


def vessel(
    name: str,
    shape: Vessel,
    inertial: Inertial,
    outside: Look,
    inside: Look,
    pos: Vec3 | None = None,
    extra: tuple[Solid, ...] = (),
) -> Body:
    """Body of an open vessel; `extra` solids (handle bars) are drawn in the outside's look as they are."""
    out, hollow = shape.meshes()
    visuals = [Visual(f"{name}_out", out, outside), Visual(f"{name}_in", hollow, inside)]
    return Body(solids=(*shape.solids(), *extra), visuals=tuple(visuals), inertial=inertial, pos=pos)


def akita_black_bowl() -> Model:
    """The black bowl, dark all over with a slightly lighter inside."""
    shape = Vessel(
        Cross(((0.0232, 0.0155), (0.0162, 0.0235)), 0.0016, 0.0068),
        (Ring(0.0240, 0.0446, 0.0036, 0.0154, 0.0015, 16), Ring(0.0437, 0.0531, 0.0155, 0.0519, 0.0026, 18)),
    )
    inertial = Inertial(0.005591, (0.0023, 0.0005, 0.0227), (5.72e-06, 6.1e-06, 9.08e-06))
    outside = Look("bowl_out", pixels=paint.plain((34, 33, 35)), specular=0.5)
    inside = Look("bowl_in", pixels=paint.plain((52, 50, 52)), specular=0.5)
    return Model("akita_black_bowl", vessel("akita_black_bowl", shape, inertial, outside, inside, (0.0, -0.1, 0.0)))


def white_bowl() -> Model:
    """A small white bowl."""
    shape = Vessel(
        Cross(((0.0173, 0.0165),), 0.0006, 0.0042),
        (Ring(0.0169, 0.0317, 0.0026, 0.0110, 0.001), Ring(0.0331, 0.0403, 0.0104, 0.0348, 0.002)),
    )
    inertial = Inertial(0.002086, (0.0017, 0.0004, 0.0156), (1.17e-06, 1.26e-06, 1.97e-06))
    look = Look("porcelain", pixels=paint.plain(PORCELAIN), specular=0.5)
    return Model("white_bowl", vessel("white_bowl", shape, inertial, look, look))


def ramekin() -> Model:
    """A white fluted baking cup: the flutes are painted as stripes.

    Its wall leans by 0.7 degrees, and the number of boards matters: in one task a bowl drops onto it, and on the
    official assets it always comes to rest tilted by 16 degrees. Wall and bowl were chosen so that it does so here.
    """
    lean = turn((math.cos(math.radians(290)), math.sin(math.radians(290)), 0.0), 0.012)
    shape = Vessel(
        Cross(((0.0366, 0.0122), (0.0244, 0.0244), (0.0122, 0.0368)), 0.0009, 0.0073),
        (Ring(0.0377, 0.0439, 0.0009, 0.0423, 0.0052, 15, quat=lean, phase=math.radians(5)),),
    )
    inertial = Inertial(0.00966, (-0.0025, 0.0001, 0.0168), (7.37e-06, 7.99e-06, 1.22e-05))
    canvas = Canvas(128, 32, PORCELAIN)
    for i in range(32):
        canvas.rect(i / 32, 0.52, i / 32 + 0.011, 0.88, (196, 194, 188))
    inside = Look("ramekin_in", pixels=paint.plain((220, 218, 212)), specular=0.5)
    outside = Look("ramekin_out", pixels=canvas.pixels(), specular=0.5)
    name = "glazed_rim_porcelain_ramekin"
    return Model(name, vessel(name, shape, inertial, outside, inside))


def plate() -> Model:
    """A flat white plate with a red-brown ring; it stands on the lower edges of its flared rim."""
    rim = Ring(0.0311, 0.0671, -0.0022, 0.0109, 0.005, count=8)
    floor = Box((0.0286, 0.0306, 0.0029), (0, 0, 0.0031))
    inertial = Inertial(0.01152, (0.0003, 0.0051, 0.0064), (1.51e-05, 1.29e-05, 2.76e-05))
    outer, lip, well = (0.069, 0.0118), (0.068, 0.0155), (0.0345, 0.006)
    under = meshes.lathe([(0, -0.0015), (0.034, -0.0015), outer, lip], 20)
    above = meshes.lathe([lip, (0.058, 0.0125), (0.053, 0.0108), well, (0, 0.0058)], 20, along="length")
    top = Canvas(8, 64, PORCELAIN).band(0.1, 0.16, (164, 84, 66)).pixels()
    visuals = (
        Visual("plate_under", under, Look("plate_under", pixels=paint.plain(PORCELAIN), specular=0.5)),
        Visual("plate_top", above, Look("plate_top", pixels=top, specular=0.5)),
    )
    return Model("plate", Body(solids=(floor, rim), visuals=visuals, inertial=inertial))


def frypan() -> Model:
    """A dark pan with a long handle along +x."""
    centre = (0.007, 0.0, 0.0)
    floor = Cross(((0.0548, 0.0548),), 0.0008, 0.0128)
    skirt = Cross(((0.0793, 0.0474), (0.0496, 0.0746)), 0.003, 0.012, (0.0044, -0.0018, 0.0))
    shape = Vessel(floor, (Ring(0.0805, 0.1027, 0.0021, 0.0387, 0.0072, 16, centre),), centre)
    bars = handle([(0.1, 0.0, 0.0215), (0.124, 0.0, 0.026), (0.1335, 0.0, 0.036)], (0.0065, 0.0105))
    grip = handle([(0.1266, 0.0, 0.0354), (0.2586, 0.0, 0.0528)], (0.0062, 0.0127))
    inertial = Inertial(0.05025, (0.0238, -0.0009, 0.0168), (0.000123, 0.000291, 0.000396))
    outside = Look("pan_out", pixels=paint.plain(IRON), specular=0.4)
    inside = Look("pan_in", pixels=Canvas(16, 32, (62, 62, 64)).band(0, 0.5, (78, 78, 80)).pixels(), specular=0.6)
    body = vessel("frypan", shape, inertial, outside, inside, extra=(skirt, *bars, *grip))
    grip_mesh = meshes.merge([b.mesh() for b in (*bars, *grip)])
    visuals = (*body.visuals, Visual("frypan_grip", grip_mesh, Look("pan_grip", pixels=paint.plain((28, 28, 30)))))
    return Model("chefmate_8_frypan", Body(solids=body.solids, visuals=visuals, inertial=inertial))


def _mug(
    name: str,
    shape: Vessel,
    grip: tuple[Solid, ...],
    grip_mesh: Mesh,
    looks: tuple[Look, Look, Look],
    inertial: Inertial,
) -> Model:
    """A vessel with a handle; looks of the outside, the inside and the handle."""
    body = vessel(name, shape, inertial, looks[0], looks[1], extra=grip)
    visuals = (*body.visuals, Visual(f"{name}_grip", grip_mesh, looks[2]))
    return Model(name, Body(solids=body.solids, visuals=visuals, inertial=inertial))


def red_coffee_mug() -> Model:
    """A tall red mug, handle towards +x."""
    centre = (-0.0153, -0.003, 0.0)
    shape = Vessel(
        Cross(((0.0269, 0.0235),), 0.0028, 0.0078, centre),
        (Ring(0.0285, 0.0433, -0.0018, 0.1304, 0.007, 7, centre, phase=math.radians(15.7)),),
        centre,
    )
    grip = handle(
        [(0.0155, 0.0011, 0.0272), (0.0582, 0.0011, 0.0736), (0.0547, 0.0011, 0.1136), (0.0165, 0.0011, 0.1085)],
        (0.0028, 0.0072),
    )
    path = [
        (0.012, 0.0, 0.026),
        (0.036, 0.0, 0.046),
        (0.054, 0.0, 0.066),
        (0.0585, 0.0, 0.086),
        (0.053, 0.0, 0.108),
        (0.02, 0.0, 0.11),
    ]
    look = Look("red_glaze", pixels=paint.plain((190, 26, 24)), specular=0.5)
    inertial = Inertial(0.02935, (-0.0152, -0.0028, 0.0624), (6.04e-05, 6.29e-05, 3.44e-05))
    return _mug("red_coffee_mug", shape, grip, meshes.sweep(path, 0.006), (look, look, look), inertial)


def porcelain_mug() -> Model:
    """A white cup with a dimpled lower half, handle towards -x."""
    centre = (0.0148, -0.0016, 0.0)
    shape = Vessel(
        Cross(((0.025, 0.0164), (0.0186, 0.0186), (0.0155, 0.0247)), 0.0024, 0.0128, centre),
        (
            Ring(0.0283, 0.0435, 0.006, 0.0410, 0.0028, 7, centre),
            Ring(0.0444, 0.0444, 0.0410, 0.1084, 0.0048, 7, centre),
        ),
        centre,
    )
    points = [(-0.0242, 0.0, 0.0191), (-0.059, 0.0, 0.0375), (-0.0595, 0.0, 0.0745), (-0.0301, 0.0, 0.0947)]
    grip = handle(points, (0.0038, 0.008))
    path = [
        (-0.022, 0.0, 0.022),
        (-0.046, 0.0, 0.03),
        (-0.058, 0.0, 0.044),
        (-0.06, 0.0, 0.066),
        (-0.05, 0.0, 0.083),
        (-0.028, 0.0, 0.093),
    ]
    canvas = Canvas(96, 64, PORCELAIN)
    for row in range(7):
        for i in range(24):
            canvas.disc((i + 0.5 * (row % 2)) / 24, 0.22 + row * 0.05, 0.009, 0.013, (206, 203, 196))
    inertial = Inertial(0.01646, (0.0102, -0.001, 0.0546), (2.8e-05, 3.41e-05, 2.81e-05))
    plain = Look("mug_white", pixels=paint.plain(PORCELAIN), specular=0.5)
    looks = (Look("mug_dimples", pixels=canvas.pixels(), specular=0.5), plain, plain)
    return _mug("porcelain_mug", shape, grip, meshes.sweep(path, 0.006), looks, inertial)


def white_yellow_mug() -> Model:
    """A wide mug, yellow outside and white inside, handle towards +x."""
    centre = (-0.0185, -0.0003, 0.0)
    shape = Vessel(
        Cross(((0.0271, 0.0187), (0.0186, 0.0259)), 0.0002, 0.0052, (-0.0182, 0.0, 0.0)),
        (
            Ring(0.0285, 0.0407, -0.0001, 0.0165, 0.0082, 12, centre),
            Ring(0.0412, 0.0526, 0.0156, 0.102, 0.0082, 16, centre),
        ),
        centre,
    )
    grip = handle(
        [(0.0175, 0.0, 0.0218), (0.0641, 0.0, 0.0308), (0.0641, 0.0, 0.0812), (0.0265, 0.0, 0.0772)], (0.0041, 0.0088)
    )
    path = [
        (0.016, 0.0, 0.024),
        (0.05, 0.0, 0.027),
        (0.0635, 0.0, 0.036),
        (0.0645, 0.0, 0.068),
        (0.054, 0.0, 0.0805),
        (0.025, 0.0, 0.078),
    ]
    outside = Canvas(16, 64, (228, 192, 58)).band(0.93, 1.0, PORCELAIN).pixels()
    looks = (
        Look("mug_yellow", pixels=outside, specular=0.5),
        Look("mug_inside", pixels=paint.plain(PORCELAIN), specular=0.5),
        Look("mug_handle", pixels=paint.plain((228, 192, 58)), specular=0.5),
    )
    inertial = Inertial(0.03091, (-0.0137, 0.0005, 0.051), (5.09e-05, 6.1e-05, 5.87e-05))
    return _mug("white_yellow_mug", shape, grip, meshes.sweep(path, 0.0068), looks, inertial)


def moka_pot() -> Model:
    """An eight-sided stove-top pot: spout towards -y, black handle towards +y, black knob."""
    pot_boxes = (
        Box((0.025, 0.0329, 0.0666), (0.0, 0.0018, 0.0004)),
        Box((0.0369, 0.0172, 0.0666), (0.0, 0.0006, 0.0004), turn("z", math.pi / 8)),
        Box((0.0369, 0.0172, 0.0666), (0.0, 0.0006, 0.0004), turn("z", -math.pi / 8)),
    )
    spout = (Box((0.0176, 0.0058, 0.0245), (0, -0.0359, 0.0426)), Box((0.008, 0.0072, 0.0137), (0, -0.0491, 0.0462)))
    hinge = (Box((0.0102, 0.0072, 0.0137), (0, 0.0416, 0.0525)),)
    grip = handle(
        [(0, 0.0442, 0.0603), (0, 0.0724, 0.0603), (0, 0.0862, 0.0497), (0, 0.063, 0.0068), (0, 0.049, -0.0062)],
        (0.0066, 0.007),
    )
    knob = (Box((0.0052, 0.006, 0.0114), (0, -0.0013, 0.0743)),)
    profile = [
        (0, -0.0662),
        (0.041, -0.0662),
        (0.041, -0.055),
        (0.034, -0.008),
        (0.029, -0.003),
        (0.029, 0.001),
        (0.035, 0.04),
        (0.037, 0.06),
        (0, 0.068),
    ]
    pot = meshes.lathe(profile, 8, phase=math.pi / 8)
    lip = meshes.prism([(0.017, 0), (0, 0.018), (-0.017, 0)], 0.04, 0.064).moved((0, -0.036, 0), turn("z", math.pi))
    dark: tuple[Bar | Box, ...] = (*grip, *knob, *hinge)
    black = meshes.merge([b.mesh() for b in dark])
    metal = Look(
        "moka_metal",
        pixels=Canvas(16, 64, (206, 206, 204)).band(0.44, 0.5, (150, 150, 150)).pixels(),
        specular=0.7,
        shininess=0.6,
    )
    visuals = (
        Visual("moka_pot_metal", meshes.merge([pot, lip]), metal),
        Visual("moka_pot_black", black, Look("moka_black", pixels=paint.plain((26, 26, 28)))),
    )
    inertial = Inertial(0.06824, (0.0001, 0.0017, 0.0043), (0.000143, 0.000128, 6.23e-05))
    return Model(
        "moka_pot", Body(solids=(*pot_boxes, *spout, *hinge, *grip, *knob), visuals=visuals, inertial=inertial)
    )


def wine_bottle() -> Model:
    """A dark green bottle with pale labels and a cork."""
    solids: tuple[Solid, ...] = (
        *stack([(0.0011, 0.0735, 0.015, 0.015), (0.0735, 0.0881, 0.0118, 0.0118), (0.0881, 0.1, 0.008, 0.008)]),
        Drum(0.0197, 0.0298, (0.0003, 0.0, 0.0333), boxes=4),
        Drum(0.0066, 0.029, (0.0, 0.0, 0.1291), boxes=2),
    )
    profile = [
        (0, 0.0011),
        (0.0195, 0.0011),
        (0.0208, 0.006),
        (0.0208, 0.066),
        (0.0175, 0.08),
        (0.009, 0.096),
        (0.007, 0.108),
        (0.007, 0.146),
    ]
    glass = meshes.lathe(profile, 14, smooth=True)
    cork = meshes.lathe([(0.0074, 0.145), (0.0074, 0.158), (0, 0.158)], 10)
    inertial = Inertial(0.01539, (0.0002, 0.0, 0.0561), (2.29e-05, 2.29e-05, 2.54e-06))
    visuals = (
        Visual("wine_bottle_glass", glass, Look("wine_glass", pixels=_wine_label(), specular=0.6, shininess=0.6)),
        Visual("wine_bottle_cork", cork, Look("wine_cork", pixels=paint.plain((206, 148, 84)))),
    )
    return Model("wine_bottle", Body(solids=solids, visuals=visuals, inertial=inertial))


def _wine_label() -> Pixels:
    """Green glass with a label on both sides."""
    canvas = Canvas(96, 64, (14, 30, 18))
    for x in (0.25, 0.75):
        canvas.rect(x - 0.15, 0.08, x + 0.15, 0.38, (230, 222, 198)).rect(x - 0.13, 0.11, x + 0.13, 0.14, (140, 30, 40))
        canvas.word("WINE", x - 0.1, 0.19, x + 0.1, 0.33, (90, 30, 40))
    return canvas.pixels()


_MODELS: dict[str, Callable[[], Model]] = {
    "stable_scanned_objects/akita_black_bowl": akita_black_bowl,
    "stable_scanned_objects/white_bowl": white_bowl,
    "stable_scanned_objects/plate": plate,
    "stable_scanned_objects/glazed_rim_porcelain_ramekin": ramekin,
    "stable_scanned_objects/chefmate_8_frypan": frypan,
    "turbosquid_objects/red_coffee_mug": red_coffee_mug,
    "turbosquid_objects/porcelain_mug": porcelain_mug,
    "turbosquid_objects/white_yellow_mug": white_yellow_mug,
    "turbosquid_objects/moka_pot": moka_pot,
    "turbosquid_objects/wine_bottle": wine_bottle,
}


def _maker(make: Callable[[], Model]) -> Callable[[], Files]:
    return lambda: make().files()


CATALOGUE = {f"{folder}/{folder.rsplit('/', 1)[1]}.xml": _maker(make) for folder, make in _MODELS.items()}
