"""Groceries: cartons, cans and bottles of LIBERO's HOPE objects.

All sizes, masses, centres of mass and moments were measured on the official collision geometry (m, kg, kg m²).
Bottles, cans and drink cartons have their long axis along y; they are described upright and then laid down
with `LYING`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from . import labels, meshes
from .meshes import Mesh, Rect
from .mjcf import USUAL_BOUNDS, Body, Files, Inertial, Look, Model, Site, Visual, bounds
from .paint import Pixels
from .parts import Bar, Box, Drum, Placed, Solid, stack
from .rotations import ORIGIN, Quat, Vec3, turn

LYING: Quat = turn("x", -math.pi / 2)

FRONT: Rect = (0.0, 0.34, 1.0, 1.0)
EDGE: Rect = (0.0, 0.0, 1.0, 0.32)


def packet(name: str, half: Vec3, label: Pixels, pos: Vec3 = ORIGIN, sites: tuple[Site, ...] = USUAL_BOUNDS) -> Model:
    """A flat packet: picture on the two big z faces, edge strip on the others; mass from LIBERO's 100 kg/m³."""
    solid = Box(half, pos)
    rects = {"+z": FRONT, "-z": FRONT, "+x": EDGE, "-x": EDGE, "+y": EDGE, "-y": EDGE}
    visual = Visual(f"{name}_vis", solid.mesh(rects), Look(name, pixels=label))
    return Model(name, Body(solids=(solid,), visuals=(visual,)), sites)


def can(name: str, label: Pixels, inertial: Inertial, sites: tuple[Site, ...] = USUAL_BOUNDS) -> Model:
    """A food can with a label and a metal lid that overhangs a little."""
    solid = Placed((Drum(0.0308, 0.0379),), (0.0, -0.0004, -0.0033), LYING)
    r, h = 0.0305, 0.0379
    side = meshes.lathe([(0, -h), (r, -h), (r, h - 0.004)], 20)
    lid = meshes.lathe(
        [(r, h - 0.004), (0.0318, h - 0.003), (0.0318, h), (0.0285, h), (0.0285, h - 0.002), (0, h - 0.002)], 20
    )
    visuals = _lying(solid.pos, name, {"label": side, "lid": lid}, {"label": label, "lid": labels.METAL})
    return Model(name, Body(solids=(solid,), visuals=visuals, inertial=inertial), sites)


def carton(name: str, side: float, label: Pixels, inertial: Inertial, sites: tuple[Site, ...]) -> Model:
    """A gable-top drink carton; `side` is the x offset of its body."""
    half, low, shoulder, top = 0.0263, -0.0698, 0.0398, 0.0587
    solids: tuple[Solid, ...] = (
        Box.between((side - half, -half, low), (side + half, half, shoulder)),
        Bar((0, -half + 0.002, shoulder - 0.001), (0, -0.0035, top - 0.001), (half, 0.0022)),
        Bar((0, half - 0.002, shoulder - 0.001), (0, 0.0035, top - 0.001), (half, 0.0022)),
        Box.between((-half, -0.0035, top - 0.0031), (half, 0.0035, top + 0.0027)),
    )
    mesh = _gable(half, low, shoulder, top).moved((side, 0.0, 0.0))
    visuals = _lying(ORIGIN, name, {"label": mesh}, {"label": label})
    return Model(name, Body(solids=(Placed(solids, ORIGIN, LYING),), visuals=visuals, inertial=inertial), sites)


def _gable(half: float, low: float, shoulder: float, top: float) -> Mesh:
    """Carton with a pitched roof and a fin; the label's lower 70 % go on each side, the rest on the roof."""
    h, side, roof = half, (0.0, 0.0, 1.0, 0.7), (0.0, 0.72, 1.0, 1.0)
    walls = meshes.box((h, h, (shoulder - low) / 2), side, ("+x", "-x", "+y", "-y", "-z")).moved(
        (0, 0, (shoulder + low) / 2)
    )
    slopes = [
        meshes.quad([(-h, -h, shoulder), (h, -h, shoulder), (h, 0, top), (-h, 0, top)], roof),
        meshes.quad([(h, h, shoulder), (-h, h, shoulder), (-h, 0, top), (h, 0, top)], roof),
    ]
    ends = [
        meshes.quad([(h, -h, shoulder), (h, h, shoulder), (h, 0.001, top), (h, -0.001, top)], roof),
        meshes.quad([(-h, h, shoulder), (-h, -h, shoulder), (-h, -0.001, top), (-h, 0.001, top)], roof),
    ]
    fin = meshes.box((h, 0.0012, 0.004), (0.0, 0.9, 1.0, 1.0)).moved((0, 0, top + 0.001))
    return meshes.merge([walls, *slopes, *ends, fin])


