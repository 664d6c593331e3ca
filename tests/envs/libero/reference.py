"""Helper of the LIBERO tests: hf-libero's own environment on any asset folder, without prompts or downloads.

The reference assets are looked for in the folder named by ``VVLA_REFERENCE``, else in ``../shared`` next to the repo.
"""

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90")
HOLD = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]  # no motion, gripper open


@dataclass(frozen=True, order=True)
class Task:
    """One LIBERO task: suite and file stem of its bddl file."""

    suite: str
    name: str


def reference_folder() -> Path | None:
    """Folder of the reference data, or None where it is absent."""
    default = Path(__file__).resolve().parents[3].parent / "shared"
    folder = Path(os.environ.get("VVLA_REFERENCE", default))
    return folder if folder.is_dir() else None


def official_assets() -> Path | None:
    """LIBERO's official asset folder inside the reference data, or None."""
    folder = reference_folder()
    assets = folder / "libero-assets" if folder else None
    return assets if assets and assets.is_dir() else None


def libero_root() -> Path:
    """Folder of hf-libero's `libero.libero`, found without importing it (its import prompts when no config exists)."""
    spec = importlib.util.find_spec("libero")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("hf-libero is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "libero"


def tasks(suite: str) -> list[Task]:
    """Tasks of a suite, sorted by name."""
    return [Task(suite, path.stem) for path in sorted((libero_root() / "bddl_files" / suite).glob("*.bddl"))]


def _import_libero(assets: Path) -> Any:
    """Import hf-libero and point it at an asset folder; the config file it insists on goes to a temporary folder."""
    if "LIBERO_CONFIG_PATH" not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="libero-config-"))
        root = libero_root()
        keys = {"benchmark_root": "", "bddl_files": "bddl_files", "init_states": "init_files", "datasets": "datasets"}
        lines = [f"{key}: {root / part}" for key, part in keys.items()]
        (folder / "config.yaml").write_text("\n".join([*lines, f"assets: {assets}"]) + "\n")
        os.environ["LIBERO_CONFIG_PATH"] = str(folder)
    import libero.libero as package

    package._assets_path_cache = str(assets)
    return package


@contextmanager
def kept_assets_path() -> Iterator[None]:
    """Put hf-libero's asset folder, which is global, back to what it was."""
    import importlib

    package = importlib.import_module("libero.libero") if "LIBERO_CONFIG_PATH" in os.environ else None
    before = package._assets_path_cache if package else None
    try:
        yield
    finally:
        importlib.import_module("libero.libero")._assets_path_cache = before


def make_env(task: Task, assets: Path, size: int | None = None, seed: int = 0) -> Any:
    """A reset hf-libero environment on `assets`; with `size` (pixels) it draws, else it is physics only.

    Fixture positions are drawn from numpy's global generator at reset, so the same seed gives the same fixtures.
    """
    _import_libero(assets)
    from libero.libero.envs.env_wrapper import ControlEnv

    draw = size is not None
    env = ControlEnv(
        bddl_file_name=str(libero_root() / "bddl_files" / task.suite / f"{task.name}.bddl"),
        has_offscreen_renderer=draw,
        use_camera_obs=draw,
        camera_heights=size or 128,
        camera_widths=size or 128,
    )
    env.seed(seed)
    env.reset()
    return env


def init_states(task: Task) -> np.ndarray:
    """Official initial states of a task, shape (n, 1 + nq + nv): time, qpos, qvel."""
    import torch

    path = libero_root() / "init_files" / task.suite / f"{task.name}.pruned_init"
    return np.asarray(torch.load(path, weights_only=False))


def settle(env: Any, state: np.ndarray | None = None, steps: int = 10) -> None:
    """Load an initial state (when given) and hold still for `steps` control steps."""
    if state is not None:
        env.set_init_state(state)
    for _ in range(steps):
        env.step(HOLD)
