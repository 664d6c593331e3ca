"""Things that hold other things: basket, racks, caddy, tray, drainer, shelves, box, table set; and the two books.

All sizes, masses, centres of mass, moments and region sites were measured on the official collision geometry
(m, kg, kg m²).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from . import meshes, paint
from .meshes import Mesh
from .mjcf import Body, Contact, Files, Inertial, Look, Model, Site, Visual
from .paint import Canvas, Pixels
from .parts import Bar, Box, Solid
from .rotations import IDENTITY, Quat, Vec3, turn

S = math.sqrt(0.5)
UP_X: Quat = (S, 0.0, S, 0.0)

TAN = paint.planks((214, 172, 112), (176, 128, 72), 1, 4, 64)
PINE = paint.planks((232, 196, 146), (196, 142, 88), 2, 4, 64)
DARK = paint.wood((74, 66, 58), (46, 40, 36), 3, (64, 64))
MAHOGANY = paint.wood((126, 52, 26), (84, 28, 14), 4, (64, 64))
WHITE = paint.plain((232, 232, 230))


def region(name: str, pos: Vec3, size: Vec3, quat: Quat = IDENTITY) -> Site:
    """An invisible box site that LIBERO's predicates read."""
    return Site(name, pos, size, quat, "box")


def _boxes_mesh(boxes: Sequence[Box | Bar]) -> Mesh:
    return meshes.merge([b.mesh() for b in boxes])


def made_of(
    name: str,
    boxes: Sequence[Box | Bar],
    look: Look,
    inertial: Inertial | None,
    sites: tuple[Site, ...] = (),
    extra: tuple[Visual, ...] = (),
) -> Model:
    """An object whose visual is simply its collision boxes in one look."""
    visuals = (Visual(f"{name}_vis", _boxes_mesh(boxes), look), *extra)
    return Model(name, Body(solids=tuple(boxes), visuals=visuals, sites=sites, inertial=inertial))


def basket() -> Model:
    """A square wooden basket with slightly flared walls."""
    floor = Box((0.0766, 0.0724, 0.0089), (0.0025, 0.0, 0.0131))
    walls = [
        Bar((-0.0678, 0, 0.0129), (-0.0776, 0, 0.1402), (0.0067, 0.0724)),
        Bar((0.0723, 0, 0.0129), (0.0789, 0, 0.1402), (0.0067, 0.0724)),
        Bar((0.0, -0.0661, 0.0179), (0.0, -0.0711, 0.1454), (0.0724, 0.0067)),
        Bar((0.0, 0.0666, 0.0179), (0.0, 0.0716, 0.1454), (0.0724, 0.0067)),
    ]
    sites = (region("contain_region", (0, 0, 0.07185), (0.06108, 0.06108, 0.06949), (0.0, 0.0, 0.0, 1.0)),)
    inertial = Inertial(0.1361, (0.0013, 0.0001, 0.0609), (0.000639, 0.000684, 0.000817))
    return made_of("basket", [floor, *walls], Look("basket", pixels=TAN), inertial, sites)


def simple_rack() -> Model:
    """A white board with two rows of seven pegs."""
    board = Box((0.07, 0.139, 0.0173))
    rows, columns = (-0.0438, 0.0311), (-0.1012, -0.0694, -0.0358, 0.0, 0.0309, 0.0598, 0.093)
    pegs = [Box((0.0039, 0.0036, 0.0443), (x, y, 0.059)) for x in rows for y in columns]
    inertial = Inertial(0.1421, (-0.0003, -0.0002, 0.0029), (0.000941, 0.000272, 0.00113))
    return made_of("simple_rack", [board, *pegs], Look("rack_white", pixels=WHITE), inertial)


