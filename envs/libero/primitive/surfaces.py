"""Textures of floors, walls and table tops: the files `textures/*.png` that LIBERO's arenas may name.

Mean colours follow LIBERO's, the patterns are painted by `paint`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from . import paint
from .mjcf import Files
from .paint import Colour, Pixels

SIZE = 128


def shade(colour: Colour, by: int) -> Colour:
    """The colour, lighter (by > 0) or darker by some grey levels."""
    r, g, b = (int(np.clip(c + by, 0, 255)) for c in colour)
    return (r, g, b)


def plaster(colour: Colour, contrast: int = 5) -> Pixels:
    """Nearly even wall."""
    seed = sum(colour)
    return paint.clouds(shade(colour, -contrast), shade(colour, contrast), seed, SIZE)


def linen(colour: Colour) -> Pixels:
    """Cloth with upright threads."""
    threads = np.random.default_rng(sum(colour)).normal(0.0, 4.0, (1, SIZE, 1))
    cross = np.random.default_rng(1 + sum(colour)).normal(0.0, 1.5, (SIZE, 1, 1))
    return np.clip(np.rint(np.asarray(colour, dtype=float) + threads + cross), 0, 255).astype(np.uint8)


def boards(colour: Colour, joint: Colour, count: int = 4, contrast: int = 10) -> Pixels:
    """Long boards along u, each with one butt joint, as on laminate or wood-look tiles."""
    tall = SIZE // count
    picture = np.empty((tall * count, SIZE, 3), dtype=np.uint8)
    for i in range(count):
        tone = shade(colour, (i * 7) % 3 * 3 - 3)
        row = paint.wood(shade(tone, contrast), shade(tone, -contrast), sum(colour) + i, (tall, SIZE), 2.0).copy()
        row[:2] = joint
        end = (i * 53 + 20) % (SIZE - 1)
        row[:, end : end + 2] = joint
        picture[i * tall : (i + 1) * tall] = row
    return picture


def ceramic(colour: Colour, joint: Colour, cells: int = 3) -> Pixels:
    """Square tiles with stony clouds."""
    stone = paint.clouds(shade(colour, -14), shade(colour, 14), sum(colour), SIZE).copy()
    step = SIZE / cells
    lines = np.unique(np.round(np.arange(cells) * step).astype(int))
    stone[lines] = joint
    stone[:, lines] = joint
    return stone


def marble(colour: Colour, vein: Colour) -> Pixels:
    """Polished stone with a few soft veins."""
    noise = paint.clouds((0, 0, 0), (255, 255, 255), sum(colour), SIZE, 4, 4)[..., 0].astype(float) / 255
    share = np.clip(1 - 14 * np.abs(noise - 0.5), 0, 1) * 0.6
    return paint.blend(colour, vein, share)


def table_wood(colour: Colour, contrast: int = 7) -> Pixels:
    """Fine straight grain."""
    return paint.wood(shade(colour, contrast), shade(colour, -contrast), sum(colour), (256, 256), 14.0, 0.15)


GREIGE: Colour = (195, 186, 177)
SEAM: Colour = (222, 216, 210)
SURFACES: dict[str, Callable[[], Pixels]] = {
    # floors
    "dark_floor_texture": partial(boards, (57, 53, 47), (38, 35, 31)),
    "rustic_floor": partial(boards, (162, 162, 157), (118, 116, 110), 4, 20),
    "light-gray-floor-tile": partial(boards, GREIGE, SEAM),
    "tile_grigia_caldera_porcelain_floor": partial(boards, GREIGE, SEAM),
    "grigia_caldera_porcelain_floor": partial(boards, GREIGE, SEAM),
    "seamless_wood_planks_floor": partial(boards, (233, 200, 137), (190, 150, 90), 4, 12),
    "dapper_gray_floor": partial(boards, (188, 178, 170), (150, 142, 134)),
    "light_floor": partial(boards, (225, 215, 202), (196, 184, 170)),
    "white_marble_floor": partial(marble, (236, 236, 236), (196, 196, 198)),
    "marble_floor": partial(marble, (226, 221, 213), (190, 182, 172)),
    "brown_ceramic_tile": partial(ceramic, (177, 152, 131), (150, 128, 110)),
    "gray_ceramic_tile": partial(ceramic, (186, 171, 155), (205, 193, 180)),
    "gray_floor": partial(ceramic, (172, 172, 167), (150, 150, 146)),
    # walls
    "light_blue_wall": partial(plaster, (186, 226, 244)),
    "dark_blue_wall": partial(plaster, (102, 145, 171)),
    "dark_gray_plaster": partial(plaster, (97, 106, 113)),
    "gray_plaster": partial(plaster, (236, 238, 235)),
    "dark_green_plaster_wall": partial(plaster, (62, 84, 70)),
    "light-gray-plaster": partial(plaster, (222, 219, 212), 3),
    "smooth_light_gray_plaster": partial(plaster, (222, 219, 212), 3),
    "light_gray_plaster": partial(plaster, (222, 219, 212)),
    "light_grey_plaster": partial(plaster, (223, 219, 212)),
    "new_light_gray_plaster": partial(plaster, (222, 219, 212)),
    "meeka-beige-plaster": partial(plaster, (237, 226, 196)),
    "cream-plaster": partial(plaster, (234, 229, 214)),
    "stucco_wall": partial(plaster, (169, 170, 166), 14),
    "gray_wall": partial(plaster, (170, 172, 174)),
    "ceramic": partial(plaster, (248, 247, 243), 3),
    "white_wall": partial(plaster, (234, 236, 233), 3),
    "canvas_sky_blue": partial(linen, (114, 176, 210)),
    "kona_gotham": partial(linen, (3, 95, 159)),
    "linen_wall_texture": partial(linen, (224, 214, 196)),
    "yellow_linen_wall_texture": partial(linen, (220, 213, 180)),
    "capriccio_sky": partial(plaster, (70, 128, 170), 8),
    # tables
    "martin_novak_wood_table": partial(table_wood, (198, 180, 162)),
    "table_light_wood": partial(table_wood, (222, 190, 153), 12),
}


def _files(name: str) -> Files:
    return {f"{name}.png": paint.png(SURFACES[name]())}


CATALOGUE: dict[str, Callable[[], Files]] = {f"textures/{name}.png": partial(_files, name) for name in SURFACES}
