"""Blocks and floor."""

from __future__ import annotations

from vvla_policies.envs.libero.primitive import meshes, paint

from .urdf import Files, Link, Look, Part, Rgb, box, model

COLOURS: dict[str, Rgb] = {"red": (1.0, 0.0, 0.0), "blue": (0.0, 0.0, 1.0), "pink": (1.0, 0.0, 1.0)}
LENGTHS = {"small": 0.05, "middle": 0.07, "big": 0.1}
THICK = 0.05
GRIP = {"lateral_friction": 0.7, "spinning_friction": 0.001}

SQUARES, SQUARE = 10, 0.5
"""The floor's chequerboard: squares to each side of the middle, and their size, m."""
PALE, GREY = (238, 238, 238), (205, 205, 205)


def blocks() -> Files:
    """All nine blocks, relative to the folder `blocks`."""
    files: Files = {}
    for colour, rgb in COLOURS.items():
        for size, length in LENGTHS.items():
            half = (length / 2, THICK / 2, THICK / 2)
            part = box(Look(f"{colour}_{size}", rgb), tuple(-h for h in half), half)  # type: ignore[arg-type]
            files |= model(f"block_{colour}_{size}", [Link("base_link", 1.0, [part], contact=GRIP)], folder="")
    return files


def floor() -> Files:
    """A chequered floor, relative to the folder `plane`."""
    edge = SQUARES * SQUARE
    look = Look("floor", texture=paint.tiles((PALE, GREY), PALE, cells=2 * SQUARES, size=8 * 2 * SQUARES, gap=0))
    seen = Part(
        look, meshes.quad([(-edge, -edge, 0), (edge, -edge, 0), (edge, edge, 0), (-edge, edge, 0)]), solid=False
    )
    ground = box(look, (-100, -100, -10), (100, 100, 0), seen=False)
    return model("plane", [Link("planeLink", 0.0, [seen, ground], contact={"lateral_friction": 1.0})], folder="")