def wine_rack() -> Model:
    """Two tilted grooved planes with stoppers on a leaning pole over a curved foot."""
    lean = (0.52, 0.8542)
    planes = [_plane(0.2512, -0.0061, lean), _plane(0.1273, -0.0427, lean)]
    stoppers = [
        Box((0.1322, 0.0011, 0.0087), (0, y, z), turn("x", math.radians(-29.3)))
        for y, z in ((-0.0748, 0.2207), (-0.1091, 0.0974))
    ]
    foot = [
        Box((0.0665, 0.093, 0.0045), (0, 0, 0.0066)),
        Box((0.09, 0.06, 0.0045), (0, 0.0694, 0.0101), turn("x", math.radians(-7.4))),
        Box((0.09, 0.06, 0.0045), (0, -0.0643, 0.0126), turn("x", math.radians(8.0))),
        Box((0.0905, 0.0141, 0.0045), (0, 0, 0.0205)),
    ]
    pole = Bar((0, -0.0342, 0.0151), (0, 0.052, 0.3255), (0.0076, 0.0091))
    sites = (
        region("top_region", (0, -0.08003, 0.21745), (0.10087, 0.022, 0.00251), (0.8549119, -0.5187733, 0.0, 0.0)),
    )
    inertial = Inertial(0.1527, (0.0, -0.0122, 0.1111), (0.00206, 0.00221, 0.00109))
    stand = Visual("wine_rack_stand", _boxes_mesh([*foot, pole]), Look("rack_stand", pixels=MAHOGANY))
    top = [*planes, *stoppers]
    model = made_of("wine_rack", top, Look("rack_planes", pixels=_grooves()), inertial, sites, (stand,))
    solids: tuple[Solid, ...] = (*top, *foot, pole)
    return Model("wine_rack", Body(solids=solids, visuals=model.body.visuals, sites=sites, inertial=inertial))


def _plane(z: float, y: float, lean: tuple[float, float]) -> Box:
    """A plane of the wine rack, its length along (y, z) = (lean[1], lean[0])."""
    return Box((0.1344, 0.0789, 0.0045), (0, y, z), turn("x", math.atan2(lean[0], lean[1])))


def _grooves() -> Pixels:
    """Pine with dark lines where the bottles lie."""
    canvas = Canvas(64, 64).paste(PINE, 0, 0, 1, 1)
    for i in range(5):
        canvas.band(0.1 + i * 0.2, 0.15 + i * 0.2, (150, 104, 62))
    return canvas.pixels()


def desk_caddy() -> Model:
    """A wooden desk organiser: high box on the right, two slots in the middle, sloped magazine box on the left."""
    floor = Box((0.0755, 0.2169, 0.0062), (0, 0, 0.0076))
    back = Box((0.004, 0.2098, 0.0815), (0.0668, 0, 0.0868))
    front = Box((0.004, 0.2098, 0.0346), (-0.0669, 0, 0.0395))
    front_high = Box((0.004, 0.0766, 0.0796), (-0.0669, -0.1398, 0.0877))
    middle = Box((0.004, 0.0668, 0.0434), (-0.0016, 0, 0.0552))
    right = [Box((0.0706, 0.0062, 0.0824), (0, y, 0.085)) for y in (-0.068, -0.2094)]
    boxes = [floor, back, front, front_high, middle, *right, *_sloped(0.0706), *_sloped(0.2083)]
    flat: Quat = (0.0, 0.0, 1.0, 0.0)
    sites = (
        region("right_contain_region", (0.00631, -0.14339, 0.06558), (0.06196, 0.06216, 0.06046), flat),
        region("left_contain_region", (0.00631, 0.14551, 0.06558), (0.06196, 0.06216, 0.06046), flat),
        region("back_contain_region", (0.03364, -0.00064, 0.08558), (0.02775, 0.06216, 0.06046), flat),
        region(
            "front_contain_region",
            (-0.03102, -0.00064, 0.04054),
            (0.02775, 0.03595, 0.06216),
            (0.0, 0.0, 0.70711, -0.70711),
        ),
    )
    inertial = Inertial(0.278, (0.0041, -0.023, 0.0567), (0.00555, 0.00141, 0.00561))
    look = Look("caddy", pixels=paint.wood((196, 132, 78), (160, 98, 52), 5, (64, 64)))
    return made_of("desk_caddy", boxes, look, inertial, sites)


