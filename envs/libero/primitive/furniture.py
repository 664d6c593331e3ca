"""What stands in the arenas without being touched, and the drawn side of tables: low-poly meshes.

Lengths in m, world frame.
"""

from __future__ import annotations

import math

from . import meshes, paint
from .fixture import OUTSIDE, faces_of, slab
from .meshes import FULL, Mesh, Rect
from .mjcf import Look, Visual
from .parts import Cylinder
from .rotations import Vec3, turn

Span = tuple[float, float]

SEEN = ("+x", "+y", "-y", "+z")  # the robot's background is seen from +x


def _block(x: Span, y: Span, z: Span, faces: tuple[str, ...] = SEEN, rect: Rect = FULL) -> Mesh:
    return faces_of(slab(x, y, z), faces, rect)


# --- tables


def worktop() -> Mesh:
    """The 1.0 x 1.2 x 0.05 m worktop, about its own centre."""
    edge = (0.0, 0.0, 1.0, 0.05)
    return meshes.box((0.5, 0.6, 0.025), {**dict.fromkeys(meshes.BOX_FACES, edge), "+z": FULL}, OUTSIDE)


def worktop_leg() -> Mesh:
    """A leg from the floor to a worktop at 0.9 m."""
    return meshes.box((0.02, 0.02, 0.4375), (0.0, 0.0, 0.1, 1.0), OUTSIDE[:4])


OVAL_CENTRE = (-0.2086, -0.0072)


def oval_table() -> Visual:
    """Oval top with a rounded edge on an oval drum, in the table's own frame (long axis along x)."""
    dark = paint.wood((88, 62, 50), (64, 45, 36), 51, (128, 128), 10.0)
    ring = [(math.cos(2 * math.pi * i / 28), math.sin(2 * math.pi * i / 28)) for i in range(28)]
    x, y = OVAL_CENTRE
    top = [(x + 0.885 * c, y + 0.595 * s) for c, s in ring]
    drum = [(0.435 * c, 0.41 * s) for c, s in ring[::2]]
    mesh = meshes.merge(
        [meshes.prism(top, 0.405, 0.4368, (0.0, 0.0, 0.1, 0.1)), meshes.prism(drum, 0.0, 0.41, (0.0, 0.0, 0.3, 0.5))]
    )
    return Visual("oval_table", mesh, Look("oval_table", pixels=dark, specular=0.15))


def coffee_table() -> Visual:
    """Stone slab on two cheeks."""
    stone = paint.clouds((176, 168, 160), (206, 199, 192), 52, 128, 4, 4)
    top = _block((-0.35, 0.35), (-0.797, 0.923), (0.38, 0.424), (*OUTSIDE, "-z"))
    cheeks = [
        _block((-0.30, 0.30), y, (0.0, 0.38), OUTSIDE[:4], (0.0, 0.0, 0.6, 0.4)) for y in ((-0.74, -0.68), (0.80, 0.86))
    ]
    return Visual("coffee_table", meshes.merge([top, *cheeks]), Look("coffee_table", pixels=stone, specular=0.3))


def coffee_seats() -> Visual:
    """Four leather cubes round the coffee table."""
    leather = paint.clouds((112, 78, 56), (140, 100, 74), 53, 64)
    places = (
        ((-1.076, -0.452), (0.330, 0.943)),
        ((-1.056, -0.472), (-0.921, -0.300)),
        ((0.407, 0.933), (0.333, 0.940)),
        ((0.453, 1.004), (-0.871, -0.263)),
    )
    cubes = [_block(x, y, (0.0, 0.39), OUTSIDE) for x, y in places]
    return Visual("coffee_seats", meshes.merge(cubes), Look("coffee_seats", pixels=leather))


