"""hf-libero and robosuite behind one door: loaded without prompts, noise or patches, stepped without drawing.

What this does differently from `OffScreenRenderEnv`, and why the result is the same, bit for bit:

- robosuite samples its sensors once per control step, at a substep that depends on how its timers were started (after
  a reset and a set state: the 24th of 25). `Sampler` repeats that arithmetic; at that substep the poses of all things
  are copied, and pictures and proprioception are read from the copy, if and when somebody asks. Nothing else is drawn.
- robosuite makes its render context inside the reset, which costs one `mj_forward` there. That call is kept (it moves
  the solver's warm start), so runs with and without pictures are equal.
- robosuite's control step computes the same positions three times per substep (`mj_forward`, the controller's own
  `mj_forward`, `mj_step`). They are computed once; the constraint solver, which starts from where it ended the last
  time, runs three times as before. Forces that sensors would measure, which nobody reads, are not computed.
- The controller is `control.PandaController`, which does robosuite's arithmetic without its look-ups.
- The model is compiled once per task, though robosuite does it at every reset: see `problem`.
- Fixtures are placed by numpy's global generator. It is seeded before the reset and put back after it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs import rendering
from vvla_policies.envs.libero.suites import libero_root
from vvla_policies.envs.store import cache_root

from vvla_policies.errors import MissingExtraError, SimulatorError

MUJOCO_REFERENCE = "3.3.2"
MUJOCO_SERIES = "3.3"
ANY_MUJOCO = "VVLA_ANY_MUJOCO"
READ_FIELDS = (  # what proprioception and pictures are made of
    *("qpos", "xpos", "xquat", "xmat", "xipos", "ximat", "geom_xpos", "geom_xmat", "site_xpos", "site_xmat"),
    *("cam_xpos", "cam_xmat", "light_xpos", "light_xdir"),
)
SITE_RGBA = "site_rgba"

Snapshot = dict[str, NDArray[Any]]


class Sampler:
    """The timer of robosuite's sensors: says at which physics substeps they are read.

    Args:
        period: seconds between two readings (one control step).
        timestep: seconds of one physics substep.
    """

    def __init__(self, period: float, timestep: float) -> None:
        self.period = period
        self.timestep = timestep
        self.restart()

    def restart(self) -> None:
        """As after a reset followed by a set state: both force a reading, and each moves the timer."""
        self.elapsed = 0.0
        self.sampled = False
        for _ in range(2):
            self.tick()
            self.sampled = True

    def tick(self) -> bool:
        """One substep; True if the sensors are read at its end."""
        self.elapsed += self.timestep
        reads = not self.sampled and self.period >= self.elapsed
        self.sampled = self.sampled or reads
        if self.elapsed >= self.period:
            reads = reads or not self.sampled
            self.elapsed %= self.period
            self.sampled = False
        return reads


@functools.cache
def load_libero() -> Any:
    """Imports hf-libero and robosuite quietly, after checking versions; returns `libero.libero.envs`.

    Raises:
        MissingExtraError: hf-libero or robosuite is not installed.
        SimulatorError: a version that changes results.
    """
    root = libero_root()
    _check_versions()
    rendering.choose()  # robosuite loads OpenGL when it is imported
    _quiet_robosuite()
    with _environment(LIBERO_CONFIG_PATH=str(_libero_config(root))):
        import libero.libero.envs as envs
    return envs


class Simulator:
    """The robosuite environment of one LIBERO task.

    Args:
        bddl_file: the task's definition.
        assets: the folder of the assets.
    """

    def __init__(self, bddl_file: Path, assets: Path) -> None:
        load_libero()  # before MuJoCo is imported, which may load OpenGL
        import mujoco
        from vvla_policies.envs.libero import problem
        from vvla_policies.envs.libero.control import PandaController

        self._mujoco, self._reset, self._controller_type = mujoco, problem.reset, PandaController
        with _assets_at(assets), numpy_seed(0):
            self.env = problem.build(bddl_file)
        self.sampler = Sampler(1.0 / self.env.control_freq, self.env.model_timestep)
        self.substeps = int(self.env.control_timestep / self.env.model_timestep)
        self._attach()

    def _attach(self) -> None:
        """Takes hold of the compiled model and its state."""
        self.model = self.env.sim.model._model  # noqa: SLF001 - robosuite wraps MuJoCo's objects
        self.data = self.env.sim.data._data  # noqa: SLF001
        self.model.opt.disableflags |= self._mujoco.mjtDisableBit.mjDSBL_SENSOR
        self.reading = self._mujoco.MjData(self.model)
        self._views = [(getattr(self.reading, field), getattr(self.data, field)) for field in READ_FIELDS]

    def begin(self, state: NDArray[np.float64] | None, seed: int, joint_noise: float = 0.0) -> None:
        """Resets, places what is random by `seed`, and goes to a recorded state.

        Args:
            state: (1 + nq + nv,): time, qpos, qvel; None to stay where the placement of the objects, too, falls.
            seed: for the placement of the fixtures.
            joint_noise: see `Protocol`; of no use where a state is given.
        """
        env = self.env
        env.robots[0].initialization_noise["magnitude"] = joint_noise  # it is drawn, from the same stream, at 0 too
        with numpy_seed(seed):
            self._reset(env)
        env.sim.set_state_from_flattened(self.state() if state is None else state)
        env.sim.forward()
        env._check_success()  # noqa: SLF001 - robosuite's own protocol between classes
        env._post_process()  # noqa: SLF001
        self.sampler.restart()
        self.controller = self._controller_type(env.robots[0], self.model, self.data)
        self._read()

    def draw_start(self, seed: int, settle: NDArray[np.float64], steps: int, joint_noise: float) -> NDArray[np.float64]:
        """A new draw from the task's placement regions and of the arm's pose, at rest: a state to begin in.

        Args:
            seed: for the placement of everything.
            settle: (7,), in robosuite's convention, executed until things are at rest.
            steps: so many times.
            joint_noise: see `Protocol`.

        Returns:
            (1 + nq + nv,), as `begin` takes it.
        """
        self.begin(None, seed, joint_noise)
        for _ in range(steps):
            self.step(settle)
        return self.state()

    def step(self, action: NDArray[np.float64]) -> bool:
        """One control step of physics.

        Args:
            action: (7,), in robosuite's convention (gripper -1 opens).

        Returns:
            Whether the goal is reached.
        """
        mujoco, model, data = self._mujoco, self.model, self.data
        for substep in range(self.substeps):
            mujoco.mj_forward(model, data)
            self.controller.apply(action, new=substep == 0)
            mujoco.mj_step2(model, data)
            if self.sampler.tick():
                self._read()
        success = bool(self.env._check_success())  # noqa: SLF001
        self.env._post_process()  # noqa: SLF001
        return success

    def bare_step(self) -> Callable[[], None]:
        """A control step without controller, sensors and goal, on a copy of the simulation."""
        mujoco, model, data = self._mujoco, self.model, copy.copy(self.data)

        def step() -> None:
            for _ in range(self.substeps):
                mujoco.mj_step(model, data)

        return step

    def state(self) -> NDArray[np.float64]:
        """Time, qpos, qvel as MuJoCo orders them: float64 (1 + nq + nv,)."""
        flat: NDArray[np.float64] = self.env.sim.get_state().flatten()
        return flat

    def proprioception(self) -> dict[str, NDArray[np.float64]]:
        """Arm and gripper at the last reading: `eef_pos`, `eef_quat` (xyzw), `gripper_qpos`, `joint_pos`."""
        robot, data = self.env.robots[0], self.reading
        eef = self.env.sim.model.body_name2id(robot.robot_model.eef_name)
        return {
            "eef_pos": data.site_xpos[robot.eef_site_id].copy(),
            "eef_quat": data.xquat[eef][[1, 2, 3, 0]],
            "gripper_qpos": data.qpos[robot._ref_gripper_joint_pos_indexes],  # noqa: SLF001
            "joint_pos": data.qpos[robot._ref_joint_pos_indexes],  # noqa: SLF001
        }

    def snapshot(self) -> Snapshot:
        """A copy of all that pictures of the last reading are made of, to draw them later in the same episode."""
        return {**{field: getattr(self.reading, field).copy() for field in READ_FIELDS}, SITE_RGBA: self._site_rgba}

    @contextlib.contextmanager
    def as_read(self, snapshot: Snapshot | None = None) -> Iterator[tuple[Any, Any]]:
        """(MjModel, MjData) as they were at the last reading or at a snapshot of this episode, for drawing."""
        now, latest = self.model.site_rgba.copy(), self.snapshot()
        self._recall(latest if snapshot is None else snapshot)
        try:
            yield self.model, self.reading
        finally:
            self._recall(latest)
            self.model.site_rgba[:] = now

    def _recall(self, snapshot: Snapshot) -> None:
        for field in READ_FIELDS:
            getattr(self.reading, field)[:] = snapshot[field]
        self.model.site_rgba[:] = snapshot[SITE_RGBA]

    def close(self) -> None:
        """Frees the simulation."""
        self.env.close()

    def _read(self) -> None:
        for reading, now in self._views:
            reading[:] = now
        self._site_rgba = self.model.site_rgba.copy()  # a stove that is on shows by the colour of a site


@contextlib.contextmanager
def numpy_seed(seed: int) -> Iterator[None]:
    """Seeds numpy's global generator, which robosuite draws from, and restores it afterwards."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


