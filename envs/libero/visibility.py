"""Which geoms a camera cannot see because they lie outside of its picture.

Software rendering spends most of its time on the corners of triangles, many of them behind the camera. Leaving those
geoms out changes no pixel, if nothing casts shadows, and if they are not seen in a mirror, either.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

VISUAL_GROUP = 1  # of the geoms that are drawn
MARGIN = 1.05  # windows are taken a little wider than they are
SIGNS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))

Array = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """A window that the scene is seen through: a picture, or a mirror in it, behind which a mirrored camera stands.

    Attributes:
        eye: (3,), where the camera is, m, in the world.
        axes: (3, 3), its directions as columns: to the right, up, backwards.
        low: (2,), tangents of the angles to the window's left and lower edge.
        high: likewise, to its right and upper edge.
    """

    eye: Array
    axes: Array
    low: Array
    high: Array

    def beyond(self, places: Array) -> Array:
        """How far places (..., 3) lie outside of each side of what is seen, and behind the camera: m, (..., 5)."""
        seen = (places - self.eye) @ self.axes
        across, depth = seen[..., :2], -seen[..., 2:]
        over = (across - self.high * depth) / np.sqrt(1 + self.high**2)
        under = (self.low * depth - across) / np.sqrt(1 + self.low**2)
        return np.concatenate([over, under, -depth], axis=-1)


class Visibility:
    """The boxes around a model's geoms.

    Args:
        model: the compiled model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._corners: Array = model.geom_aabb[:, None, :3] + model.geom_aabb[:, None, 3:] * SIGNS
        self._planes = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
        self._shadows = bool(model.light_castshadow.any())
        self._mirrors = _mirrors(model)

    def unseen(self, data: Any, camera: int, aspect: float = 1.0) -> NDArray[np.bool_]:
        """The geoms that cannot be in a picture.

        Args:
            data: `MjData` of the model; positions of geoms and cameras are read.
            camera: its number.
            aspect: of the picture, width over height.

        Returns:
            bool (ngeom,); True only where leaving the geom out changes nothing.
        """
        if self._shadows:  # what is out of sight may throw one into it
            return np.zeros(self._model.ngeom, dtype=np.bool_)
        turn = data.geom_xmat.reshape(-1, 3, 3)
        world = self._corners @ turn.transpose(0, 2, 1) + data.geom_xpos[:, None]
        views = self._views(data, camera, aspect)
        outside = [(view.beyond(world) > 0).all(axis=1).any(axis=-1) for view in views]  # all corners beyond one side
        return np.asarray(np.all(outside, axis=0) & ~self._planes)

    def _views(self, data: Any, camera: int, aspect: float) -> Iterator[View]:
        """The picture, and the mirrors in it."""
        up = MARGIN * np.tan(np.radians(self._model.cam_fovy[camera]) / 2)
        high = np.array([aspect * up, up])
        picture = View(data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3), -high, high)
        yield picture
        for geom in self._mirrors:
            mirrored = self._mirrored(picture, data, geom)
            if mirrored:
                yield mirrored

    def _mirrored(self, picture: View, data: Any, geom: int) -> View | None:
        """A mirror in a picture; None if it is not in it."""
        turn, size = data.geom_xmat[geom].reshape(3, 3), self._model.geom_size[geom]
        normal = turn[:, 2]
        place = data.geom_xpos[geom] + (0 if self._planes[geom] else size[2]) * normal
        height = float((picture.eye - place) @ normal)
        if height < 0:
            return None
        low, high = picture.low, picture.high
        corners = (place + (SIGNS[::2, :2] * size[:2]) @ turn[:, :2].T - picture.eye) @ picture.axes
        if not self._planes[geom] and (corners[:, 2] < 0).all():
            at, rim = corners[:, :2] / -corners[:, 2:], (MARGIN - 1) * high
            low, high = np.maximum(low, at.min(axis=0) - rim), np.minimum(high, at.max(axis=0) + rim)
            if (low >= high).any():
                return None
        mirror = np.eye(3) - 2 * np.outer(normal, normal)
        return View(picture.eye - 2 * height * normal, mirror @ picture.axes, low, high)


def _mirrors(model: Any) -> list[int]:
    """Geoms that reflect: MuJoCo lets planes do so, and the upper sides of boxes."""
    kinds = (mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_BOX)
    drawn = (model.geom_group == VISUAL_GROUP) & (model.geom_matid >= 0)
    flat = np.flatnonzero(drawn & np.isin(model.geom_type, kinds))
    return [int(geom) for geom in flat[model.mat_reflectance[model.geom_matid[flat]] > 0]]
