"""Arenas: `scenes/*.xml` with floor, walls, table, cameras and lights, in every style variant that LIBERO opens.

Lengths in m; the robot looks to +x and the third-person cameras look at it from there. Table tops and collision sizes
are measured on LIBERO's. Everything drawn is a low-poly mesh (MuJoCo draws its own boxes and cylinders with hundreds of
triangles); hf-libero looks up the textures "texplane" and "tex-wall", the floor, and the tables' geoms by name.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from . import furniture, meshes
from .mjcf import Body, Contact, Files, Visual, document, element
from .parts import Box
from .rotations import Quat, Vec3

Point = tuple[float, float]

TEXTURES = "../textures"
REPEATS = 3.0  # wall and floor textures repeat three times per metre
HEIGHT = 3.0

# Floor outlines, clockwise seen from above so that walls face inwards: a box; one with cut corners behind the robot.
BOX_ROOM: tuple[Point, ...] = ((-2.0, -3.0), (-2.0, 3.0), (3.0, 3.0), (3.0, -3.0))
CUT_ROOM: tuple[Point, ...] = ((-2.0, -1.5), (-2.0, 1.5), (-0.5, 3.0), (3.0, 3.0), (3.0, -3.0), (-0.5, -3.0))

CAMERAS: dict[str, tuple[Vec3, Quat]] = {
    "frontview": ((1.0, 0.0, 1.45), (0.56, 0.43, 0.43, 0.56)),
    "birdview": ((-0.2, 0.0, 3.0), (0.7071, 0.0, 0.0, 0.7071)),
    "agentview": ((0.5, 0.0, 1.35), (0.653, 0.271, 0.271, 0.653)),
    "sideview": ((-0.056518, 1.276122, 1.487957), (0.009905, 0.006878, 0.591223, 0.806418)),
}


@dataclass(frozen=True)
class Style:
    """Surfaces of a variant; hf-libero replaces floor and wall by those of the arena's own style."""

    floor: str = "tile_grigia_caldera_porcelain_floor"
    wall: str = "smooth_light_gray_plaster"
    table: str = "martin_novak_wood_table"


BASE = Style()
BLUE = Style("white_marble_floor", "canvas_sky_blue")
WARM = Style("seamless_wood_planks_floor", "linen_wall_texture")


@dataclass(frozen=True)
class Arena:
    """One scene file: static bodies and background visuals in a room."""

    name: str
    style: Style
    room: tuple[Point, ...] = CUT_ROOM
    floor_body: bool = False
    table: ET.Element | None = None
    bodies: tuple[Body, ...] = ()
    background: tuple[Visual, ...] = ()
    table_meshes: Mapping[str, meshes.Mesh] = field(default_factory=dict)
    spotlight: bool = False

    def files(self) -> Files:
        """The scene, its meshes and its painted textures, for the folder `scenes`."""
        visuals = [*self.background, *(v for b in self.bodies for v in b.all_visuals())]
        drawn = {"walls": walls_of(self.room), **self.table_meshes, **{v.name: v.mesh for v in visuals}}
        made = {f"{self.name}.xml": document(self._element(visuals, list(drawn)))}
        made |= {self._mesh_file(name): mesh.obj().encode() for name, mesh in drawn.items()}
        for visual in visuals:
            made |= visual.look.files()
        return made

    def _mesh_file(self, name: str) -> str:
        return f"{self.name}_walls.obj" if name == "walls" else f"{name}.obj"

    def _element(self, visuals: Sequence[Visual], drawn: Sequence[str]) -> ET.Element:
        asset = element("asset", *_surfaces(self.style))
        asset.extend(e for look in {v.look.name: v.look for v in visuals}.values() for e in look.elements())
        asset.extend(element("mesh", name=name, file=self._mesh_file(name), inertia="shell") for name in drawn)
        floor = element(
            "geom", name="floor", type="plane", size=(3.0, 3.0, 0.125), condim=3, group=1, material="floorplane"
        )
        world = element("worldbody", element("body", floor, name="floor") if self.floor_body else floor)
        world.append(_drawn("walls", "walls_mat", "walls_visual"))
        world.extend(v.element() for v in self.background)
        if self.table is not None:
            world.append(self.table)
        world.extend(b.element() for b in self.bodies)
        world.extend([*_lights(self.spotlight), *_cameras()])
        return element("mujoco", asset, world, model=self.name)


