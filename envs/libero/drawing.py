"""Pictures of a MuJoCo scene, drawn off screen only when asked for, equal to robosuite's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs import rendering
from vvla_policies.envs.libero.visibility import VISUAL_GROUP, Visibility

BUFFER = (640, 480)  # robosuite's; pictures larger than it enlarge it
HIDDEN_GROUP = 5  # never drawn


class Painter:
    """Draws one model at a time, in OpenGL contexts of its own.

    Args:
        model: the compiled model.
        size: (height, width) of the largest picture, px.
        easels: pictures that are drawn at the same time, each in a context and a thread of its own; 1 draws in the
            caller's thread. Pictures are the same. Software renderers are faster so, if there are idle cores.
    """

    def __init__(self, model: Any, size: tuple[int, int], easels: int = 1) -> None:
        self._easels = [_Easel(size, ThreadPoolExecutor(1) if easels > 1 else _Here()) for _ in range(easels)]
        self._model: Any = None
        self.show(model)

    def show(self, model: Any) -> None:
        """Changes to another compiled model of the same kind of scene (of another task), keeping OpenGL contexts."""
        if model is self._model:
            return
        self._visibility = Visibility(model)
        for shown in [easel.show(model) for easel in self._easels]:
            shown.result()
        self._model = model

    def draw(self, data: Any, cameras: Sequence[str], size: tuple[int, int]) -> list[NDArray[np.uint8]]:
        """Draws what cameras see.

        Args:
            data: `MjData` of the model.
            cameras: their names.
            size: (height, width), px.

        Returns:
            For each camera uint8 (height, width, 3), RGB, upright.
        """
        pictures: list[NDArray[np.uint8]] = []
        for first in range(0, len(cameras), len(self._easels)):
            pairs = list(zip(self._easels, cameras[first:], strict=False))
            for easel, camera in pairs:
                easel.aim(data, *self._view(data, camera, size))
            drawn = [easel.render(size) for easel, _ in pairs]
            pictures += [np.ascontiguousarray(one.result()[::-1]) for one in drawn]
        return pictures

    def render(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Draws the scene of the last picture again: uint8 (height, width, 3), RGB, upside down."""
        return self._easels[0].render(size).result()

    def _view(self, data: Any, name: str, size: tuple[int, int]) -> tuple[int, NDArray[np.bool_]]:
        """A camera's number, and the geoms that it cannot see."""
        height, width = size
        camera = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, name)
        return camera, self._visibility.unseen(data, camera, width / height)

    def close(self) -> None:
        """Frees the OpenGL contexts."""
        for easel in self._easels:
            easel.close()


class _Here(Executor):
    """Does at once what it is given."""

    def submit(self, do: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(do(*args, **kwargs))
        return done


class _Easel:
    """A scene and the OpenGL context it is drawn in.

    Args:
        size: (height, width) of the largest picture, px.
        thread: where OpenGL is called.
    """

    def __init__(self, size: tuple[int, int], thread: Executor) -> None:
        self._size, self._thread = size, thread
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._options = mujoco.MjvOption()
        self._options.geomgroup[0] = 0
        self._options.geomgroup[VISUAL_GROUP] = 1
        self._perturbation = mujoco.MjvPerturb()
        self._gl: Any = None
        self._context: Any = None
        self._model: Any = None

    def show(self, model: Any) -> Future[Any]:
        """Changes to another model."""
        height, width = self._size
        buffer = model.vis.global_
        buffer.offwidth, buffer.offheight = max(width, buffer.offwidth), max(height, buffer.offheight)
        self._scene = mujoco.MjvScene(model, maxgeom=1000)
        self._model = model
        return self._thread.submit(self._show)

    def aim(self, data: Any, camera: int, hidden: NDArray[np.bool_]) -> None:
        """Prepares the scene: what a camera sees of `MjData`, without geoms that it cannot see, (ngeom,)."""
        self._camera.fixedcamid = camera
        groups = self._model.geom_group
        before = groups.copy()
        groups[hidden] = HIDDEN_GROUP
        try:
            mujoco.mjv_updateScene(
                self._model, data, self._options, self._perturbation, self._camera, mujoco.mjtCatBit.mjCAT_ALL,
                self._scene,
            )  # fmt: skip
        finally:
            groups[:] = before

    def render(self, size: tuple[int, int]) -> Future[NDArray[np.uint8]]:
        """Draws the prepared scene: uint8 (height, width, 3), RGB, upside down."""
        return self._thread.submit(self._render, size)

    def close(self) -> None:
        """Frees the OpenGL context."""
        self._thread.submit(self._free).result()
        self._thread.shutdown()

    def _show(self) -> None:
        self._gl = self._gl or _context_class()(*BUFFER)
        self._gl.make_current()
        if self._context is not None:
            self._context.free()
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_150)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)

    def _render(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        height, width = size
        self._gl.make_current()  # another environment of this process may have drawn last
        viewport = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(viewport, self._scene, self._context)
        raw = np.empty((height, width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(raw, None, viewport, self._context)
        return raw

    def _free(self) -> None:
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
