"""Fittings: two faucets, the sliding window and the sliding-door cabinet.

Lengths in m, measured on LIBERO's collision geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from . import meshes, paint
from .fixture import FIXTURE_BOUNDS, HEAVY, OUTSIDE, PLAIN_CONTACT, MaskedContact, faces_of, slab
from .mjcf import Body, Files, Inertial, Joint, Look, Model, Site, Visual, bounds
from .parts import Box, Capsule, Cylinder, Solid
from .rotations import ORIGIN, turn

LYING = turn("x", math.pi / 2)  # brings z to -y: bars that stand out of a front
STIFF = replace(PLAIN_CONTACT, condim=3, solimp=(0.99, 0.99, 0.01), solref=(0.01, 1.0))
CHROME = Look("fitting_chrome", rgba=(0.62, 0.64, 0.67, 1.0), specular=0.8, shininess=0.7)
RED = Look("fitting_red", rgba=(0.5, 0.1, 0.1, 1.0), specular=0.5)
CERAMIC = Look("fitting_ceramic", rgba=(0.95, 0.95, 0.93, 1.0), specular=0.6, shininess=0.6)


def faucet() -> Files:
    """Standing tap whose lever turns about the vertical."""
    pillar = (Cylinder(0.046, 0.009, (0.0, 0.0, 0.009)), Cylinder(0.017, 0.044, (0.0, 0.0, 0.061)))
    arm = Cylinder(0.012, 0.021, (0.0, -0.05, 0.001), LYING)
    lever = Capsule(0.017, 0.055, (0.0, -0.12, 0.001), LYING)
    head = Cylinder(0.032, 0.02, (0.0, 0.0, 0.001))
    link = Body(
        "faucet_link2",
        solids=(arm, lever, head),
        visuals=(
            Visual("faucet_head", meshes.merge([head.mesh(segments=12), arm.mesh(segments=8)]), CHROME),
            Visual("faucet_lever", lever.mesh(sides=8), RED),
        ),
        sites=(
            Site("handleStartClose", (0.015, -0.175, 0.0), (0.01,)),
            Site("handleStartOpen", (-0.015, -0.175, 0.0), (0.005,)),
        ),
        joints=(Joint("knob_Joint_1", "hinge", (0.0, 0.0, 1.0), (-1.57, 1.57)),),
        pos=(0.0, 0.0, 0.124),
        contact=STIFF,
    )
    base = meshes.merge([p.mesh(segments=12) for p in pillar])
    body = Body(
        "object",
        solids=pillar,
        visuals=(Visual("faucet_base", base, CHROME),),
        children=(link,),
        pos=(0.0, 0.8, 0.0),
        contact=STIFF,
    )
    sites = tuple(replace(s, size=(0.0025,)) for s in bounds(-0.03, 0.03, 0.0075))
    return Model("faucet", body, sites).files()


def basin_faucet() -> Files:
    """Basin tap with a lever on top of its column."""
    column = slab((0.0192, 0.0518), (-0.0166, 0.0166), (-0.0488, 0.0296))
    foot = slab((0.0141, 0.0569), (-0.0212, 0.0212), (-0.0541, -0.0491))
    spout = slab((-0.0553, 0.0183), (-0.0099, 0.0092), (-0.0024, 0.0135))
    lever = slab((-0.0283, 0.0217), (-0.0041, 0.0041), (0.0397, 0.0474))
    cap = slab((0.0190, 0.0519), (-0.0164, 0.0164), (0.0329, 0.0542))
    movable = Body(
        "movable",
        solids=(lever, cap),
        visuals=(Visual("basin_lever", meshes.merge([lever.mesh(), cap.mesh()]), CERAMIC),),
        joints=(
            Joint("hinge", "hinge", (0.0, 0.0, 1.0), (-1.5, 1.5), (0.03548, 0.0, 0.0), damping=10.0, limited="true"),
        ),
        inertial=HEAVY,
        pos=ORIGIN,
    )
    base = Body(
        "base",
        solids=(column, foot, spout),
        visuals=(Visual("basin_base", meshes.merge([b.mesh() for b in (column, foot, spout)]), CERAMIC),),
        children=(movable,),
        pos=ORIGIN,
    )
    water = ((0.984, 0.384, 0.227, 0.3), (0.831, 0.945, 0.976, 0.3))
    sites = tuple(
        Site(f"{name}_water", (-0.05, 0.0, -0.04), (0.007, 0.05), None, "cylinder", rgba)
        for name, rgba in zip(("hot", "cold"), water, strict=True)
    )
    return Model("basin_faucet", Body(sites=sites, children=(base,)), FIXTURE_BOUNDS).files()


WINDOW_FRAME = Look("window_frame", rgba=(0.36, 0.26, 0.27, 1.0), specular=0.4)
WINDOW_GLASS = Look("window_glass", rgba=(0.45, 0.6, 0.68, 0.35), specular=0.6)
WINDOW_GRIP = Look("window_grip", rgba=(0.65, 0.65, 0.65, 1.0), specular=0.6)


def _sash(left: float, right: float, y: float, pane: float, bar: float) -> tuple[tuple[Box, ...], Box]:
    """A sash between x = `left` and `right`, 12 mm thick about `y`: its frame, and its pane at y = `pane`.

    A thin bar crosses the middle at y = `bar`.
    """
    thick, edge, tall = (y - 0.006, y + 0.006), 0.010, (-0.075, 0.075)
    inner = (left + edge, right - edge)
    frame = (
        slab((right - edge, right), thick, tall),
        slab((left, left + edge), thick, tall),
        slab(inner, thick, (0.065, 0.075)),
        slab(inner, thick, (-0.075, -0.065)),
        slab(inner, (bar - 0.0015, bar + 0.0015), (-0.0025, 0.0025)),
    )
    return frame, slab(inner, (pane - 0.0005, pane + 0.0005), (-0.065, 0.065))


def _sash_visuals(name: str, frame: tuple[Box, ...], pane: Box) -> tuple[Visual, ...]:
    return (
        Visual(f"{name}_frame", meshes.merge([faces_of(b, (*OUTSIDE, "-z")) for b in frame]), WINDOW_FRAME),
        Visual(f"{name}_glass", pane.mesh(), WINDOW_GLASS),
    )


def window() -> Files:
    """A small window on a stand; the front sash slides along x by its bow handle."""
    stand = (
        slab((-0.1155, -0.1005), (-0.015, 0.015), (-0.0905, 0.0905)),
        slab((-0.125, 0.125), (-0.03, 0.03), (-0.101, -0.091)),
        slab((0.1005, 0.1155), (-0.015, 0.015), (-0.0905, 0.0905)),
        slab((-0.1005, 0.1005), (-0.015, 0.015), (-0.0905, -0.0755)),
        slab((-0.1005, 0.1005), (-0.015, 0.015), (0.0755, 0.0905)),
    )
    front, front_pane = _sash(-0.100, 0.0, -0.0065, -0.009, -0.011)
    rear, rear_pane = _sash(-0.050, 0.050, 0.0, -0.0025, -0.0045)
    bow: list[Solid] = []
    for z in (0.0225, -0.0225):
        bow += [Cylinder(0.006, 0.0015, (-0.007, -0.014, z), LYING), Capsule(0.004, 0.0175, (-0.007, -0.03, z), LYING)]
    bow.append(Capsule(0.004, 0.0225, (-0.007, -0.0475, 0.0)))
    grip = meshes.sweep(
        [(-0.007, -0.014, 0.0225), (-0.007, -0.0475, 0.0225), (-0.007, -0.0475, -0.0225), (-0.007, -0.014, -0.0225)],
        0.004,
    )
    sliding = Body(
        "windowb_a",
        solids=(*bow, *front, front_pane),
        visuals=(*_sash_visuals("window_front", front, front_pane), Visual("window_grip", grip, WINDOW_GRIP)),
        sites=(
            Site("handleOpenStart", (-0.02, -0.0475, 0.0), (0.0025,)),
            Site("handleCloseStart", (0.005, -0.0475, 0.0), (0.0025,)),
        ),
        joints=(Joint("window_slide", "slide", (1.0, 0.0, 0.0), (0.0, 0.2)),),
        contact=STIFF,
    )
    fixed = Body(
        "windowb_b",
        solids=(*rear, rear_pane),
        visuals=_sash_visuals("window_rear", rear, rear_pane),
        pos=(0.05, 0.0065, 0.0),
        contact=STIFF,
    )
    frame = Visual("window_stand", meshes.merge([b.mesh() for b in stand]), WINDOW_FRAME)
    body = Body("object", solids=stand, visuals=(frame,), children=(sliding, fixed), pos=(0.0, 0.2, 0.0), contact=STIFF)
    sites = tuple(replace(s, size=(0.00125,)) for s in bounds(-0.015, 0.015, 0.00375))
    return Model("window", body, sites).files()


SLIDE_BLUE = Look("slide_blue", rgba=(0.46, 0.5, 0.6, 1.0), specular=0.4)
SLIDE_METAL = Look("slide_metal", pixels=paint.grain((132, 132, 131), 4.0, 41, (16, 16)), specular=0.6)
SLIDE_CONTACT = MaskedContact(**{**vars(PLAIN_CONTACT), "condim": 3, "margin": 0.001})


def slide_cabinet() -> Files:
    """Half-open box with a sliding front; its door rides along x in front of the box (-y)."""
    shell = (
        slab((-0.234, -0.011), (-0.15, 0.15), (-0.10, -0.08)),
        slab((-0.001, 0.225), (-0.15, 0.15), (-0.10, 0.10)),
        slab((-0.234, -0.011), (-0.15, 0.15), (0.08, 0.10)),
        slab((-0.224, -0.202), (-0.15, 0.15), (-0.08, 0.08)),
        slab((-0.200, 0.0), (0.126, 0.15), (-0.08, 0.08)),
    )
    panel = slab((-0.1125, 0.1125), (-0.025, 0.005), (-0.0975, 0.0975))
    posts = tuple(Cylinder(0.0095, 0.0265, (-0.0915, -0.03, z), LYING) for z in (-0.057, 0.057))
    bar = Cylinder(0.011, 0.0795, (-0.0915, -0.0615, 0.0))
    grip = meshes.merge([bar.mesh(segments=8), *(p.mesh(segments=6) for p in posts)])
    door = Body(
        "slidelink",
        solids=(panel, posts[0], bar),
        visuals=(Visual("slide_door", panel.mesh(), SLIDE_BLUE), Visual("slide_grip", grip, SLIDE_METAL)),
        sites=(Site("slide_site", (-0.0915, -0.0615, 0.0), (0.005,), None, "sphere"),),
        joints=(Joint("slidedoor_joint", "slide", (1.0, 0.0, 0.0), (0.0, 0.44), limited="true"),),
        inertial=Inertial(0.34, (-0.03768, -0.0275, -0.00671), (1.1e-3, 2.5e-3, 1.8e-3)),
        pos=(-0.1225, -0.16, 0.0),
        contact=SLIDE_CONTACT,
    )
    body = Body(
        "object",
        solids=shell,
        visuals=(Visual("slide_shell", meshes.merge([b.mesh() for b in shell]), SLIDE_BLUE),),
        children=(door,),
        pos=(0.0, 0.0, 0.125),
        contact=SLIDE_CONTACT,
    )
    sites = tuple(replace(s, size=(0.0025,)) for s in bounds(-0.03, 0.03, 0.0075))
    return Model("slide_cabinet", body, sites).files()


CATALOGUE: dict[str, Callable[[], Files]] = {
    "articulated_objects/faucet.xml": faucet,
    "articulated_objects/basin_faucet.xml": basin_faucet,
    "articulated_objects/window.xml": window,
    "articulated_objects/slide_cabinet.xml": slide_cabinet,
}
