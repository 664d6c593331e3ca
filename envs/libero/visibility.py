"""Which geoms a camera cannot see because they lie outside of its field of view.

Software rendering spends most of its time on the triangles of the robot, many of them behind the camera. Leaving those
geoms out changes no pixel, if nothing casts shadows, and if their mirror images lie outside, too.
"""

from __future__ import annotations

import itertools
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

MARGIN = 1.05  # the field of view is taken a little wider than it is


class Visibility:
    """The boxes around a model's geoms.

    Args:
        model: the compiled model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
        centre, half = model.geom_aabb[:, None, :3], model.geom_aabb[:, None, 3:]
        self._corners: NDArray[np.float64] = centre + half * signs
        self._bounded = model.geom_type != mujoco.mjtGeom.mjGEOM_PLANE
        self._shadows = bool(model.light_castshadow.any())
        self._mirrors = _mirrors(model)

    def unseen(self, data: Any, camera: int) -> NDArray[np.bool_]:
        """The geoms that cannot be in the picture.

        Args:
            data: `MjData` of the model; positions of geoms and cameras are read.
            camera: its number.

        Returns:
            bool (ngeom,); True only where leaving the geom out changes nothing.
        """
        if self._shadows:  # what is out of sight may throw one into it
            return np.zeros(self._model.ngeom, dtype=bool)
        turn = data.geom_xmat.reshape(-1, 3, 3)
        world = self._corners @ turn.transpose(0, 2, 1) + data.geom_xpos[:, None]
        outside = self._outside(world, data, camera)
        for geom, height in self._mirrors:
            up = turn[geom, :, 2]
            above = (world - data.geom_xpos[geom]) @ up - height
            outside &= self._outside(world - 2 * above[..., None] * up, data, camera)
        return np.asarray(outside & self._bounded)

    def _outside(self, world: NDArray[np.float64], data: Any, camera: int) -> NDArray[np.bool_]:
        """Whether boxes with corners (ngeom, 8, 3) lie wholly beyond one side of the field of view, (ngeom,)."""
        seen = (world - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)  # x right, y up, looking along -z
        x, y, depth = seen[..., 0], seen[..., 1], -seen[..., 2]
        reach = depth * (MARGIN * np.tan(np.radians(self._model.cam_fovy[camera]) / 2))
        beyond = [x > reach, -x > reach, y > reach, -y > reach, depth < 0]
        return np.asarray(np.any([side.all(axis=1) for side in beyond], axis=0))


def _mirrors(model: Any) -> list[tuple[int, float]]:
    """Geoms that reflect, which MuJoCo lets planes and boxes do, and heights in their frames at which they may."""
    plane = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
    flat = np.flatnonzero((plane | (model.geom_type == mujoco.mjtGeom.mjGEOM_BOX)) & (model.geom_matid >= 0))
    found = flat[model.mat_reflectance[model.geom_matid[flat]] > 0]
    return [
        (int(geom), float(height))
        for geom in found
        for height in ((0.0,) if plane[geom] else (-model.geom_size[geom, 2], 0.0, model.geom_size[geom, 2]))
    ]