def walls_of(room: Sequence[Point]) -> meshes.Mesh:
    """One inward-facing quad per side of the floor outline."""
    sides = []
    for (ax, ay), (bx, by) in zip(room, [*room[1:], room[0]], strict=True):
        corners = [(ax, ay, 0.0), (bx, by, 0.0), (bx, by, HEIGHT), (ax, ay, HEIGHT)]
        length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
        sides.append(meshes.quad(corners, (0.0, 0.0, REPEATS * length, REPEATS * HEIGHT)))
    return meshes.merge(sides)


def _drawn(mesh: str, material: str, name: str) -> ET.Element:
    """A group-1 mesh geom that touches nothing."""
    return element("geom", name=name, type="mesh", mesh=mesh, material=material, contype=0, conaffinity=0, group=1)


def _surfaces(style: Style) -> list[ET.Element]:
    """Sky, floor, wall and table textures with their materials."""
    repeat = (REPEATS, REPEATS)
    sky = element(
        "texture", type="skybox", builtin="gradient", width=64, height=64, rgb1=(0.9, 0.9, 1.0), rgb2=(0.2, 0.3, 0.4)
    )
    made = [sky]
    for texture, material, surface, look in (
        ("texplane", "floorplane", style.floor, {"texrepeat": repeat, "texuniform": "true", "specular": 0.0}),
        ("tex-wall", "walls_mat", style.wall, {"emission": 0.3, "specular": 0.2}),
        ("tex-table", "table_texture", style.table, {"specular": 0.2}),
    ):
        made.append(element("texture", name=texture, type="2d", file=f"{TEXTURES}/{surface}.png"))
        made.append(element("material", name=material, texture=texture, shininess=0.2, reflectance=0.0, **look))
    return made


def _lights(spotlight: bool) -> list[ET.Element]:
    """Two lamps under the ceiling (and one straight above the kitchen counter); none casts shadows."""
    lamps = [("light1", (1.0, 1.0, 4.0)), ("light2", (-3.0, -3.0, 4.0))]
    made = [
        element(
            "light",
            name=name,
            pos=pos,
            dir=(0.0, -0.15, -1.0),
            directional="false",
            diffuse=(0.8, 0.8, 0.8),
            specular=(0.3, 0.3, 0.3),
            castshadow="false",
        )
        for name, pos in lamps
    ]
    if spotlight:
        kitchen = element(
            "light", name="light_kitchen", pos=(-1.75, 0.0, 1.6), dir=(0.0, 0.0, -1.0), directional="true"
        )
        kitchen.attrib |= {"diffuse": ".8 .8 .8", "specular": ".8 .8 .8", "castshadow": "false"}
        made.insert(0, kitchen)
    return made


def _cameras() -> list[ET.Element]:
    return [element("camera", name=name, mode="fixed", pos=pos, quat=quat) for name, (pos, quat) in CAMERAS.items()]


# --- tables

WORKTOP = {"worktop": furniture.worktop(), "worktop_leg": furniture.worktop_leg()}


def _worktop_table() -> ET.Element:
    """Table of kitchen and tabletop scenes; hf-libero sets position, size and friction of its named parts."""
    table = element("body", name="table", pos=(0.0, 0.0, 0.4))
    friction = (1.0, 0.005, 0.0001)
    table.append(element("geom", name="table_collision", type="box", size=(0.4, 0.4, 0.4), group=0, friction=friction))
    table.append(_drawn("worktop", "table_texture", "table_visual"))
    table.append(
        element("site", name="table_top", pos=(0.0, 0.0, 0.4), size=(0.001, 0.001, 0.001), rgba=(0.0, 0.0, 0.0, 0.0))
    )
    table.extend(_drawn("worktop_leg", "table_texture", f"table_leg{i}_visual") for i in range(1, 5))
    return table


def _slab_table() -> Body:
    """Coffee table: a stone slab on two cheeks; its top is at 0.424 m."""
    top = Box((0.35, 0.8, 0.014), (0.0, 0.06, 0.41))
    contact = Contact((1.0, 0.005, 0.0001), (0.02, 1.0), (0.9, 0.95, 0.001), 1000.0)
    return Body(
        "coffee_table",
        (top,),
        (furniture.coffee_table(), furniture.coffee_seats()),
        pos=(0.0, 0.0, 0.0),
        contact=contact,
    )