def _lying(pos: Vec3, name: str, parts: dict[str, Mesh], pictures: dict[str, Pixels]) -> tuple[Visual, ...]:
    """Visuals of an upright thing, laid along y."""
    return tuple(
        Visual(f"{name}_{part}", mesh.moved(pos, LYING), Look(f"{name}_{part}", pixels=pictures[part]))
        for part, mesh in parts.items()
    )


def _bottle_mesh(profile: list[tuple[float, float]], flatness: float) -> Mesh:
    """Elliptic bottle: a lathe squeezed along y."""
    return meshes.lathe(profile, 14, smooth=True).scaled((1.0, flatness, 1.0))


def ketchup() -> Model:
    """A squeeze bottle with a round cap."""
    solids: tuple[Solid, ...] = (
        *stack([(-0.0725, -0.0063, 0.0281, 0.017), (-0.0076, 0.015, 0.0239, 0.0183), (0.0138, 0.0364, 0.0187, 0.0183)]),
        Drum(0.0165, 0.0185, (-0.0002, 0.0, 0.0547), boxes=3),
    )
    placed = Placed(solids, (0.0004, 0.0, 0.0008), LYING)
    body = _bottle_mesh(
        [
            (0, -0.0725),
            (0.026, -0.0725),
            (0.028, -0.065),
            (0.028, -0.012),
            (0.0245, 0.008),
            (0.019, 0.03),
            (0.016, 0.0365),
        ],
        0.65,
    )
    cap = meshes.lathe([(0.0172, 0.0362), (0.0165, 0.068), (0.0135, 0.0732), (0, 0.0732)], 14)
    visuals = _lying(
        placed.pos, "ketchup", {"label": body, "cap": cap}, {"label": labels.ketchup(), "cap": labels.WHITE}
    )
    inertial = Inertial(0.02322, (0.0004, -0.009, 0.0008), (3.79e-05, 6.99e-06, 4.03e-05))
    return Model("ketchup", Body(solids=(placed,), visuals=visuals, inertial=inertial))


def bbq_sauce() -> Model:
    """A brown bottle; the only one that the official assets describe with z upwards."""
    solids: tuple[Solid, ...] = (
        *stack([(-0.0546, -0.001, 0.0235, 0.0145), (-0.0023, 0.0269, 0.0181, 0.0143)]),
        Drum(0.0138, 0.0134, (0.0, 0.0, 0.0391), boxes=3),
    )
    body = _bottle_mesh(
        [
            (0, -0.0546),
            (0.022, -0.0546),
            (0.0235, -0.049),
            (0.0235, -0.012),
            (0.019, 0.004),
            (0.0165, 0.02),
            (0.0138, 0.0265),
        ],
        0.66,
    )
    cap = meshes.lathe([(0.0142, 0.026), (0.0135, 0.049), (0.011, 0.0525), (0, 0.0525)], 14)
    visuals = (
        Visual("bbq_sauce_label", body, Look("bbq_sauce_label", pixels=labels.bbq_sauce())),
        Visual("bbq_sauce_cap", cap, Look("bbq_sauce_cap", pixels=labels.CAP_BROWN)),
    )
    inertial = Inertial(0.01218, (0.0, 0.0, -0.0076), (1.12e-05, 1.21e-05, 2.6e-06))
    return Model("bbq_sauce", Body(solids=solids, visuals=visuals, inertial=inertial), bounds(-0.06, 0.06, 0.015))