def desk() -> Visual:
    """Long wooden desk top; light metal legs and stretchers."""
    atlas = paint.Canvas(256, 256, (205, 205, 205))
    atlas.paste(paint.wood((176, 128, 72), (146, 102, 54), 54, (192, 256), 12.0, 0.2), 0.0, 0.25, 1.0, 1.0)
    wood, metal = (0.0, 0.26, 1.0, 1.0), (0.1, 0.05, 0.2, 0.15)
    top = meshes.box((0.7, 1.4, 0.042), wood, OUTSIDE)
    top = Mesh(top.vertices, top.normals, top.uvs[:, ::-1] * [1.0, 0.7] + [0.0, 0.27], top.faces).moved(
        (0.0, 0.0, 0.8431)
    )
    legs = []
    for y in (-0.6956, 0.7122):
        span = (y - 0.05, y + 0.05)
        legs += [_block((x - 0.02, x + 0.02), span, (0.0, 0.80), OUTSIDE[:4], metal) for x in (-0.5005, 0.4962)]
        legs.append(_block((-0.48, 0.48), span, (0.004, 0.047), (*OUTSIDE[2:4], "+z"), metal))
    return Visual("desk", meshes.merge([top, *legs]), Look("desk", pixels=atlas.pixels(), specular=0.2))


# --- kitchen


def _kitchen_atlas() -> paint.Pixels:
    """Left: a cupboard front with its handle; top right: black stone; bottom right: steel."""
    canvas = (
        paint.Canvas(128, 128, (90, 87, 65))
        .rect(0.0, 0.0, 0.5, 1.0, (74, 71, 53))
        .rect(0.02, 0.02, 0.48, 0.98, (94, 91, 68))
    )
    canvas.rect(0.12, 0.86, 0.38, 0.89, (168, 168, 168))
    canvas.rect(0.5, 0.5, 1.0, 1.0, (30, 30, 32))
    canvas.polygon([(0.55, 0.5), (0.57, 0.5), (0.8, 1.0), (0.79, 1.0)], (96, 96, 98))
    canvas.polygon([(0.72, 0.5), (0.73, 0.5), (0.95, 0.8), (0.95, 0.82)], (70, 70, 72))
    return canvas.rect(0.5, 0.0, 1.0, 0.5, (150, 150, 152)).pixels()


CUPBOARD: Rect = (0.0, 0.0, 0.5, 1.0)
CUPBOARD_DOWN: Rect = (0.0, 1.0, 0.5, 0.0)
STONE: Rect = (0.52, 0.52, 0.98, 0.98)
STEEL: Rect = (0.6, 0.1, 0.7, 0.2)
PLAIN: Rect = (0.1, 0.2, 0.2, 0.3)


def _cupboards(count: int, x: Span, y: Span, z: Span, front: Rect) -> list[Mesh]:
    """A row of equal cupboards: one front each, one body for all."""
    width = (y[1] - y[0]) / count
    row = [_block(x, (y[0] + i * width, y[0] + (i + 1) * width), z, ("+x",), front) for i in range(count)]
    return [*row, _block(x, y, z, ("-y", "+y", "-z"), PLAIN)]


def kitchen() -> tuple[Visual, ...]:
    """Counter with cupboards below and above, hob, extractor hood, pots and fridge along the rear wall."""
    atlas = Look("kitchen_background", pixels=_kitchen_atlas(), specular=0.2, emission=0.35)
    parts = _cupboards(6, (-1.95, -1.37), (-1.8, 1.8), (0.0, 0.87), CUPBOARD)
    parts += [_block((-1.95, -1.35), (-1.8, 1.8), (0.87, 0.90), rect=STONE)]
    parts += _cupboards(3, (-1.98, -1.65), (-1.8, -0.42), (1.55, 2.5), CUPBOARD_DOWN)
    parts += _cupboards(3, (-1.98, -1.65), (0.42, 1.8), (1.55, 2.5), CUPBOARD_DOWN)
    parts += [_block((-1.98, -1.55), (-0.4, 0.4), (1.60, 1.70), (*SEEN, "-z"), STEEL)]
    parts += [_block((-1.98, -1.75), (-0.15, 0.15), (1.70, 2.5), SEEN, STEEL)]
    parts += [_block((-1.93, -1.37), (-0.4, 0.4), (0.90, 0.934), SEEN, STONE)]
    parts += [Cylinder(0.092, 0.06, (-1.50, 0.23, 0.995)).mesh(STEEL, 10)]
    parts += [Cylinder(0.085, 0.13, (-1.85, -0.85, 1.03)).mesh(STONE, 10)]
    fridge = [_block((-1.97, -1.53), (-2.84, -1.97), (0.0, 1.77), SEEN, STEEL)]
    fridge += [_block((-1.53, -1.52), (-2.84, -1.97), (0.72, 0.73), ("+x", "+z"), STONE)]
    fridge += [_block((-1.53, -1.50), (y, y + 0.02), (0.9, 1.3), ("+x", "+y", "-y"), STONE) for y in (-2.35, -2.46)]
    return (Visual("kitchen_background", meshes.merge([*parts, *fridge]), atlas),)


