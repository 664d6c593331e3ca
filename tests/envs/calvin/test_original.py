"""The adapter to the original simulator, on a stand-in with its names and shapes that our own world moves."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from vvla_policies.envs.calvin.scenes import SCENES
from vvla_policies.envs.suite import EnvSettings, load_suite

from vvla_policies.errors import SimulatorError, VvlaError
from vvla_policies.evaluation.rollouts.evaluate import Request, evaluate
from vvla_policies.evaluation.rollouts.preparation import prepare
from vvla_policies.policy import PolicyCard

pytestmark = [pytest.mark.calvin]

ADDRESS = "vvla_policies.envs.calvin.original:calvin_abc_d"
CONFIGURATION = {
    "env/play_table_env": """
        _target_: calvin_env.envs.play_table_env.PlayTableSimEnv
        _recursive_: false
        cameras: ${cameras}
        robot_cfg: ${robot}
        scene_cfg: ${scene}
        use_vr: ${use_vr}
        use_egl: true
        """,
    "robot/panda": "filename: franka_panda/panda.urdf\ntcp_link_id: 13",
    "robot/panda_longer_finger": "defaults: [panda]\nfilename: franka_panda/panda_longer_finger.urdf\ntcp_link_id: 15",
    "scene/calvin_scene_D": """
        data_path: ${data_path}
        objects: {movable_objects: {block_red: {initial_pos: any, initial_orn: any}}}
        """,
    "cameras/cameras/static": "name: static\nwidth: 200\nheight: 200",
    "cameras/cameras/gripper": "name: gripper\nwidth: 84\nheight: 84",
}
drawn: list[str] = []


@dataclass
class Camera:
    """As `calvin_env.camera.camera.Camera`."""

    name: str
    width: int
    height: int
    world: Any

    def render(self) -> tuple[np.ndarray, None]:
        from vvla_policies.envs.calvin.cameras import draw

        drawn.append(self.name)
        ours = {"static": "image", "gripper": "wrist_image"}[self.name]
        return draw(self.world, ours, (self.height, self.width)), None


class PlayTableSimEnv:
    """As the original's, as far as the adapter knows it."""

    cid = 0

    def __init__(self, cameras: Any, robot_cfg: Any, scene_cfg: Any, use_vr: bool, use_egl: bool) -> None:
        from vvla_policies.envs.calvin.world import LOAD_POSITION, World

        assert tuple(scene_cfg.objects.movable_objects.block_red.initial_pos) == LOAD_POSITION
        assert (use_vr, use_egl) == (False, False)
        assert dict(robot_cfg) == {"filename": "franka_panda/panda_longer_finger.urdf", "tcp_link_id": 15}
        self._world = World(SCENES["D"], Path(scene_cfg.data_path))
        self.p = self._world.bullet
        self.cameras = [Camera(c.name, c.width, c.height, self._world) for c in cameras.values()]
        self._show()

    def _show(self) -> None:
        world = self._world
        self.robot = SimpleNamespace(robot_uid=world.robot.body, gripper_action=world.robot.gripper)
        lights = [SimpleNamespace(name=n, get_state=lambda n=n: int(world.lights[n])) for n in world.lights]
        self.scene = SimpleNamespace(
            movable_objects=[SimpleNamespace(name=name, uid=uid) for name, uid in world.blocks.items()],
            fixed_objects=[SimpleNamespace(name="table", uid=world.table)],
            lights=lights,
        )
        self._aim()

    def _aim(self) -> None:
        self.robot.target_pos, self.robot.target_orn = np.split(self._world.robot.target, 2)

    def load(self) -> None:
        assert self.robot.gripper_action == 1
        self._world.load()
        self._show()

    def reset(self, robot_obs: np.ndarray, scene_obs: np.ndarray) -> None:
        self._world.reset(robot_obs, scene_obs)
        self._aim()
        self._draw()

    def step(self, action: np.ndarray) -> None:
        assert action.shape == (7,)
        assert action[6] in (-1, 1)
        self.robot.gripper_action = action[6]
        self._world.step(action)
        self._aim()
        self._draw()

    def _draw(self) -> None:
        for camera in self.cameras:
            camera.render()

    def close(self) -> None:
        sys.stdout.write("disconnecting id 0 from server")
        self._world.close()

    def __del__(self) -> None:
        self.close()


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`calvin_env`, as if it were installed."""
    pytest.importorskip("hydra")
    for name, text in CONFIGURATION.items():
        path = tmp_path / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.strip() for line in text.strip().splitlines()))
    contents: dict[str, dict[str, Any]] = {
        "calvin_env": {"__file__": str(tmp_path / "calvin_env" / "__init__.py"), "__version__": "0.0.1"},
        "calvin_env.envs": {},
        "calvin_env.envs.play_table_env": {"PlayTableSimEnv": PlayTableSimEnv},
        "calvin_env.utils": {},
        "calvin_env.utils.utils": {"get_git_commit_hash": lambda path: "0123456789abcdef"},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        module.__path__ = []
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    drawn.clear()


@pytest.mark.official
@pytest.mark.usefixtures("original")
def test_chains_run_alike(env, official_set, capfd):
    theirs = load_suite(ADDRESS).make_env(replace(env.settings, assets=official_set))
    for chain in (3, 4):  # the second one in a world made anew
        chunk = np.random.default_rng(chain).uniform(-1, 1, (20, 7))
        assert env.start(0, chain, 0) == theirs.start(0, chain, 0)
        assert not drawn
        assert env.run(chunk) == theirs.run(chunk)
        ours, other = env.observe(), theirs.observe()
        assert drawn == ["static", "gripper"]
        drawn.clear()
        for key, value in ours.items():
            np.testing.assert_array_equal(value, other[key], key)
        np.testing.assert_array_equal(env.world.scene_obs(), theirs.world.scene_obs())
        for key, value in env.privileged().items():
            np.testing.assert_equal(theirs.privileged()[key], value, key)
    theirs.close()
    del theirs
    assert "disconnecting" not in capfd.readouterr().out


@pytest.mark.usefixtures("original")
def test_records_say_which_simulator_it_was(tmp_path):
    request = Request(
        "noop", ("calvin_abc_d",), episodes=1, assets="primitive", workers=0, out=tmp_path / "run", backend="original"
    )
    run = evaluate(request)
    (entry,) = run.manifest.suites.values()
    assert list(run.manifest.suites) == ["calvin_abc_d"]
    assert entry.address == ADDRESS
    assert entry.provenance["calvin_env"] == "0.0.1 0123456"
    assert entry.provenance["renderer"] == "TinyRenderer"
    (record,) = run.records
    assert record.truncated
    assert record.steps == 360


def test_what_is_missing_is_one_line(monkeypatch):
    card = PolicyCard("blind", reads=("state",))
    monkeypatch.setitem(sys.modules, "calvin_env", None)
    prepared = prepare(card, ["calvin_abc_d"], None, 1, 0, assets="primitive", backend="original")
    with pytest.raises(SimulatorError, match=r"calvin_env is missing here: git clone .*; or leave --backend out"):
        prepared.entries()
    for suite in ("calvin_a", "libero_goal"):
        with pytest.raises(VvlaError, match="has no --backend original: CALVIN's chains have 'original'"):
            prepare(card, [suite], None, 1, 0, backend="original")
    with pytest.raises(VvlaError, match="no --backend mujoco"):
        prepare(card, ["calvin_abc_d"], None, 1, 0, backend="mujoco")


@pytest.mark.usefixtures("original")
def test_it_draws_in_software(monkeypatch):
    from vvla_policies.envs.calvin import original as module

    monkeypatch.setattr(module, "renderer", lambda: "EGL some GPU")
    with pytest.raises(SimulatorError, match="in software only"):
        load_suite(ADDRESS).provenance()


@pytest.mark.official
@pytest.mark.usefixtures("original")
def test_one_at_a_time(monkeypatch, official_set):
    monkeypatch.setattr(PlayTableSimEnv, "cid", 1)
    suite = load_suite(ADDRESS)
    with pytest.raises(SimulatorError, match="first PyBullet client"):
        suite.make_env(EnvSettings(suite.protocol(), official_set))


@pytest.mark.official
@pytest.mark.usefixtures("original")
def test_a_package_without_its_configuration_is_one_line(tmp_path, official_set):
    (tmp_path / "conf").rename(tmp_path / "elsewhere")
    suite = load_suite(ADDRESS)
    with pytest.raises(SimulatorError, match="without its configuration"):
        suite.make_env(EnvSettings(suite.protocol(), official_set))
