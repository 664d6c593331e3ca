"""Cabinets with drawers: wooden, white and short. Lengths in m; dimensions measured on LIBERO's collision geometry.

A cabinet is a carcass of boards and a number of equal drawers, each a front panel, a tray behind it and a bar handle.
Everything is described with x across, y into the cabinet (the front looks to -y) and z up; the short cabinet stands in
a frame turned from that one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from . import meshes, paint
from .fixture import FIXTURE_BOUNDS, GRIP_FACES, HEAVY, OUTSIDE, TRAY_FACES, UPRIGHT, Span, faces_of, slab
from .mjcf import Body, Files, Joint, Look, Model, Site, Visual
from .parts import Box, Placed
from .rotations import IDENTITY, ORIGIN, Quat, Vec3

METAL = Look("cabinet_handle", pixels=paint.grain((118, 118, 122), 7.0, 11, (32, 32)), specular=0.6, shininess=0.5)
DARK_WOOD = paint.wood((58, 50, 43), (44, 38, 33), 21)
WHITE_WOOD = paint.wood((224, 223, 222), (206, 205, 205), 22)
BROWN_WOOD = paint.wood((96, 66, 44), (70, 46, 31), 23)
FLAT = (0.70711, 0.0, 0.70711, 0.0)  # the regions' own z axis lies across the cabinet


@dataclass(frozen=True)
class Drawer:
    """Shape of a drawer; heights count from the lower edge of its front panel, depths and widths are absolute.

    `front` is the panel, `boards` the tray's front and back wall, `sides` its side walls, all as (x, y, z) spans.
    """

    front: tuple[Span, Span, Span]
    boards: tuple[tuple[Span, Span, Span], ...]
    sides: tuple[tuple[Span, Span, Span], ...]
    floor: tuple[Span, Span, Span]
    handle: tuple[Span, Span, Span]
    posts: tuple[tuple[Span, Span, Span], ...]

    def tray(self) -> tuple[Box, ...]:
        """Floor and walls behind the front panel."""
        return tuple(slab(*spans) for spans in (self.floor, *self.sides, *self.boards))

    def grip(self) -> tuple[Box, ...]:
        """Handle bar and posts, centred on height 0."""
        return tuple(slab(*spans) for spans in (self.handle, *self.posts))


@dataclass(frozen=True)
class Level:
    """Place of one drawer: height of its front panel's lower edge and of the handle's middle, and LIBERO's names."""

    body: str
    joint: str
    base: float
    handle: float
    region: Site


@dataclass(frozen=True)
class Cabinet:
    """A chest of drawers. `turn` brings the describing frame into that of the body named "base"."""

    name: str
    boards: tuple[Box, ...]
    shown: tuple[tuple[Box, tuple[str, ...]], ...]
    drawer: Drawer
    levels: tuple[Level, ...]
    slide: Joint
    look: Look
    sites: tuple[Site, ...] = ()
    turn: Quat = IDENTITY
    pos: Vec3 | None = None
    quat: Quat | None = None

    def model(self) -> Model:
        """The whole fixture."""
        shell = meshes.merge([faces_of(board, faces) for board, faces in self.shown])
        base = Body(
            "base",
            solids=(Placed(self.boards, quat=self.turn),),
            visuals=(Visual(f"{self.name}_shell", shell.moved(quat=self.turn), self.look),),
            sites=self.sites,
            children=tuple(self._drawer(level) for level in self.levels),
            pos=self.pos,
            quat=self.quat,
        )
        return Model(self.name, Body(children=(base,)), FIXTURE_BOUNDS)

    def _drawer(self, level: Level) -> Body:
        front = slab(*self.drawer.front)
        up, hold = (0.0, 0.0, level.base), (0.0, 0.0, level.handle)
        tray = [faces_of(b, TRAY_FACES) for b in self.drawer.tray()[:-2]]
        wood = meshes.merge([front.mesh(), *tray, faces_of(self.drawer.tray()[-1], ("-y", "+z", "+y"))])
        grip = meshes.merge([faces_of(b, GRIP_FACES) for b in self.drawer.grip()])
        return Body(
            level.body,
            solids=(
                Placed(tuple(Placed((b,), up) for b in (front, *self.drawer.tray())), quat=self.turn),
                Placed(tuple(Placed((b,), hold) for b in self.drawer.grip()), quat=self.turn),
            ),
            visuals=(
                Visual(f"{level.body}_box", wood.moved(up).moved(quat=self.turn), self.look),
                Visual(f"{level.body}_grip", grip.moved(hold).moved(quat=self.turn), METAL),
            ),
            sites=(level.region,),
            joints=(replace(self.slide, name=level.joint),),
            inertial=HEAVY,
        )


