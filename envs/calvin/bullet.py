"""PyBullet behind one door: a physics client of its own for every world, and what draws its pictures.

The software renderer TinyRenderer is the default: it is what golden pictures were drawn with, it gives the same pixels
on every machine, and it needs no OpenGL. `VVLA_BULLET_RENDERER=egl` chooses OpenGL instead, faster on a GPU.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from vvla_policies.errors import MissingExtraError, SimulatorError

CHOICE = "VVLA_BULLET_RENDERER"
SOFTWARE = "TinyRenderer"
PLUGIN = "_eglRendererPlugin"
PROBE_SECONDS = 60
_PROBE = """
import importlib.util, pybullet
pybullet.connect(pybullet.DIRECT)
plugin = pybullet.loadPlugin(importlib.util.find_spec("eglRenderer").origin, "_eglRendererPlugin")
picture = pybullet.getCameraImage(8, 8)
print("works" if plugin >= 0 and len(picture) == 5 else "fails")
"""


def connect() -> Any:
    """Starts a physics client in this process.

    Returns:
        PyBullet's functions, bound to that client; `disconnect()` frees it.

    Raises:
        MissingExtraError: PyBullet is not installed.
        SimulatorError: the renderer that was asked for does not work.
    """
    if importlib.util.find_spec("pybullet") is None:
        raise MissingExtraError("calvin", "pybullet")
    with_egl = renderer() != SOFTWARE
    with silence():  # it greets on both streams
        import pybullet
        from pybullet_utils.bullet_client import BulletClient

        bullet = BulletClient(pybullet.DIRECT)
        if with_egl:
            bullet.loadPlugin(_egl(), PLUGIN)
    return bullet


@functools.cache
def renderer() -> str:
    """What draws the pictures: "TinyRenderer", or "EGL <the OpenGL renderer's name>".

    Raises:
        SimulatorError: `VVLA_BULLET_RENDERER` asks for one that does not exist or does not work here.
    """
    asked = os.environ.get(CHOICE, "tiny").strip().lower()
    if asked in ("tiny", ""):
        return SOFTWARE
    if asked != "egl":
        raise SimulatorError(f"{CHOICE}={asked} is unknown; use tiny (the default) or egl")
    command = [sys.executable, "-c", _PROBE]  # in a process of its own: where OpenGL is broken the plugin crashes
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise SimulatorError(f"EGL does not start within {PROBE_SECONDS} s; unset {CHOICE}") from error
    lines = done.stdout.splitlines()
    if "works" not in lines:
        raise SimulatorError(f"EGL does not work here; unset {CHOICE} to draw in software")
    names = [line.partition("=")[2].strip() for line in lines if line.startswith("GL_RENDERER")]
    return f"EGL {names[0] if names else 'unknown'}"


def _egl() -> str:
    spec = importlib.util.find_spec("eglRenderer")
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Sends what is written, also by C code, to the two output streams nowhere."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(stream) for stream in (1, 2)]
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a file descriptor is needed
            for stream in (1, 2):
                os.dup2(nowhere.fileno(), stream)
            with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
                yield
    finally:
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)
            os.close(copy)