def _sloped(y: float) -> list[Box | Bar]:
    """A side panel at `y`, low at the front (-x) and high at the back."""
    t = 0.0036
    return [
        Box((0.0706, t, 0.0333), (0, y, 0.0452)),
        Box((0.0299, t, 0.0368), (0.0345, y, 0.0748)),
        Box((0.0116, t, 0.019), (0.0549, y, 0.1236)),
        Bar((-0.0579, y, 0.0542), (0.0579, y, 0.1348), (0.0209, t)),
        Bar((0.0194, y, 0.1226), (0.0652, y, 0.1548), (0.0114, t)),
    ]


def wooden_tray() -> Model:
    """A shallow crate: floor, four boards, corner posts and a grip over each end."""
    x0, x1, y0, y1 = -0.1392, 0.1532, -0.0845, 0.0758
    floor = [Box((0.144, 0.0246, 0.0045), (0.0078, -0.0056, 0.0035))]
    floor += [Box((0.144, 0.0209, 0.0044), (0.0078, y, 0.0036)) for y in (-0.0642, 0.0538)]
    ends = [Box((0.0023, 0.0778, 0.0246), (x, -0.0055, 0.0299)) for x in (x0, x1)]
    feet = [Box((0.0054, 0.0776, 0.0027), (x, -0.0042, 0.0024)) for x in (-0.131, 0.1472)]
    sides = [Box((0.144, 0.0031, 0.029), (0.0078, y, 0.0322)) for y in (y0, y1)]
    posts = [Box((0.0062, 0.0055, 0.0392), (x, y, 0.0408)) for x in (-0.1321, 0.1453) for y in (-0.0785, 0.0685)]
    grips = [Box((0.0067, 0.0786, 0.0012), (x, -0.0049, 0.0797)) for x in (-0.1335, 0.1471)]
    sites = (region("contain_region", (0.00863, -0.00471, 0.04255), (0.04038, 0.07839, 0.13549), UP_X),)
    inertial = Inertial(0.05715, (0.0076, -0.0054, 0.0187), (0.000232, 0.000607, 0.00079))
    look = Look("tray", pixels=paint.planks((206, 146, 84), (170, 108, 56), 6, 3, 64))
    return made_of("wooden_tray", [*floor, *ends, *feet, *sides, *posts, *grips], look, inertial, sites)


def bowl_drainer() -> Model:
    """A white two-compartment tub with flared walls."""
    floor = Box((0.0905, 0.11, 0.008), (0.003, 0.0058, 0.002))
    divider = Box((0.0905, 0.0041, 0.0661), (0.003, 0.0059, 0.0707))
    walls = [
        Bar((0.003, 0.1055, 0.0046), (0.003, 0.1185, 0.1368), (0.0905, 0.0031)),
        Bar((0.003, -0.0972, 0.0046), (0.003, -0.1078, 0.1368), (0.0905, 0.0031)),
        Bar((0.0875, 0.0096, 0.0038), (0.0983, 0.0096, 0.1376), (0.0054, 0.1084)),
        Bar((-0.0808, 0.0096, 0.0038), (-0.0952, 0.0096, 0.1376), (0.0054, 0.1084)),
    ]
    turned: Quat = (0.5, 0.5, -0.5, -0.5)
    sites = (
        region("left_region", (0.0, 0.06211, 0.06757), (0.05165, 0.05808, 0.09423), turned),
        region("right_region", (0.0, -0.05153, 0.06757), (0.05165, 0.05808, 0.09423), turned),
    )
    inertial = Inertial(0.1752, (0.0028, 0.007, 0.0457), (0.00121, 0.00118, 0.00167))
    return made_of("bowl_drainer", [floor, divider, *walls], Look("drainer", pixels=WHITE), inertial, sites)


