"""Low-poly triangle meshes with texture coordinates, and their OBJ text. Lengths in m.

A `Rect` (u0, v0, u1, v1) is a part of the texture in [0, 1]², v upwards; `FULL` is all of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .rotations import IDENTITY, ORIGIN, Array, Quat, Vec3, matrix

Rect = tuple[float, float, float, float]
FULL: Rect = (0.0, 0.0, 1.0, 1.0)

# Face name -> (normal, direction of u, direction of v), right-handed (u x v = normal).
BOX_FACES: dict[str, tuple[Vec3, Vec3, Vec3]] = {
    "+x": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "-x": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "+y": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "-y": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "+z": ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    "-z": ((0, 0, -1), (1, 0, 0), (0, -1, 0)),
}


@dataclass(frozen=True)
class Mesh:
    """Triangles: vertices (n, 3) m, normals (n, 3), uvs (n, 2) and faces (m, 3), counter-clockwise from outside."""

    vertices: Array
    normals: Array
    uvs: Array
    faces: Array

    def moved(self, pos: Vec3 = ORIGIN, quat: Quat = IDENTITY) -> Mesh:
        """The mesh turned by `quat`, then shifted by `pos`."""
        turn = matrix(quat).T
        return Mesh(self.vertices @ turn + np.asarray(pos, dtype=float), self.normals @ turn, self.uvs, self.faces)

    def scaled(self, factors: Vec3) -> Mesh:
        """The mesh stretched along x, y, z by positive factors."""
        normals = self.normals / np.asarray(factors, dtype=float)
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        return Mesh(self.vertices * np.asarray(factors, dtype=float), normals, self.uvs, self.faces)

    @property
    def triangles(self) -> int:
        """Number of triangles."""
        return len(self.faces)

    def obj(self) -> str:
        """Wavefront OBJ text, the same text for the same mesh."""
        lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in self.vertices + 0.0]
        lines += [f"vt {u:.5f} {v:.5f}" for u, v in self.uvs + 0.0]
        lines += [f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in np.round(self.normals, 4) + 0.0]
        lines += ["f " + " ".join(f"{i}/{i}/{i}" for i in face) for face in self.faces.astype(int) + 1]
        return "\n".join(lines) + "\n"


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """All triangles of several meshes in one."""
    offsets = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.normals for m in meshes]),
        np.concatenate([m.uvs for m in meshes]),
        np.concatenate([m.faces + o for m, o in zip(meshes, offsets, strict=True)]),
    )


def quad(corners: Sequence[Vec3], rect: Rect = FULL) -> Mesh:
    """A flat one-sided face with four corners, counter-clockwise from the one at (u0, v0); to be merged with others."""
    points = np.asarray(corners, dtype=float)
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    normal /= np.linalg.norm(normal)
    u0, v0, u1, v1 = rect
    uvs = np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1]])
    return Mesh(points, np.tile(normal, (4, 1)), uvs, np.array([[0, 1, 2], [0, 2, 3]]))


def box(half: Vec3, rects: Rect | Mapping[str, Rect] = FULL, faces: Sequence[str] = tuple(BOX_FACES)) -> Mesh:
    """A box with half sizes `half`; `rects` is one texture part for all faces, or one per face name ("+x" ... "-z")."""
    size = np.asarray(half, dtype=float)
    sides = []
    for name in faces:
        normal, u, v = (np.asarray(a, dtype=float) * size for a in BOX_FACES[name])
        corners = [normal - u - v, normal + u - v, normal + u + v, normal - u + v]
        rect = rects.get(name, FULL) if isinstance(rects, Mapping) else rects
        sides.append(quad([tuple(c) for c in corners], rect))
    return merge(sides)


def lathe(
    profile: Sequence[tuple[float, float]],
    segments: int = 16,
    rect: Rect = FULL,
    *,
    along: str = "height",
    smooth: bool = False,
    phase: float = 0.0,
) -> Mesh:
    """Surface of revolution about z.

    Args:
        profile: (radius, z) points in m, listed so that the surface's outside is on the right of the
            direction of travel (up the outside, then down the inside).
        segments: number of sides.
        rect: texture part; u runs once around from angle `phase`, v along the profile.
        along: "height" makes v proportional to z, "length" to the distance travelled along the profile.
        smooth: share normals between neighbouring profile pieces (else a crisp edge between them).
        phase: angle of the first vertex, rad.
    """
    points = np.asarray(profile, dtype=float)
    steps = np.diff(points, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    slopes = np.stack([steps[:, 1], -steps[:, 0]], axis=1) / np.maximum(lengths, 1e-12)[:, None]
    travel = np.concatenate([[0.0], np.cumsum(lengths)]) if along == "length" else points[:, 1] - points[:, 1].min()
    shares = travel / max(travel.max(), 1e-12)
    pieces = []
    for i in range(len(steps)):
        before = slopes[i - 1] if smooth and i > 0 else slopes[i]
        after = slopes[i + 1] if smooth and i + 1 < len(steps) else slopes[i]
        ends = (slopes[i] + before, slopes[i] + after)
        pieces.append(_band(points[i : i + 2], np.asarray(ends), shares[i : i + 2], segments, rect, phase))
    return merge(pieces)


def _band(ends: Array, slopes: Array, shares: Array, segments: int, rect: Rect, phase: float) -> Mesh:
    """One ring of a lathe between two profile points; a point on the axis gives triangles instead of quads."""
    u0, v0, u1, v1 = rect
    shares_u = np.arange(segments + 1) / segments
    angles = phase + 2 * math.pi * shares_u
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings, normals, uvs = [], [], []
    for (radius, z), (across, up), share in zip(ends, slopes, shares, strict=True):
        rings.append(np.column_stack([circle * radius, np.full(segments + 1, z)]))
        normal = np.column_stack([circle * across, np.full(segments + 1, up)])
        normals.append(normal / np.linalg.norm(normal, axis=1, keepdims=True))
        uvs.append(np.column_stack([u0 + (u1 - u0) * shares_u, np.full(segments + 1, v0 + (v1 - v0) * share)]))
    low = np.arange(segments)
    high = low + segments + 1
    first = np.column_stack([low, low + 1, high + 1])
    second = np.column_stack([low, high + 1, high])
    kept = ([first] if ends[0, 0] > 1e-9 else []) + ([second] if ends[1, 0] > 1e-9 else [])
    return Mesh(np.concatenate(rings), np.concatenate(normals), np.concatenate(uvs), np.concatenate(kept))


def prism(outline: Sequence[tuple[float, float]], low: float, high: float, side: Rect = FULL, cap: Rect = FULL) -> Mesh:
    """A convex outline (x, y) in counter-clockwise order, extended from z = `low` to z = `high` (m)."""
    points = [(float(x), float(y)) for x, y in outline]
    sides = []
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        sides.append(quad([(ax, ay, low), (bx, by, low), (bx, by, high), (ax, ay, high)], side))
    return merge([*sides, _cap(points, high, 1.0, cap), _cap(points, low, -1.0, cap)])


def _cap(points: list[tuple[float, float]], z: float, up: float, rect: Rect) -> Mesh:
    """Fan over a convex outline, facing up (+1) or down (-1); the texture part spans the outline's bounding box."""
    flat = np.asarray(points)
    low, size = flat.min(axis=0), np.ptp(flat, axis=0)
    u0, v0, u1, v1 = rect
    uvs = (flat - low) / size * np.array([u1 - u0, v1 - v0]) + np.array([u0, v0])
    n = len(flat)
    fan = np.column_stack([np.zeros(n - 2), np.arange(1, n - 1), np.arange(2, n)]).astype(int)
    faces = fan if up > 0 else fan[:, ::-1]
    return Mesh(np.column_stack([flat, np.full(n, z)]), np.tile([0.0, 0.0, up], (n, 1)), uvs, faces)


