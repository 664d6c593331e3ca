"""LIBERO's suites and tasks, read from the files of hf-libero without importing it.

Task files (bddl) and initial states are hf-libero's own, unchanged. The initial states are pickled arrays; they are
opened only if their hash is one that ships with this package, by an unpickler that knows nothing but numpy arrays.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import json
import pickle
import zipfile
from collections.abc import Sequence
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.libero import assets as libero_assets
from vvla_policies.envs.suite import AssetSet, EnvSettings, Suite, Task

from vvla_policies.errors import MissingExtraError, SimulatorError

if TYPE_CHECKING:
    from vvla_policies.envs.libero.env import LiberoEnv

FOLDERS = {  # ours to hf-libero's
    "libero_spatial": "libero_spatial",
    "libero_object": "libero_object",
    "libero_goal": "libero_goal",
    "libero_long": "libero_10",
    "libero_90": "libero_90",
}
PACKAGES = ("mujoco", "robosuite", "hf-libero", "numpy")


class LiberoSuite(Suite):
    """One of LIBERO's suites."""

    benchmark = "libero"
    default_protocol = "openvla"

    def __init__(self, name: str) -> None:
        self.name = name

    @functools.cached_property
    def tasks(self) -> Sequence[Task]:
        """The tasks in LIBERO's order (its task order 0)."""
        counts = _shipped()
        folder = FOLDERS[self.name]
        return tuple(
            Task(index, name, instruction_of(name), counts[f"{folder}/{name}"]["states"])
            for index, name in enumerate(_task_names()[folder])
        )

    def assets(self, requested: str = "auto", trained_on: str | None = None) -> AssetSet:
        """See `Suite.assets`."""
        return libero_assets.find(requested, trained_on)

    def provenance(self) -> dict[str, str]:
        """Versions and renderer."""
        from vvla_policies.envs import rendering

        libero_root()
        versions = {package: metadata.version(package) for package in PACKAGES}
        return {**versions, "renderer": str(rendering.choose())}

    def make_env(self, settings: EnvSettings, task: int = 0) -> LiberoEnv:
        """See `Suite.make_env`."""
        from vvla_policies.envs.libero.env import LiberoEnv

        return LiberoEnv(self, settings, task)

    def bddl_file(self, task: int) -> Path:
        """The task's definition."""
        return libero_root() / "bddl_files" / FOLDERS[self.name] / f"{self.tasks[task].name}.bddl"

    def init_states(self, task: int) -> NDArray[np.float64]:
        """The recorded initial states of a task.

        Returns:
            float64 (N, 1 + nq + nv): time, qpos, qvel as MuJoCo orders them.

        Raises:
            SimulatorError: the file is not the one that belongs to hf-libero 0.1.4.
        """
        return _read_init_states(f"{FOLDERS[self.name]}/{self.tasks[task].name}")


def instruction_of(task: str) -> str:
    """The instruction in a task's name, as LIBERO derives it.

    >>> instruction_of("KITCHEN_SCENE10_close_the_top_drawer_of_the_cabinet")
    'close the top drawer of the cabinet'
    >>> instruction_of("pick_up_the_milk_and_place_it_in_the_basket")
    'pick up the milk and place it in the basket'
    """
    words = task.split("_")
    if words[0].isupper():  # a scene's name comes first: KITCHEN_SCENE10_, LIVING_ROOM_SCENE2_
        scene = next(i for i, word in enumerate(words) if word.startswith("SCENE"))
        words = words[scene + 1 :]
    return " ".join(words)


@functools.cache
def libero_root() -> Path:
    """The folder of hf-libero's package `libero.libero`, found without importing it.

    Raises:
        MissingExtraError: hf-libero is not installed.
    """
    spec = importlib.util.find_spec("libero")
    places = list(spec.submodule_search_locations or []) if spec else []
    for place in places:
        root = Path(place) / "libero"
        if (root / "bddl_files").is_dir():
            return root
    raise MissingExtraError("libero", "hf-libero")


@functools.cache
def _task_names() -> dict[str, list[str]]:
    """Suite folder to task names, from hf-libero's own list (a module of plain data, run on its own)."""
    path = libero_root() / "benchmark" / "libero_suite_task_map.py"
    spec = importlib.util.spec_from_file_location("_libero_suite_task_map", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names: dict[str, list[str]] = module.libero_task_map
    return names


@functools.cache
def _shipped() -> dict[str, dict[str, Any]]:
    """Task to {"sha256", "states"} of its file of initial states."""
    text = files("vvla_policies.envs.libero").joinpath("init_states.json").read_text()
    table: dict[str, dict[str, Any]] = json.loads(text)
    return table


@functools.lru_cache(maxsize=16)
def _read_init_states(task: str) -> NDArray[np.float64]:
    path = libero_root() / "init_files" / f"{task}.pruned_init"
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != _shipped()[task]["sha256"]:
        raise SimulatorError(f"{path} is not hf-libero 0.1.4's; run: pip install --force-reinstall hf-libero==0.1.4")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        states = _ArrayUnpickler(io.BytesIO(archive.read("archive/data.pkl"))).load()
    states.setflags(write=False)
    result: NDArray[np.float64] = states
    return result


class _ArrayUnpickler(pickle.Unpickler):
    """Knows how to make numpy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        import _codecs

        from numpy._core.multiarray import _reconstruct

        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): _codecs.encode,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"initial states may hold numpy arrays only, not {module}.{name}")
        return allowed[module, name]


libero_spatial = LiberoSuite("libero_spatial")
libero_object = LiberoSuite("libero_object")
libero_goal = LiberoSuite("libero_goal")
libero_long = LiberoSuite("libero_long")
libero_90 = LiberoSuite("libero_90")
