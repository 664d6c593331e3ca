"""Solids from which every primitive asset is put together. Lengths in m, angles in rad.

Each solid yields the collision geoms (`geoms()`) and, where it makes sense, the visual mesh of the same shape
(`mesh()`). Collision shapes are mostly boxes: MuJoCo finds several contact points between boxes, so things stand still.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from . import meshes
from .meshes import FULL, Mesh, Rect
from .rotations import IDENTITY, ORIGIN, Quat, Vec3, compose, shifted, turn


@dataclass(frozen=True)
class Geom:
    """One MuJoCo primitive: kind ("box", "cylinder", "capsule" ...), MuJoCo's size numbers (m) and pose."""

    kind: str
    size: tuple[float, ...]
    pos: Vec3 = ORIGIN
    quat: Quat = IDENTITY

    def moved(self, pos: Vec3 = ORIGIN, quat: Quat = IDENTITY) -> Geom:
        """The geom turned by `quat` about the origin, then shifted by `pos`."""
        return replace(self, pos=shifted(pos, quat, self.pos), quat=compose(quat, self.quat))


class Solid(Protocol):
    """Anything with a collision shape."""

    def geoms(self) -> tuple[Geom, ...]:
        """Collision primitives in the body frame."""
        ...


@dataclass(frozen=True)
class Box:
    """A box with half sizes `half`."""

    half: Vec3
    pos: Vec3 = ORIGIN
    quat: Quat = IDENTITY

    @classmethod
    def between(cls, low: Vec3, high: Vec3) -> Box:
        """The axis-aligned box from corner `low` to corner `high`."""
        (ax, ay, az), (bx, by, bz) = low, high
        return cls(((bx - ax) / 2, (by - ay) / 2, (bz - az) / 2), ((ax + bx) / 2, (ay + by) / 2, (az + bz) / 2))

    def geoms(self) -> tuple[Geom, ...]:
        """One box geom."""
        return (Geom("box", self.half, self.pos, self.quat),)

    def mesh(self, rects: Rect | Mapping[str, Rect] = FULL) -> Mesh:
        """12 triangles."""
        return meshes.box(self.half, rects).moved(self.pos, self.quat)


@dataclass(frozen=True)
class Cylinder:
    """A true cylinder about its z axis."""

    radius: float
    half_height: float
    pos: Vec3 = ORIGIN
    quat: Quat = IDENTITY

    def geoms(self) -> tuple[Geom, ...]:
        """One cylinder geom."""
        return (Geom("cylinder", (self.radius, self.half_height), self.pos, self.quat),)

    def mesh(self, rect: Rect = FULL, segments: int = 16) -> Mesh:
        """Closed lathe, v along the height."""
        r, h = self.radius, self.half_height
        return meshes.lathe([(0, -h), (r, -h), (r, h), (0, h)], segments, rect).moved(self.pos, self.quat)


@dataclass(frozen=True)
class Capsule:
    """A capsule about its z axis (`half_length` without the round ends)."""

    radius: float
    half_length: float
    pos: Vec3 = ORIGIN
    quat: Quat = IDENTITY

    def geoms(self) -> tuple[Geom, ...]:
        """One capsule geom."""
        return (Geom("capsule", (self.radius, self.half_length), self.pos, self.quat),)

    def mesh(self, rect: Rect = FULL, sides: int = 6) -> Mesh:
        """A capped bar."""
        end = self.half_length + self.radius / 2
        return meshes.sweep([(0, 0, -end), (0, 0, end)], self.radius, sides, rect).moved(self.pos, self.quat)


@dataclass(frozen=True)
class Drum:
    """A regular prism with 2 * `boxes` sides, made of crossing boxes; `radius` is that of the inscribed circle.

    Stands still like a box where a cylinder geom would rock on its single contact point.
    An elliptic drum has a `radius_y`.
    """

    radius: float
    half_height: float
    pos: Vec3 = ORIGIN
    quat: Quat = IDENTITY
    boxes: int = 4
    radius_y: float | None = None

    def geoms(self) -> tuple[Geom, ...]:
        """The crossing boxes."""
        step = math.pi / (2 * self.boxes)
        if self.radius_y is None:
            width = self.radius * math.tan(step)
            quats = [compose(self.quat, turn("z", 2 * step * i)) for i in range(self.boxes)]
            return tuple(Geom("box", (self.radius, width, self.half_height), self.pos, q) for q in quats)
        angles = [math.pi / 2 * (i + 0.5) / self.boxes for i in range(self.boxes)]
        sizes = [(self.radius * math.cos(a), self.radius_y * math.sin(a), self.half_height) for a in angles]
        return tuple(Geom("box", size, self.pos, self.quat) for size in sizes)

    def mesh(self, rect: Rect = FULL, segments: int = 16) -> Mesh:
        """Closed round lathe, v along the height."""
        round_mesh = Cylinder(self.radius, self.half_height).mesh(rect, segments)
        stretched = round_mesh.scaled((1.0, (self.radius_y or self.radius) / self.radius, 1.0))
        return stretched.moved(self.pos, self.quat)


@dataclass(frozen=True)
class Cross:
    """Crossing boxes with half sizes (x, y), all from height `low` to `high`: a round floor made of a few boxes."""

    halves: tuple[tuple[float, float], ...]
    low: float
    high: float
    pos: Vec3 = ORIGIN

    def geoms(self) -> tuple[Geom, ...]:
        """One box for each half size."""
        x, y, z = self.pos
        middle = (x, y, z + (self.low + self.high) / 2)
        return tuple(Geom("box", (a, b, (self.high - self.low) / 2), middle) for a, b in self.halves)