def sweep(path: Sequence[Vec3], radius: float, sides: int = 6, rect: Rect = FULL, closed: bool = False) -> Mesh:
    """A round bar (wire, handle) of `radius` m along a polyline; `closed` joins its ends, else they are capped."""
    points = np.asarray(path, dtype=float)
    ahead = np.roll(points, -1, axis=0) - points
    back = points - np.roll(points, 1, axis=0)
    if not closed:
        ahead[-1], back[0] = back[-1], ahead[0]
    tangents = ahead / np.linalg.norm(ahead, axis=1, keepdims=True) + back / np.linalg.norm(back, axis=1, keepdims=True)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = _any_normal(tangents[0])
    rings, normals = [], []
    angles = 2 * math.pi * np.arange(sides) / sides
    for point, tangent in zip(points, tangents, strict=True):
        side = side - tangent * (side @ tangent)
        side /= np.linalg.norm(side)
        other = np.cross(tangent, side)
        normal = np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * other
        rings.append(point + radius * normal)
        normals.append(normal)
    return _skin(np.asarray(rings), np.asarray(normals), rect, closed)


def _any_normal(tangent: Array) -> Array:
    """Some unit vector across `tangent`."""
    helper = np.eye(3)[int(np.argmin(np.abs(tangent)))]
    across: Array = np.cross(tangent, helper)
    unit: Array = across / np.linalg.norm(across)
    return unit


def _skin(rings: Array, normals: Array, rect: Rect, closed: bool) -> Mesh:
    """Join consecutive rings (k, sides, 3) by triangles, and cap the open ends."""
    count, sides = rings.shape[:2]
    index = np.arange(count * sides).reshape(count, sides)
    faces = []
    for a in range(count if closed else count - 1):
        low, high = index[a], index[(a + 1) % count]
        faces += [np.column_stack([low, np.roll(low, -1), np.roll(high, -1)])]
        faces += [np.column_stack([low, np.roll(high, -1), high])]
    if not closed:
        fan = np.column_stack([np.zeros(sides - 2), np.arange(1, sides - 1), np.arange(2, sides)]).astype(int)
        faces += [index[0][fan[:, ::-1]], index[-1][fan]]
    u0, v0, u1, v1 = rect
    u, v = np.meshgrid(np.linspace(u0, u1, sides), np.linspace(v0, v1, count))
    uvs = np.column_stack([u.ravel(), v.ravel()])
    return Mesh(rings.reshape(-1, 3), normals.reshape(-1, 3), uvs, np.concatenate(faces))
