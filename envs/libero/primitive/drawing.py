"""What makes models with primitive assets quick to draw in software, and changes nothing but pictures.

- A light robot: robosuite's own visual meshes with a fraction of their triangles. The Panda on its mount has 170,000,
  on which software rendering spends nearly all of its time; at the sizes of policies' pictures a twentieth looks alike.
- No multisampling, which doubles the CPU time of a picture.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = "robot"
VISUAL = "visual.xml"
QUALITY = b'<visual><quality offsamples="0"/></visual>\n'
FEW = 40  # meshes of no more triangles stay as they are, and none gets fewer
REFINEMENT = 0.7  # of the cells, until so many are left

# Folder of robosuite's models -> edge of the cells in which vertices become one, m.
CELLS = {
    "robots/panda/obj_meshes": 0.026,
    "grippers/meshes/panda_gripper": 0.006,
    "mounts/meshes/rethink_mount": 0.080,
}
FINER = {"link7_vis": 0.010, "link6_vis": 0.014}  # what the wrist camera sees from near

_ORIGINAL = re.compile(r'file="[^"]*robosuite/models/assets/([^"]+)"')


def write_robot(folder: Path) -> int:
    """Writes the light meshes below `folder`/robot, as binary STL under the paths of the originals.

    Returns:
        How many; 0 if robosuite is not installed.
    """
    spec = importlib.util.find_spec("robosuite")
    places = list(spec.submodule_search_locations or []) if spec else []
    written = 0
    for root in (Path(place) / "models" / "assets" for place in places):
        for below, cell in CELLS.items():
            for path in sorted((root / below).rglob("*_vis*.*")) + sorted((root / below).glob("pedestal.*")):
                target = folder / FOLDER / path.relative_to(root).with_suffix(".stl")
                written += _write_light(path, target, FINER.get(path.parent.name, cell))
    return written


def write_quality(folder: Path) -> None:
    """Writes the file that tells how models with these assets are drawn."""
    (folder / VISUAL).write_bytes(QUALITY)


def drawn_lightly(xml: str, folder: Path) -> str:
    """A model's XML with the light meshes in place of those they were made from, and the quality asked for.

    Args:
        xml: of the whole model, as robosuite compiles it.
        folder: of the assets.
    """

    def light(found: re.Match[str]) -> str:
        path = folder / FOLDER / Path(found[1]).with_suffix(".stl")
        return f'file="{path}"' if path.exists() else found[0]

    if (folder / FOLDER).is_dir():
        xml = _ORIGINAL.sub(light, xml)
    if (folder / VISUAL).is_file():
        xml = xml.replace("</mujoco>", (folder / VISUAL).read_text() + "</mujoco>")
    return xml


def simplified(triangles: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    """Fewer triangles: all vertices in one cell of a grid become their mean; what collapses is left out.

    Args:
        triangles: (n, 3, 3), m.
        cell: edge of a cell, m.

    Returns:
        (m, 3, 3) with m <= n.
    """
    vertices = triangles.reshape(-1, 3)
    _, places = np.unique(np.floor(vertices / cell).astype(np.int64), axis=0, return_inverse=True)
    places = places.ravel()
    counts = np.bincount(places)
    means = np.stack([np.bincount(places, vertices[:, axis]) / counts for axis in range(3)], axis=1)
    corners = places.reshape(-1, 3)
    a, b, c = corners.T
    corners = corners[(a != b) & (b != c) & (a != c)]
    turned = corners[np.arange(len(corners))[:, None], (corners.argmin(axis=1)[:, None] + np.arange(3)) % 3]
    light: NDArray[np.float64] = means[np.unique(turned, axis=0)]
    return light


def _write_light(path: Path, target: Path, cell: float) -> bool:
    triangles = _read_obj(path) if path.suffix == ".obj" else _read_stl(path) if path.suffix == ".stl" else None
    if triangles is None or len(triangles) <= FEW:
        return False
    light = simplified(triangles, cell)
    while len(light) < FEW:  # a small part
        cell *= REFINEMENT
        light = simplified(triangles, cell)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_stl(light))
    return True


def _read_obj(path: Path) -> NDArray[np.float64]:
    vertices, faces = [], []
    for line in path.read_text().splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(value) for value in rest[:3]])
        elif word == "f":
            corners = [int(corner.split("/")[0]) - 1 for corner in rest]
            faces += [[corners[0], corners[k], corners[k + 1]] for k in range(1, len(corners) - 1)]
    triangles: NDArray[np.float64] = np.array(vertices).reshape(-1, 3)[np.array(faces, dtype=int).reshape(-1, 3)]
    return triangles


_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])


def _read_stl(path: Path) -> NDArray[np.float64]:
    """Binary STL: 80 bytes of text, the number of triangles, 50 bytes for each."""
    content = path.read_bytes()
    count = int.from_bytes(content[80:84], "little")
    corners: NDArray[np.float64] = np.frombuffer(content, _RECORD, count, 84)["corners"].astype(np.float64)
    return corners


def _stl(triangles: NDArray[np.float64]) -> bytes:
    records = np.zeros(len(triangles), _RECORD)
    records["corners"] = triangles
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    records["normal"] = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return b"light robot".ljust(80) + len(records).to_bytes(4, "little") + records.tobytes()
