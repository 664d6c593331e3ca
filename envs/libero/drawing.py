"""Pictures of a MuJoCo scene, drawn off screen only when asked for, equal to robosuite's."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs import rendering
from vvla_policies.envs.libero.visibility import Visibility

BUFFER = (640, 480)  # robosuite's; pictures larger than it enlarge it
VISUAL_GROUP = 1
HIDDEN_GROUP = 5  # never drawn


class Painter:
    """Draws one model at a time, in an OpenGL context of its own.

    Args:
        model: the compiled model.
        size: (height, width) of the largest picture, px.
    """

    def __init__(self, model: Any, size: tuple[int, int]) -> None:
        self._gl = _context_class()(*BUFFER)
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._options = mujoco.MjvOption()
        self._options.geomgroup[0] = 0
        self._options.geomgroup[VISUAL_GROUP] = 1
        self._perturbation = mujoco.MjvPerturb()
        self._context: Any = None
        self._model: Any = None
        self._size = size
        self.show(model)

    def show(self, model: Any) -> None:
        """Changes to another compiled model of the same kind of scene (of another task), keeping the OpenGL context."""
        if model is self._model:
            return
        self._gl.make_current()
        height, width = self._size
        buffer = model.vis.global_
        if width > buffer.offwidth or height > buffer.offheight:
            buffer.offwidth, buffer.offheight = max(width, buffer.offwidth), max(height, buffer.offheight)
        if self._context is not None:
            self._context.free()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_150)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=1000)
        self._visibility = Visibility(model)
        self._model = model

    def draw(self, data: Any, camera: str, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Draws what a camera sees.

        Args:
            data: `MjData` of the model.
            camera: its name.
            size: (height, width), px.

        Returns:
            uint8 (height, width, 3), RGB, upright.
        """
        self.aim(data, camera, size)
        return np.ascontiguousarray(self.render(size)[::-1])

    def aim(self, data: Any, camera: str, size: tuple[int, int]) -> None:
        """Prepares the scene for `render`; see `draw`."""
        height, width = size
        self._gl.make_current()  # another environment of this process may have drawn last
        self._camera.fixedcamid = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if height == width:  # wider pictures show more at the sides
            self._update_scene(data, self._visibility.unseen(data, self._camera.fixedcamid))
        else:
            self._update_scene(data, None)

    def render(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Draws the prepared scene: uint8 (height, width, 3), RGB, upside down."""
        height, width = size
        viewport = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(viewport, self._scene, self._context)
        raw = np.empty((height, width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(raw, None, viewport, self._context)
        return raw

    def _update_scene(self, data: Any, hidden: NDArray[np.bool_] | None) -> None:
        groups = self._model.geom_group
        before = groups.copy()
        if hidden is not None:
            groups[hidden] = HIDDEN_GROUP
        try:
            mujoco.mjv_updateScene(
                self._model, data, self._options, self._perturbation, self._camera, mujoco.mjtCatBit.mjCAT_ALL,
                self._scene,
            )  # fmt: skip
        finally:
            groups[:] = before

    def close(self) -> None:
        """Frees the OpenGL context."""
        if self._context is not None:
            self._context.free()
            self._context = None
            self._gl.free()


def _context_class() -> Any:
    """MuJoCo's context of the chosen back end, whatever `MUJOCO_GL` was when MuJoCo was imported."""
    backend = rendering.choose().backend
    if backend == "osmesa":
        from mujoco.osmesa import GLContext
    elif backend == "egl":
        from mujoco.egl import GLContext
    else:
        from mujoco import GLContext
    return GLContext