def _tall_boards() -> tuple[Box, ...]:
    """Carcass of the wooden and the white cabinet: floor, roof, sides, back and the two shelves between the drawers."""
    across, deep, tall = (-0.1172, 0.1241), (-0.0792, 0.1117), (0.0084, 0.2201)
    inner, shelf = (-0.1079, 0.1157), (-0.0709, 0.1082)
    return (
        slab((-0.1189, 0.1270), (-0.0735, 0.1062), (0.0046, 0.0091)),
        slab(inner, shelf, (0.0082, 0.0104)),
        slab((across[0], across[0] + 0.0103), deep, tall),
        slab((across[1] - 0.0103, across[1]), deep, tall),
        slab(across, (0.1071, 0.1117), tall),
        slab(inner, shelf, (0.0782, 0.0804)),
        slab(inner, shelf, (0.1482, 0.1505)),
        slab((-0.1234, 0.1312), (-0.0783, 0.1099), (0.2201, 0.2230)),
    )


def _tall_cabinet(name: str, look: Look) -> Cabinet:
    boards = _tall_boards()
    bottom, _, left, right, back, low_shelf, high_shelf, roof = boards
    shown = (
        (bottom, OUTSIDE),
        (left, OUTSIDE),
        (right, OUTSIDE),
        (back, ("-y", "+y")),
        (low_shelf, ("-y", "+z")),
        (high_shelf, ("-y", "+z")),
        (roof, (*OUTSIDE, "-z")),
    )
    drawer = Drawer(
        front=((-0.1060, 0.1127), (-0.0780, -0.0725), (0.0, 0.06854)),
        boards=(
            ((-0.1035, 0.1101), (-0.0720, -0.0648), (0.0026, 0.0669)),
            ((-0.1035, 0.1101), (0.0872, 0.0943), (0.0026, 0.0669)),
        ),
        sides=(
            ((-0.1046, -0.0992), (-0.0704, 0.0925), (0.0031, 0.0663)),
            ((0.1063, 0.1116), (-0.0704, 0.0925), (0.0031, 0.0663)),
        ),
        floor=((-0.1035, 0.1103), (-0.0705, 0.0914), (0.0023, 0.01033)),
        handle=((-0.0472, 0.0417), (-0.1093, -0.0939), (-0.0082, 0.0082)),
        posts=(
            ((0.0241, 0.0342), (-0.0940, -0.0729), (-0.0055, 0.0055)),
            ((-0.0407, -0.0305), (-0.0940, -0.0729), (-0.0055, 0.0055)),
        ),
    )

    def level(which: str, base: float, handle: float, region: float) -> Level:
        site = Site(f"{which}_region", (0.00328, 0.01128, region), (0.02993, 0.07561, 0.10224), FLAT, "box")
        return Level(f"cabinet_{which}", f"{which}_level", base, handle, site)

    top = Site("top_side", (0.00354, 0.01567, 0.22152), (0.12534, 0.09438, 0.00147), IDENTITY, "box")
    levels = (
        level("top", 0.14882, 0.18393, 0.18563),
        level("middle", 0.07911, 0.11041, 0.11690),
        level("bottom", 0.01049, 0.04114, 0.04701),
    )
    slide = Joint("", "slide", (0.0, 1.0, 0.0), (-0.16, 0.01), ORIGIN, damping=50.0, limited="true")
    return Cabinet(name, boards, shown, drawer, levels, slide, look, (top,))