# --- living room


def wall_unit() -> tuple[Visual, ...]:
    """Cream shelf wall with terracotta niches and a black screen."""
    cream, clay, black = (0.05, 0.05, 0.45, 0.45), (0.55, 0.05, 0.95, 0.45), (0.05, 0.55, 0.45, 0.95)
    canvas = (
        paint.Canvas(64, 64, (231, 224, 214))
        .rect(0.5, 0.0, 1.0, 0.5, (168, 84, 54))
        .rect(0.0, 0.5, 0.5, 1.0, (24, 24, 26))
    )
    back, front = -1.98, -1.45
    parts = [_block((back, front), (-1.65, 1.68), (0.0, 0.45), SEEN, cream)]
    parts += [_block((back, front + 0.1), y, (0.45, 2.28), SEEN, cream) for y in ((-1.65, -1.15), (1.18, 1.68))]
    parts += [_block((back, -1.75), (-1.15, 1.18), (2.0, 2.28), (*SEEN, "-z"), cream)]
    parts += [
        _block((front + 0.1, front + 0.11), y, z, ("+x",), clay)
        for y in ((-1.6, -1.2), (1.23, 1.63))
        for z in ((0.9, 1.3), (1.75, 2.1))
    ]
    parts += [_block((back, -1.9), (-0.75, 0.05), (0.85, 1.45), SEEN, black)]
    parts += [_block((front, front + 0.01), (y, y + 0.02), (0.05, 0.4), ("+x",), black) for y in (-0.83, 0.01, 0.84)]
    return (
        Visual(
            "wall_unit", meshes.merge(parts), Look("wall_unit", pixels=canvas.pixels(), specular=0.2, emission=0.35)
        ),
    )


def picture(centre: Vec3) -> Visual:
    """A framed abstract picture, 0.86 x 1.0 m, that faces +x."""
    canvas = paint.Canvas(64, 64, (92, 80, 72)).rect(0.05, 0.04, 0.95, 0.96, (206, 196, 184))
    canvas.polygon([(0.05, 0.04), (0.95, 0.04), (0.95, 0.45), (0.05, 0.25)], (150, 122, 100)).disc(
        0.6, 0.68, 0.16, 0.14, (176, 106, 74)
    )
    frame = meshes.box(
        (0.01, 0.43, 0.5),
        {"+x": FULL, **dict.fromkeys(("+y", "-y", "+z", "-z"), (0.0, 0.0, 0.03, 0.03))},
        (*SEEN, "-z"),
    )
    return Visual("wall_picture", frame.moved(centre), Look("wall_picture", pixels=canvas.pixels(), emission=0.3))


# --- study


def study() -> tuple[Visual, ...]:
    """Book shelf with two black books, a colourful painting, a potted plant and a desk lamp."""
    return (_painting(), _shelf(), _plant(), _lamp())


def _painting() -> Visual:
    canvas = (
        paint.Canvas(64, 64, (66, 26, 36))
        .rect(0.4, 0.3, 1.0, 1.0, (232, 178, 36))
        .rect(0.0, 0.0, 0.4, 0.36, (222, 60, 20))
    )
    canvas.rect(0.4, 0.0, 1.0, 0.3, (92, 122, 142)).rect(0.33, 0.36, 0.4, 0.7, (92, 122, 142)).rect(
        0.33, 0.7, 0.4, 1.0, (40, 46, 30)
    )
    mesh = _block((-1.95, -1.906), (0.0, 0.98), (1.0, 1.98), (*SEEN, "-z"))
    return Visual("study_painting", mesh, Look("study_painting", pixels=canvas.pixels()))


