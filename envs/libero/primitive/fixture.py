"""What the fixtures share: boxes from spans, LIBERO's upright frame, bounding sites. Lengths in m."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import meshes
from .meshes import FULL, Mesh, Rect
from .mjcf import Contact, Inertial, bounds
from .parts import Box
from .rotations import ORIGIN, Quat

Span = tuple[float, float]

TRAY_FACES = ("-x", "+x", "+z")
GRIP_FACES = ("-x", "+x", "-y", "+z", "-z")
OUTSIDE = ("-x", "+x", "-y", "+y", "+z")

# From x across, y inwards, z up to x outwards, y up, z across: the frame LIBERO gives the short cabinet and the fridge.
UPRIGHT: Quat = (0.5, -0.5, 0.5, 0.5)

HEAVY = Inertial(3.0, ORIGIN, (1.0, 1.0, 1.0))  # LIBERO's number for drawers, doors and knobs
FIXTURE_BOUNDS = tuple(replace(s, size=(0.05,)) for s in bounds(-0.045, 0.045, 0.045))

# MuJoCo's own contact numbers, for fixtures that set none.
PLAIN_CONTACT = Contact(friction=(1.0, 0.005, 0.0001), solref=(0.02, 1.0), solimp=(0.9, 0.95, 0.001), density=1000.0)


@dataclass(frozen=True)
class MaskedContact(Contact):
    """Contact numbers with MuJoCo's collision bits; contype 0 touches everything but its own kind."""

    contype: int = 0
    conaffinity: int = 1


def slab(x: Span, y: Span, z: Span) -> Box:
    """The box filling three spans (low, high)."""
    return Box.between((x[0], y[0], z[0]), (x[1], y[1], z[1]))


def faces_of(box: Box, faces: Sequence[str], rect: Rect = FULL) -> Mesh:
    """Some faces of a box, two triangles each."""
    return meshes.box(box.half, rect, faces).moved(box.pos, box.quat)