def _dressing_body(name: str, pos: Vec3 | None = None) -> Body:
    """A waisted white bottle with a green cap."""
    levels = [
        (-0.0728, -0.0516, 0.0175, 0.0173),
        (-0.0628, -0.0516, 0.0222, 0.0173),
        (-0.0524, -0.0104, 0.0264, 0.0173),
        (-0.0099, 0.0013, 0.0229, 0.0173),
        (0.0013, 0.0128, 0.0171, 0.0173),
        (0.0, 0.0358, 0.0129, 0.0149),
    ]
    cap_solid = Drum(0.0166, 0.0186, (0.0013, 0.0, 0.0542), boxes=4)
    placed = Placed((*stack(levels), cap_solid), (-0.001, 0.0, 0.0002), LYING)
    profile = [
        (0, -0.0728),
        (0.0175, -0.0728),
        (0.0225, -0.0615),
        (0.0262, -0.05),
        (0.0262, -0.0125),
        (0.0228, 0.0),
        (0.0145, 0.02),
        (0.0145, 0.036),
    ]
    cap = meshes.lathe([(0.0172, 0.0356), (0.0168, 0.0695), (0.0145, 0.0728), (0, 0.0728)], 14)
    body = _bottle_mesh(profile, 0.72)
    visuals = _lying(
        placed.pos, "dressing", {"label": body, "cap": cap}, {"label": labels.dressing(), "cap": labels.CAP_GREEN}
    )
    inertial = Inertial(0.02178, (-0.0005, -0.0056, 0.0002), (3.4e-05, 5.19e-06, 3.52e-05))
    return Body(name, (placed,), visuals, inertial=inertial, pos=pos)


def salad_dressing() -> Model:
    """The bottle with its frame in the middle."""
    return Model("salad_dressing", _dressing_body("object"))


def new_salad_dressing() -> Model:
    """The same bottle standing on its frame: the official file has it in a child body 5 cm up (with this spelling)."""
    inner = _dressing_body("sald_dressing_body", (0.0, 0.05, 0.0))
    return Model("new_salad_dressing", Body(children=(inner,)))


def alphabet_soup() -> Model:
    """A blue can."""
    inertial = Inertial(0.02585, (0.0, -0.0008, -0.0027), (1.82e-05, 1.34e-05, 1.87e-05))
    return can("alphabet_soup", labels.alphabet_soup(), inertial, bounds(-0.04, 0.04, 0.025))


def tomato_sauce() -> Model:
    """A red can with a green band."""
    inertial = Inertial(0.02663, (0.0006, -0.0008, -0.0023), (1.88e-05, 1.39e-05, 1.94e-05))
    return can("tomato_sauce", labels.tomato_sauce(), inertial)


def milk() -> Model:
    """A red, white and blue carton."""
    inertial = Inertial(0.03167, (0.0004, -0.012, 0.0), (4.33e-05, 1.45e-05, 4.34e-05))
    return carton("milk", 0.0004, labels.milk(), inertial, bounds(-0.06, 0.04, 0.03))


def orange_juice() -> Model:
    """An orange and yellow carton."""
    inertial = Inertial(0.03167, (-0.0004, -0.012, 0.0), (4.33e-05, 1.45e-05, 4.34e-05))
    return carton("orange_juice", -0.0004, labels.orange_juice(), inertial, USUAL_BOUNDS)


def butter() -> Model:
    """Red packet with a cow."""
    return packet("butter", (0.0381, 0.0198, 0.0087), labels.butter(), sites=bounds(-0.02, 0.02, 0.02))


def chocolate_pudding() -> Model:
    """Brown packet."""
    return packet("chocolate_pudding", (0.0401, 0.0232, 0.0137), labels.chocolate_pudding(), (-0.0005, 0.0, 0.0006))


def cookies() -> Model:
    """White and red box."""
    return packet("cookies", (0.031, 0.0413, 0.0094), labels.cookies())


def cream_cheese() -> Model:
    """Pale blue packet with an oval."""
    return packet("cream_cheese", (0.0406, 0.0213, 0.0089), labels.cream_cheese(), sites=bounds(-0.025, 0.025, 0.03))


def macaroni_and_cheese() -> Model:
    """Orange box."""
    return packet("macaroni_and_cheese", (0.0422, 0.0582, 0.0127), labels.macaroni_and_cheese())


def popcorn() -> Model:
    """Yellow and blue box."""
    return packet("popcorn", (0.031, 0.021, 0.01), labels.popcorn())


_MODELS: tuple[Callable[[], Model], ...] = (
    alphabet_soup,
    bbq_sauce,
    butter,
    chocolate_pudding,
    cookies,
    cream_cheese,
    ketchup,
    macaroni_and_cheese,
    milk,
    new_salad_dressing,
    orange_juice,
    popcorn,
    salad_dressing,
    tomato_sauce,
)


def _maker(make: Callable[[], Model]) -> Callable[[], Files]:
    return lambda: make().files()


CATALOGUE = {f"stable_hope_objects/{m.__name__}/{m.__name__}.xml": _maker(m) for m in _MODELS}