@dataclass(frozen=True)
class Ring:
    """A round wall: `count` tilted boxes between two circles, e.g. one band of a bowl, cup or pan.

    Radii are those of the wall's outer face at heights `bottom` and `top`; `thickness` lies inside them.
    """

    bottom_radius: float
    top_radius: float
    bottom: float
    top: float
    thickness: float
    count: int = 12
    pos: Vec3 = ORIGIN
    quat: Quat = IDENTITY
    phase: float = 0.0

    def geoms(self) -> tuple[Geom, ...]:
        """The wall boxes, each wide enough to meet its neighbours at its wider end."""
        rise, run = self.top - self.bottom, self.top_radius - self.bottom_radius
        tilt = math.atan2(run, rise)
        width = (max(self.bottom_radius, self.top_radius) - self.thickness / 2) * math.tan(math.pi / self.count)
        half = (self.thickness / 2, width, math.hypot(rise, run) / 2)
        middle = (self.bottom_radius + self.top_radius) / 2 - self.thickness / 2 * math.cos(tilt)
        height = (self.bottom + self.top) / 2 + self.thickness / 2 * math.sin(tilt)
        geoms = []
        for i in range(self.count):
            around = turn("z", self.phase + 2 * math.pi * i / self.count)
            geom = Geom("box", half, (middle, 0.0, height), turn("y", tilt)).moved(ORIGIN, around)
            geoms.append(geom.moved(self.pos, self.quat))
        return tuple(geoms)

    def mesh(self, rect: Rect = FULL, segments: int = 16) -> Mesh:
        """The wall's outside and inside with its rim."""
        t = self.thickness
        inner = [(self.top_radius - t, self.top), (self.bottom_radius - t, self.bottom)]
        profile = [
            (self.bottom_radius, self.bottom),
            (self.top_radius, self.top),
            *inner,
            (self.bottom_radius, self.bottom),
        ]
        return meshes.lathe(profile, segments, rect, along="length").moved(self.pos, self.quat)


@dataclass(frozen=True)
class Tub:
    """An open box: floor and four walls, standing on z = 0 of its own frame. `half` are the outer half sizes."""

    half: Vec3
    wall: float
    floor: float
    pos: Vec3 = ORIGIN
    quat: Quat = IDENTITY

    def boxes(self) -> tuple[Box, ...]:
        """Floor, -x, +x, -y and +y wall, in the tub's own frame."""
        x, y, z = self.half
        w = self.wall
        return (
            Box.between((-x, -y, 0), (x, y, self.floor)),
            Box.between((-x, -y, self.floor), (-x + w, y, 2 * z)),
            Box.between((x - w, -y, self.floor), (x, y, 2 * z)),
            Box.between((-x + w, -y, self.floor), (x - w, -y + w, 2 * z)),
            Box.between((-x + w, y - w, self.floor), (x - w, y, 2 * z)),
        )

    def geoms(self) -> tuple[Geom, ...]:
        """Five boxes."""
        return tuple(g.moved(self.pos, self.quat) for b in self.boxes() for g in b.geoms())

    def mesh(self, rects: Rect | Mapping[str, Rect] = FULL) -> Mesh:
        """60 triangles."""
        return meshes.merge([b.mesh(rects) for b in self.boxes()]).moved(self.pos, self.quat)


@dataclass(frozen=True)
class Bar:
    """A straight bar from `start` to `end`: upright with half sizes `half` along x and y, leaned the shortest way."""

    start: Vec3
    end: Vec3
    half: tuple[float, float]

    def _box(self) -> Box:
        (ax, ay, az), (bx, by, bz) = self.start, self.end
        across, length = math.hypot(bx - ax, by - ay), math.dist(self.start, self.end)
        axis = (-(by - ay) / across, (bx - ax) / across, 0.0) if across > 0 else (0.0, 1.0, 0.0)
        middle = ((ax + bx) / 2, (ay + by) / 2, (az + bz) / 2)
        return Box((*self.half, length / 2), middle, turn(axis, math.atan2(across, bz - az)))

    def geoms(self) -> tuple[Geom, ...]:
        """One tilted box geom."""
        return self._box().geoms()

    def mesh(self, rects: Rect | Mapping[str, Rect] = FULL) -> Mesh:
        """12 triangles; the bar's length runs along v of its side faces."""
        return self._box().mesh(rects)


def handle(path: Iterable[Vec3], half: tuple[float, float]) -> tuple[Bar, ...]:
    """Bars along a polyline."""
    points = list(path)
    return tuple(Bar(a, b, half) for a, b in itertools.pairwise(points))


def stack(levels: Iterable[tuple[float, float, float, float]]) -> tuple[Box, ...]:
    """Boxes centred on the z axis, one for each (low z, high z, half x, half y)."""
    return tuple(Box.between((-x, -y, low), (x, y, high)) for low, high, x, y in levels)


@dataclass(frozen=True)
class Placed:
    """Solids moved together: turned by `quat`, then shifted by `pos`."""

    solids: tuple[Solid, ...]
    pos: Vec3 = ORIGIN
    quat: Quat = IDENTITY

    def geoms(self) -> tuple[Geom, ...]:
        """All geoms of the solids in the outer frame."""
        return tuple(g.moved(self.pos, self.quat) for g in all_geoms(self.solids))


def all_geoms(solids: Iterable[Solid]) -> tuple[Geom, ...]:
    """The collision geoms of several solids in order."""
    return tuple(g for s in solids for g in s.geoms())