def _shelf() -> Visual:
    """Two bays of white shelves 1.79 m tall, one open, one with grey backs."""
    white, grey, black = (0.1, 0.1, 0.2, 0.2), (0.6, 0.1, 0.7, 0.2), (0.1, 0.6, 0.2, 0.7)
    canvas = (
        paint.Canvas(32, 32, (238, 238, 236))
        .rect(0.5, 0.0, 1.0, 0.5, (92, 94, 96))
        .rect(0.0, 0.5, 0.5, 1.0, (18, 18, 20))
    )
    deep = (-1.87, -1.555)
    parts = [_block(deep, (y, y + 0.03), (0.0, 1.79), ("+x", "+y", "-y"), white) for y in (-1.61, -1.02, -0.42)]
    parts += [
        _block(deep, (-1.61, -0.39), (z, z + 0.03), ("+x", "+z", "-z"), white) for z in (0.0, 0.44, 0.88, 1.32, 1.76)
    ]
    parts += [_block((-1.88, -1.87), (-1.59, -0.40), (0.0, 1.79), ("+x",), grey)]
    parts += [
        _block((-1.80, -1.60), (y, y + 0.04), (0.91, 1.15), ("+x", "+y", "-y", "+z"), black) for y in (-0.53, -0.48)
    ]
    return Visual("study_shelf", meshes.merge(parts), Look("study_shelf", pixels=canvas.pixels(), emission=0.3))


def _plant() -> Visual:
    """White pot, two brown stems, crossed leaves."""
    white, brown, green = (0.1, 0.1, 0.2, 0.2), (0.6, 0.1, 0.7, 0.2), (0.1, 0.6, 0.9, 0.9)
    canvas = (
        paint.Canvas(32, 32, (232, 232, 230))
        .rect(0.5, 0.0, 1.0, 0.5, (104, 88, 72))
        .rect(0.0, 0.5, 1.0, 1.0, (74, 118, 30))
    )
    canvas.rect(0.0, 0.7, 1.0, 0.78, (98, 148, 44))
    x, y = -1.82, 0.56
    parts = [meshes.lathe([(0.0, 0.0), (0.13, 0.0), (0.17, 0.32), (0.0, 0.32)], 8, white).moved((x, y, 0.0))]
    for dx, dy, top in ((-0.03, -0.05, 0.86), (0.03, 0.05, 0.68)):
        parts.append(
            _block(
                (x + dx - 0.018, x + dx + 0.018),
                (y + dy - 0.018, y + dy + 0.018),
                (0.3, top),
                ("+x", "+y", "-y"),
                brown,
            )
        )
        parts += [leaf.moved((x + dx, y + dy, top)) for leaf in _leaves(9, green)]
    return Visual("study_plant", meshes.merge(parts), Look("study_plant", pixels=canvas.pixels(), specular=0.1))


def _leaves(count: int, rect: Rect) -> list[Mesh]:
    """Bent two-piece leaves about the stem's end, drawn from both sides."""
    leaves = []
    for i in range(count):
        rise, reach = (0.22, 0.10) if i % 2 else (0.10, 0.20)
        root, middle, tip = (0.0, rise * 0.2), (reach * 0.6, rise), (reach * 1.5, rise * 0.7)
        pieces = []
        for (ax, az), (bx, bz), near, far in ((root, middle, 0.012, 0.03), (middle, tip, 0.03, 0.002)):
            corners = [(ax, -near, az), (bx, -far, bz), (bx, far, bz), (ax, near, az)]
            pieces += [meshes.quad(corners, rect), meshes.quad(corners[::-1], rect)]
        leaves.append(meshes.merge(pieces).moved(quat=turn("z", 2 * math.pi * (i + 0.3) / count)))
    return leaves


def _lamp() -> Visual:
    """Bow lamp at the desk's edge with a dark foot and shade."""
    dark = Look("study_lamp", rgba=(0.1, 0.1, 0.1, 1.0), specular=0.4)
    foot = Cylinder(0.1, 0.012, (0.3, -0.80, 0.897)).mesh(segments=10)
    arm = meshes.sweep([(0.3, -0.8, 0.9), (0.3, -0.8, 1.58), (0.3, -0.62, 1.66), (0.3, -0.40, 1.60)], 0.01, 4)
    shade = meshes.lathe([(0.10, 0.0), (0.04, 0.1), (0.0, 0.1)], 10).moved((0.3, -0.40, 1.5))
    return Visual("study_lamp", meshes.merge([foot, arm, shade]), dark)
