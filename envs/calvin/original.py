"""CALVIN's chains in the original simulator, where the user has it: `--backend original`.

Physics, motors, lights and pictures are those of `calvin_env` (github mees/calvin_env), which is made from its own
configuration and loads its world anew for every chain. What stands in that world is read as in `World`: observations,
actions and the task oracle are the same.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.calvin.bullet import SOFTWARE, renderer, silence
from vvla_policies.envs.calvin.env import CalvinEnv
from vvla_policies.envs.calvin.robot import Robot
from vvla_policies.envs.calvin.scenes import Scene
from vvla_policies.envs.calvin.suites import PACKAGES, CalvinSuite
from vvla_policies.envs.calvin.world import LOAD_POSITION, Array, World
from vvla_policies.envs.suite import EnvSettings

from vvla_policies.errors import SimulatorError

CAMERAS = {"image": "static", "wrist_image": "gripper"}
"""Observation key to the original's name of a camera."""
REMEDY = (
    "git clone --recursive https://github.com/mees/calvin_env && pip install -e calvin_env; "
    "or leave --backend out: the simulator of this package equals it bit for bit"
)


class OriginalRobot(Robot):
    """Reads the original's robot.

    Args:
        bullet: PyBullet's functions, bound to its physics client.
        theirs: `calvin_env.robot.robot.Robot`.
    """

    def __init__(self, bullet: Any, theirs: Any) -> None:
        self._bullet, self._theirs = bullet, theirs
        self.body = theirs.robot_uid
        self.links = {bullet.getJointInfo(self.body, i)[12].decode(): i for i in range(bullet.getNumJoints(self.body))}
        self.gripper = int(theirs.gripper_action)

    @property
    def target(self) -> Array:
        """See `Robot.target`."""
        return np.concatenate([self._theirs.target_pos, self._theirs.target_orn])


class OriginalWorld(World):
    """One scene in an environment of the original, which draws only when it is asked to; one at a time in a process.

    Args:
        scene: which.
        assets: the asset folder.

    Raises:
        SimulatorError: `calvin_env` cannot be used here, or another world is open in this process.
    """

    def __init__(self, scene: Scene, assets: Path) -> None:
        self.scene, self.assets = scene, assets
        with silence():
            self._env = _make(scene, assets)
        if self._env.cid != 0:  # it puts the robot's pedestal into client 0, whichever its own is
            self.close()
            raise SimulatorError("calvin_env needs the first PyBullet client of its process: close what has it")
        self._cameras = {camera.name: camera for camera in self._env.cameras}
        self._env.cameras = []
        self.bullet = self._env.p
        self._adopt()

    def load(self) -> None:
        """See `World.load`."""
        self._env.robot.gripper_action = 1
        with silence():
            self._env.load()
        self._adopt()

    def _adopt(self) -> None:
        """Learns the numbers of what has been loaded."""
        scene = self._env.scene
        self.robot = OriginalRobot(self.bullet, self._env.robot)
        self.blocks = {block.name: block.uid for block in scene.movable_objects}
        (self.table,) = (fixture.uid for fixture in scene.fixed_objects)
        self._name_table_parts()
        self._read_lights()

    def _read_lights(self) -> None:
        self.lights = {light.name: bool(light.get_state()) for light in self._env.scene.lights}

    def reset(self, robot_obs: Array, scene_obs: Array) -> None:
        """See `World.reset`."""
        self._env.reset(robot_obs, scene_obs)
        self._read_lights()

    def step(self, action: Array) -> None:
        """See `World.step`."""
        self.robot.gripper = 1 if action[6] > 0 else -1
        self._env.step(np.array([*action[:6], self.robot.gripper]))
        self._read_lights()

    def draw(self, camera: str, size: tuple[int, int]) -> NDArray[np.uint8]:
        """What a camera sees, see `cameras.draw`."""
        theirs = self._cameras[CAMERAS[camera]]
        theirs.height, theirs.width = size
        return np.ascontiguousarray(theirs.render()[0], dtype=np.uint8)

    def close(self) -> None:
        """Frees the physics client, once: the original tries again, and says so, when it is collected."""
        with silence():
            self._env.close()
        self._env.close = lambda: None


class OriginalEnv(CalvinEnv):
    """The environment of CALVIN's chains, in the original simulator; see `CalvinEnv`."""

    world: OriginalWorld

    def _new_world(self) -> OriginalWorld:
        return OriginalWorld(self.suite.scene, self.settings.assets.path)

    def _draw(self, camera: str) -> NDArray[np.uint8]:
        return self.world.draw(camera, self.settings.protocol.size(camera))


class OriginalSuite(CalvinSuite):
    """The evaluation chains in the original simulator: names, tasks and keys are those of `CalvinSuite`."""

    def provenance(self) -> dict[str, str]:
        """The original's version and commit, versions of packages, and renderer."""
        theirs = _import("calvin_env")
        with silence():
            commit = _import("calvin_env.utils.utils").get_git_commit_hash(Path(theirs.__file__))
        versions = {package: metadata.version(package) for package in PACKAGES}
        return {"calvin_env": f"{theirs.__version__} {commit[:7]}", **versions, "renderer": _software()}

    def make_env(self, settings: EnvSettings, task: int = 0) -> OriginalEnv:
        """See `Suite.make_env`."""
        return OriginalEnv(self, settings, task)


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = error.name or str(error)
        raise SimulatorError(f"--backend original needs calvin_env, and {missing} is missing here: {REMEDY}") from error


def _software() -> str:
    if renderer() != SOFTWARE:
        raise SimulatorError("--backend original draws in software only; unset VVLA_BULLET_RENDERER")
    return SOFTWARE


def _make(scene: Scene, assets: Path) -> Any:
    """A `PlayTableSimEnv` of the original's own configuration.

    Blocks are loaded where `World` loads them, not at random: an episode's later contacts depend on it, whatever state
    it is reset to.
    """
    _software()
    _import("calvin_env.envs.play_table_env")
    files = Path(_import("calvin_env").__file__).parents[1] / "conf"
    config, utils = _import("omegaconf").OmegaConf, _import("hydra.utils")
    if not files.is_dir():
        raise SimulatorError(f"calvin_env is installed without its configuration, {files}: {REMEDY}")

    def read(name: str) -> Any:
        return config.load(files / f"{name}.yaml")

    table = read(f"scene/calvin_scene_{scene.name}")
    for block in table.objects.movable_objects.values():
        block.initial_pos, block.initial_orn = list(LOAD_POSITION), [0.0, 0.0, 0.0]
    robot = config.merge(read("robot/panda"), read("robot/panda_longer_finger"))
    del robot["defaults"]
    whole = config.create(
        {
            "data_path": str(assets),
            "use_vr": False,
            "env": read("env/play_table_env"),
            "scene": table,
            "robot": robot,
            "cameras": {name: read(f"cameras/cameras/{name}") for name in CAMERAS.values()},
        }
    )
    return utils.instantiate(whole.env, use_egl=False)


calvin_abc_d = OriginalSuite("calvin_abc_d", "ABC")
calvin_d_d = OriginalSuite("calvin_d_d", "D")
calvin_abcd_d = OriginalSuite("calvin_abcd_d", "ABCD")
