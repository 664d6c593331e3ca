"""Choosing an OpenGL back end for MuJoCo by trying it, in a process of its own, before anything loads OpenGL.

EGL on a GPU if it works, else OSMesa, else EGL in software. What the user chose (`MUJOCO_GL`) is kept and tried.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass

from vvla_policies.errors import SimulatorError

PROBE_SECONDS = 60
SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software")
REMEDY = "install a software renderer (Debian, Ubuntu: apt-get install libosmesa6 libgl1 libegl1), or run on a GPU"

# Runs in a fresh interpreter: draws a small scene and prints what drew it.
_PROBE = """
import json, time
import mujoco
model = mujoco.MjModel.from_xml_string(
    '<mujoco><worldbody><light pos="0 0 3"/><geom type="plane" size="1 1 .1"/>'
    '<geom type="sphere" size=".2" pos="0 0 .2" rgba="1 0 0 1"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, 256, 256)
renderer.update_scene(data)
picture = renderer.render()
start = time.perf_counter()
for _ in range(5):
    renderer.update_scene(data)
    picture = renderer.render()
spent = (time.perf_counter() - start) / 5
from OpenGL import GL
name = GL.glGetString(GL.GL_RENDERER)
name = name.decode() if name else "unknown"
print(json.dumps({"renderer": name, "ms": 1000 * spent, "lit": bool(picture.max() > 0)}))
"""


@dataclass(frozen=True)
class Renderer:
    """What a back end turned out to be.

    Attributes:
        backend: value for `MUJOCO_GL`: "egl", "osmesa" or another that the user asked for.
        name: what OpenGL calls the renderer, "" if it failed.
        milliseconds: per 256 x 256 frame of a trivial scene.
        problem: why it cannot be used, "" if it can.
    """

    backend: str
    name: str = ""
    milliseconds: float = 0.0
    problem: str = ""

    @property
    def works(self) -> bool:
        """Whether it drew a picture."""
        return not self.problem

    @property
    def on_gpu(self) -> bool:
        """Whether it works and is not a software rasteriser."""
        return self.works and not any(word in self.name.lower() for word in SOFTWARE)

    def __str__(self) -> str:
        """As it stands in records, for example "osmesa (llvmpipe (LLVM 15.0.6, 256 bits))"."""
        return f"{self.backend} ({self.name})" if self.works else f"{self.backend}: {self.problem}"


def try_backend(backend: str, seconds: float = PROBE_SECONDS) -> Renderer:
    """Draws with a back end in a subprocess; never raises and never hangs longer than `seconds`."""
    env = {**os.environ, "MUJOCO_GL": backend}
    env.pop("PYOPENGL_PLATFORM", None)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", _PROBE], env=env, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return Renderer(backend, problem=f"no picture within {seconds:.0f} s")
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return Renderer(backend, problem=lines[-1][:200] if lines else f"exit code {done.returncode}")
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    if not seen["lit"]:
        return Renderer(backend, problem="draws black pictures")
    return Renderer(backend, seen["renderer"], seen["ms"])


@functools.cache
def choose() -> Renderer:
    """The back end to use on this machine; tried once per process tree.

    Sets `MUJOCO_GL` for this process and its children, so call it before MuJoCo is imported.

    Raises:
        SimulatorError: none works; names what was tried and the remedy.
    """
    told = os.environ.get("VVLA_RENDERER")
    if told:  # a parent process has tried it already
        seen = Renderer(**json.loads(told))
    else:
        seen = _first_that_works()
        os.environ["VVLA_RENDERER"] = json.dumps(vars(seen))
    os.environ["MUJOCO_GL"] = seen.backend
    os.environ["PYOPENGL_PLATFORM"] = seen.backend
    if not seen.on_gpu:
        with contextlib.suppress(ImportError):
            import triton  # noqa: F401 - its LLVM must be loaded before the software renderer's, or both crash
    return seen


def _first_that_works() -> Renderer:
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    if asked:
        seen = try_backend(asked)
        if not seen.works:
            raise SimulatorError(f"MUJOCO_GL={asked} does not work ({seen.problem}); unset it, or {REMEDY}")
        return seen
    egl = try_backend("egl")
    if egl.on_gpu:
        return egl
    osmesa = try_backend("osmesa")
    if osmesa.works:
        return osmesa
    if egl.works:
        return egl
    raise SimulatorError(f"no OpenGL back end works (egl: {egl.problem}; osmesa: {osmesa.problem}); {REMEDY}")