def _oval_table() -> Body:
    """Living room table: an oval top at 0.4368 m on a drum; its long axis (x here) lies along the world's y."""
    top = (0.4131, 0.4368)
    slabs = (
        Box.between((-0.8693, -0.5887, top[0]), (0.4741, 0.5742, top[1])),
        Box.between((-1.0714, -0.4168, top[0]), (0.6507, 0.4168, top[1])),
        Box.between((-0.4352, -0.4116, -0.0047), (0.4352, 0.4116, 0.4130)),
    )
    turned = Body(
        "living_room_table_col",
        slabs,
        (furniture.oval_table(),),
        pos=(-0.25, 0.25, 0.0),
        quat=(0.7071068, 0.0, 0.0, 0.7071068),
    )
    return Body("living_room_table", children=(turned,), pos=(0.0, 0.0, 0.0))


def _desk() -> Body:
    """Study desk: top at 0.8851 m on four legs joined in pairs by stretchers on the floor."""
    boxes = [Box.between((-0.6895, -1.3927, 0.8135), (0.6895, 1.3927, 0.8851))]
    for y in (-0.6956, 0.7122):
        boxes += [Box((0.02, 0.0503, 0.394), (x, y, 0.3943)) for x in (-0.5005, 0.4962)]
        boxes.append(Box((0.5126, 0.0503, 0.0215), (-0.0049, y, 0.0253)))
    return Body("study_table", tuple(boxes), (furniture.desk(),), pos=(0.0, 0.0, 0.0))


# --- scenes


def _kitchen(style: Style, name: str) -> Files:
    background = furniture.kitchen()
    arena = Arena(
        name, style, BOX_ROOM, table=_worktop_table(), background=background, table_meshes=WORKTOP, spotlight=True
    )
    return arena.files()


def _tabletop(style: Style, name: str) -> Files:
    return Arena(name, style, table=_worktop_table(), table_meshes=WORKTOP).files()


def _living_room(style: Style, name: str) -> Files:
    background = (*furniture.wall_unit(), furniture.picture((-1.95, 0.60, 1.5)))
    return Arena(name, style, floor_body=True, bodies=(_oval_table(),), background=background).files()


def _study(style: Style, name: str) -> Files:
    return Arena(name, style, bodies=(_desk(),), background=furniture.study()).files()


def _coffee_table(style: Style, name: str) -> Files:
    background: tuple[Visual, ...] = ()
    if style is BASE:
        background = (*furniture.wall_unit(), furniture.picture((-1.95, 0.45, 1.5)))
    elif style is WARM:
        background = (furniture.picture((-1.0, 0.0, 1.5)),)
    return Arena(name, style, floor_body=True, bodies=(_slab_table(),), background=background).files()


def _floor(style: Style, name: str, seats: bool = False) -> Files:
    background = (furniture.coffee_seats(),) if seats else ()
    return Arena(name, style, floor_body=True, background=background).files()


def _scene(
    make: Callable[[Style, str], Files], room: str, variant: str, style: Style
) -> dict[str, Callable[[], Files]]:
    name = f"libero_{room}_{variant}_style"
    return {f"scenes/{name}.xml": partial(make, style, name)}


CATALOGUE: dict[str, Callable[[], Files]] = {
    **_scene(_kitchen, "kitchen_tabletop", "base", BASE),
    **_scene(_living_room, "living_room_tabletop", "base", BASE),
    **_scene(_study, "study", "base", BASE),
    **_scene(_tabletop, "tabletop", "base", BASE),
    **_scene(_tabletop, "tabletop", "blue", BLUE),
    **_scene(_tabletop, "tabletop", "warm", WARM),
    **_scene(_coffee_table, "coffee_table", "base", BASE),
    **_scene(_coffee_table, "coffee_table", "blue", BLUE),
    **_scene(_coffee_table, "coffee_table", "warm", WARM),
    **_scene(_floor, "floor", "base", BASE),
    **_scene(_floor, "floor", "blue", BLUE),
    **_scene(_floor, "floor", "warm", WARM),
    **_scene(partial(_floor, seats=True), "floor", "coffee", BASE),
}