@contextlib.contextmanager
def _assets_at(folder: Path) -> Iterator[None]:
    """hf-libero looks its asset folder up in one place; it points at ours while models are built."""
    import libero.libero as package

    before = package._assets_path_cache  # noqa: SLF001 - its only setting for this
    package._assets_path_cache = str(folder)  # noqa: SLF001
    try:
        yield
    finally:
        package._assets_path_cache = before  # noqa: SLF001


def _check_versions() -> None:
    for package in ("robosuite", "mujoco"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("libero", package)
    robosuite, mujoco = metadata.version("robosuite"), metadata.version("mujoco")
    if not robosuite.startswith("1.4."):
        raise SimulatorError(f"LIBERO needs robosuite 1.4, found {robosuite}; run: pip install robosuite==1.4.0")
    if not mujoco.startswith(MUJOCO_SERIES + ".") and not os.environ.get(ANY_MUJOCO):
        raise SimulatorError(
            f"MuJoCo {mujoco} changes LIBERO's scores; run: pip install mujoco=={MUJOCO_REFERENCE} "
            f"(or set {ANY_MUJOCO}=1 to use it all the same; the version is recorded)"
        )


def _quiet_robosuite() -> None:
    """Loads robosuite's settings first and turns its logging off (it writes to a file in /tmp and warns at import)."""
    if "robosuite" in sys.modules:
        return
    spec = importlib.util.find_spec("robosuite")
    assert spec is not None
    (package,) = spec.submodule_search_locations or [""]
    macros_spec = importlib.util.spec_from_file_location("robosuite.macros", Path(package) / "macros.py")
    assert macros_spec is not None
    assert macros_spec.loader is not None
    macros: Any = importlib.util.module_from_spec(macros_spec)
    macros_spec.loader.exec_module(macros)
    macros.FILE_LOGGING_LEVEL = None
    macros.CONSOLE_LOGGING_LEVEL = "ERROR"
    sys.modules["robosuite.macros"] = macros
    logging.getLogger("robosuite_logs").setLevel(logging.ERROR)


def _libero_config(root: Path) -> Path:
    """A folder with the configuration file without which hf-libero asks questions at import."""
    folder = cache_root() / "hf-libero"
    lines = {
        "benchmark_root": root,
        "bddl_files": root / "bddl_files",
        "init_states": root / "init_files",
        "datasets": cache_root() / "datasets",
        "assets": root / "assets",
    }
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    target = folder / "config.yaml"
    try:
        if not target.is_file() or target.read_text() != text:
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / f"config.{os.getpid()}.yaml"
            draft.write_text(text)
            draft.replace(target)
    except OSError as error:
        raise SimulatorError(
            f"cannot write {folder} ({error.strerror}); set VVLA_CACHE to a writable folder"
        ) from error
    return folder


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