def white_storage_box() -> Model:
    """A white box open at front and back."""
    sides = [Box((0.0063, 0.0583, 0.0655), (x, 0, 0.0714)) for x in (-0.0639, 0.0642)]
    lids = [Box((0.0655, 0.0583, 0.0068), (0.0007, 0, z)) for z in (0.0086, 0.1352)]
    tilted: Quat = (1.0, 0.0, 0.00123, 0.0)
    sites = (
        region("top_side", (0, 0, 0.1425), (0.06425, 0.05826, 0.00122)),
        region("bottom_side", (0, 0, 0.00468), (0.06425, 0.05826, 0.00216)),
        region("right_side", (0.06799, 0, 0.07174), (0.00216, 0.05826, 0.06425), tilted),
        region("left_side", (-0.06723, 0, 0.07174), (0.00216, 0.05826, 0.06425), tilted),
    )
    inertial = Inertial(0.07686, (0.0004, 0.0, 0.0717), (0.000296, 0.000423, 0.0003))
    return made_of("white_storage_box", [*sides, *lids], Look("storage", pixels=WHITE), inertial, sites)


def wooden_shelf() -> Model:
    """A dark chest with three compartments open towards -y."""
    sides = [Box((0.0052, 0.0954, 0.1058), (x, 0.0162, 0.1143)) for x in (-0.1122, 0.119)]
    levels = [Box((0.1118, 0.0896, 0.0011), (0.004, 0.0187, z)) for z in (0.0793, 0.1494)]
    floor = [
        Box((0.1229, 0.0898, 0.0023), (0.004, 0.0164, 0.0069)),
        Box((0.1118, 0.0896, 0.0011), (0.0041, 0.0187, 0.0093)),
    ]
    top = Box((0.1282, 0.0953, 0.0024), (0.0036, 0.0164, 0.2192))
    back = Box((0.1191, 0.0023, 0.1058), (0.0021, 0.1094, 0.1143))
    sites = (
        region("top_side", (0.00354, 0.01567, 0.22152), (0.12534, 0.09438, 0.00147)),
        region("top_region", (0.00393, 0, 0.18257), (0.03272, 0.05, 0.11027), UP_X),
        region("middle_region", (0.00393, 0, 0.11444), (0.03272, 0.05, 0.11027), UP_X),
        region("bottom_region", (0.00393, 0, 0.04674), (0.03272, 0.05, 0.11027), UP_X),
    )
    inertial = Inertial(0.1836, (0.0034, 0.0375, 0.112), (0.00168, 0.00257, 0.00228))
    return made_of(
        "wooden_shelf", [*sides, *levels, *floor, top, back], Look("dark_wood", pixels=DARK), inertial, sites
    )


def wooden_two_layer_shelf() -> Model:
    """A dark shelf with one board under its top, open towards -y and at the bottom."""
    sides = [Box((0.0071, 0.0954, 0.1044), (x, 0.0162, 0.1046)) for x in (-0.1538, 0.1631)]
    board = Box((0.1533, 0.0896, 0.0011), (0.0052, 0.0187, 0.07))
    top = Box((0.1758, 0.0953, 0.0025), (0.005, 0.0164, 0.2082))
    back = Box((0.1633, 0.0023, 0.1044), (0.0029, 0.1094, 0.1046))
    sites = (
        region("top_side", (0.00496, 0.01567, 0.20688), (0.17557, 0.09438, 0.00147)),
        region("top_region", (0.00538, 0.01687, 0.13672), (0.06739, 0.08564, 0.15093), (S, 0.0, -S, 0.0)),
        region("bottom_region", (0.00555, 0.01687, 0.01407), (0.03528, 0.08564, 0.1558), UP_X),
    )
    inertial = Inertial(0.2063, (0.0046, 0.0416, 0.1172), (0.0017, 0.00456, 0.00448))
    return made_of(
        "wooden_two_layer_shelf", [*sides, board, top, back], Look("dark_wood", pixels=DARK), inertial, sites
    )