def wooden_cabinet() -> Files:
    """Dark cabinet with three drawers."""
    return _tall_cabinet("wooden_cabinet", Look("wooden_cabinet_wood", pixels=DARK_WOOD)).model().files()


def white_cabinet() -> Files:
    """White cabinet with three drawers, the same shape as the wooden one."""
    return _tall_cabinet("white_cabinet", Look("white_cabinet_wood", pixels=WHITE_WOOD)).model().files()


def short_cabinet() -> Files:
    """Flat cabinet with three shallow drawers that open along its body's +x."""
    back = slab((-0.1005, 0.1005), (0.0929, 0.0970), (-0.0715, 0.0827))
    across, deep = (-0.0968, 0.0968), (-0.0940, 0.0940)
    roof = slab(across, deep, (0.0684, 0.0721))
    shelves = (slab(across, deep, (0.0207, 0.0227)), slab(across, deep, (-0.0264, -0.0243)))
    sides = (
        slab((-0.1013, -0.0987), (-0.0924, 0.0924), (-0.0717, 0.0717)),
        slab((0.0987, 0.1013), (-0.0924, 0.0924), (-0.0717, 0.0717)),
    )
    drawer = Drawer(
        front=((-0.0965, 0.0965), (-0.0936, -0.0830), (0.0, 0.0414)),
        boards=(
            ((-0.0965, 0.0965), (-0.0836, -0.0830), (0.0004, 0.0400)),
            ((-0.0978, 0.0978), (0.0807, 0.0912), (0.0004, 0.0411)),
        ),
        sides=(
            ((-0.0964, -0.0891), (-0.0836, 0.0810), (0.0004, 0.0400)),
            ((0.0891, 0.0964), (-0.0836, 0.0810), (0.0004, 0.0400)),
        ),
        floor=((-0.0978, 0.0978), (-0.0918, 0.0918), (0.0032, 0.0077)),
        handle=((-0.0211, 0.0211), (-0.1041, -0.1005), (-0.0023, 0.0023)),
        posts=(
            ((-0.0234, -0.0187), (-0.1030, -0.0934), (-0.0023, 0.0023)),
            ((0.0187, 0.0234), (-0.1030, -0.0934), (-0.0023, 0.0023)),
        ),
    )

    def level(which: str, joint: str, base: float, handle: float, region: float) -> Level:
        site = Site(
            f"{which}_region", (-0.00168, region, 0.0), (0.02022, 0.08279, 0.08821), (0.0, 0.70711, 0.70711, 0.0), "box"
        )
        return Level(f"drawer_{which}", joint, base, handle, site)

    cabinet = Cabinet(
        "short_cabinet",
        (roof, *shelves, *sides, back),
        (
            (roof, (*OUTSIDE, "-z")),
            *((s, ("-y", "+z")) for s in shelves),
            *((s, OUTSIDE) for s in sides),
            (back, OUTSIDE),
        ),
        drawer,
        (
            level("middle", "middle_level", -0.0218, 0.0020, 0.00035),
            level("top", "top_region", 0.0242, 0.0480, 0.04335),
            level("bottom", "bottom_region", -0.0691, -0.0453, -0.04335),
        ),
        Joint("", "slide", (1.0, 0.0, 0.0), (-0.005, 0.16), ORIGIN, damping=50.0, limited="true"),
        Look("short_cabinet_wood", pixels=BROWN_WOOD),
        turn=UPRIGHT,
        pos=(0.0, 0.0, 0.10),
        quat=(0.5, 0.5, -0.5, -0.5),
    )
    return cabinet.model().files()


CATALOGUE: dict[str, Callable[[], Files]] = {
    "articulated_objects/wooden_cabinet.xml": wooden_cabinet,
    "articulated_objects/white_cabinet.xml": white_cabinet,
    "articulated_objects/short_cabinet.xml": short_cabinet,
}