def dining_set_group() -> Model:
    """A place mat with cutlery left and right; the mat is slippery."""
    cutlery = [
        Box((0.0074, 0.0609, 0.0064), (-0.0868, 0.0114, 0.0073)),
        Box((0.0118, 0.0624, 0.0064), (0.083, 0.0113, 0.0073)),
        Box((0.0118, 0.0435, 0.0064), (0.1122, -0.0092, 0.0073)),
        Box((0.0074, 0.0609, 0.0064), (-0.1105, 0.0114, 0.0073)),
    ]
    mat = Box((0.14, 0.08, 0.0005), (0, 0, -0.02))
    slippery = Contact((0.001, 0.001, 0.001), solimp=(0.001, 0.001, 0.001))
    bars = [
        Bar((b.pos[0], b.pos[1] - b.half[1], -0.012), (b.pos[0], b.pos[1] + b.half[1], -0.008), (0.002, 0.004))
        for b in cutlery
    ]
    cloth = Box((0.14, 0.08, 0.0005), (0, 0, -0.0175))
    visuals = (
        Visual("cutlery", _boxes_mesh(bars), Look("cutlery", pixels=paint.plain((90, 90, 94)), specular=0.8)),
        Visual(
            "mat",
            cloth.mesh(),
            Look("mat", pixels=paint.tiles(((236, 236, 232), (226, 226, 220)), (204, 204, 198), 8, 64, 1)),
        ),
    )
    sites = (Site("center_region", (0, 0, -0.0375), (0.05, 0.05, 0.0005), IDENTITY, "box"),)
    body = Body(solids=tuple(cutlery), visuals=visuals, sites=sites, extra=((slippery, (mat,)),))
    return Model("dining_set_group", body)


def _book(name: str, half: Vec3, pos: Vec3, cover: tuple[int, int, int], title: tuple[int, int, int]) -> Model:
    """A closed upright book: covers on the x faces, spine towards +y, pages on the other edges."""
    solid = Box(half, pos)
    thin = 0.0016
    covers = [Box((thin, half[1], half[2]), (pos[0] + s * (half[0] - thin), pos[1], pos[2])) for s in (-1, 1)]
    spine = Box((half[0], thin, half[2]), (pos[0], pos[1] + half[1] - thin, pos[2]))
    pages = Box((half[0] - 2 * thin, half[1] - 2 * thin, half[2] - 2 * thin), pos)
    canvas = Canvas(64, 64, cover).rect(0.18, 0.62, 0.82, 0.66, title).rect(0.3, 0.52, 0.7, 0.55, title)
    leaves = Canvas(16, 32, (232, 226, 208))
    for i in range(8):
        leaves.rect(i / 8, 0, i / 8 + 0.05, 1, (206, 198, 178))
    visuals = (
        Visual(f"{name}_cover", _boxes_mesh([*covers, spine]), Look(f"{name}_cover", pixels=canvas.pixels())),
        Visual(f"{name}_pages", pages.mesh(), Look(f"{name}_pages", pixels=leaves.pixels())),
    )
    return Model(name, Body(solids=(solid,), visuals=visuals))


def black_book() -> Model:
    """The larger, black one."""
    return _book("black_book", (0.0143, 0.0552, 0.0672), (-0.0005, -0.0121, 0.0694), (22, 20, 22), (60, 58, 60))


def yellow_book() -> Model:
    """The smaller, straw-coloured one."""
    return _book("yellow_book", (0.0118, 0.0489, 0.0611), (0.0016, 0.0001, 0.0631), (196, 176, 116), (150, 126, 66))


_MODELS: dict[str, Callable[[], Model]] = {
    "stable_scanned_objects/basket": basket,
    "stable_scanned_objects/simple_rack": simple_rack,
    "turbosquid_objects/wine_rack": wine_rack,
    "turbosquid_objects/desk_caddy": desk_caddy,
    "turbosquid_objects/wooden_tray": wooden_tray,
    "turbosquid_objects/bowl_drainer": bowl_drainer,
    "turbosquid_objects/white_storage_box": white_storage_box,
    "turbosquid_objects/wooden_shelf": wooden_shelf,
    "turbosquid_objects/wooden_two_layer_shelf": wooden_two_layer_shelf,
    "turbosquid_objects/dining_set_group": dining_set_group,
    "turbosquid_objects/black_book": black_book,
    "turbosquid_objects/yellow_book": yellow_book,
}


def _maker(make: Callable[[], Model]) -> Callable[[], Files]:
    return lambda: make().files()


CATALOGUE = {f"{folder}/{folder.rsplit('/', 1)[1]}.xml": _maker(make) for folder, make in _MODELS.items()}
