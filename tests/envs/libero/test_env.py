"""The environment as a user meets it, on primitive assets."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from ctypes.util import find_library

import gymnasium as gym
import numpy as np
import pytest
import vvla_policies.envs
from gymnasium.utils.env_checker import check_env
from vvla_policies.envs.protocol import get_protocol
from vvla_policies.envs.suite import EnvSettings, load_suite

from vvla_policies.errors import VvlaError

pytestmark = pytest.mark.libero


@pytest.fixture(scope="module")
def env():
    env = vvla_policies.envs.make("libero_spatial", task=4, assets="primitive", protocol="vita_vla")
    yield env
    env.close()


@pytest.fixture
def drawn(env, monkeypatch):
    """Counts the pictures that are drawn."""
    from vvla_policies.envs.libero.drawing import Painter

    count = []
    draw = Painter.draw
    monkeypatch.setattr(Painter, "draw", lambda self, *rest: count.extend(rest[1]) or draw(self, *rest))
    return count


def actions(steps: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (steps, 7)).astype(np.float32)


def test_gymnasium_accepts_it():
    made = gym.make("vvla/libero_spatial", task=1, assets="primitive", protocol="vita_vla", render_mode="rgb_array")
    check_env(made.unwrapped, skip_render_check=True)
    made.reset(seed=0)
    assert made.render().shape == (128, 128, 3)
    made.close()


def test_pictures_are_upright_and_show_the_scene(env):
    obs, info = env.reset(seed=0)
    assert info["instruction"].startswith("pick up the black bowl in the top drawer")
    assert obs["image"].std() > 10
    assert obs["wrist_image"].std() > 10
    assert obs["state"][2] > 0.5  # the gripper is above the table


def test_the_same_key_gives_the_same_episode_whatever_came_before(env):
    first, _ = env.reset(seed=5, options={"init_state": 3})
    end, _ = env.run(actions(12))
    state, fixtures = env.simulator.state(), env.fixtures_hash()
    env.reset(seed=6, options={"init_state": 9})
    env.run(actions(30, seed=1))
    again, _ = env.reset(seed=5, options={"init_state": 3})
    assert env.run(actions(12))[0] == end
    assert np.array_equal(env.simulator.state(), state)
    assert env.fixtures_hash() == fixtures
    assert all(np.array_equal(first[key], again[key]) for key in first)


def test_the_seed_places_the_fixtures(env):
    hashes = set()
    for seed in (0, 1, 0):
        env.start(4, 0, seed)
        hashes.add(env.fixtures_hash())
    assert len(hashes) == 2


def test_global_random_state_is_left_alone(env):
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    env.reset(seed=3)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_pictures_change_nothing(env):
    blind = load_suite("libero_spatial").make_env(EnvSettings(env.settings.protocol, env.settings.assets, ()), 4)
    blind.start(4, 2, 7)
    env.reset(seed=7, options={"init_state": 2})
    for action in actions(10):
        env.step(action)
        blind.advance(action)
    assert np.array_equal(env.simulator.state(), blind.simulator.state())
    blind.close()


def test_only_what_is_read_is_drawn(env, drawn):
    env.reset(seed=0)
    assert drawn == ["agentview", "robot0_eye_in_hand"]  # one observation, though settling took 5 steps
    env.run(actions(8))
    assert len(drawn) == 2
    env.observe()
    assert len(drawn) == 4


def test_cameras_drawn_at_the_same_time_give_the_same_pictures(env):
    settings = dataclasses.replace(env.settings, drawing_threads=2)
    other = env.suite.make_env(settings, 4)
    try:
        for task in (4, 1):  # models change, contexts stay
            for one in (env, other):
                one.start(task, init_state=2, seed=3)
            for action in actions(3, seed=task):
                for one in (env, other):
                    one.advance(action)
                seen, beside = env.observe(), other.observe()
                assert all(np.array_equal(seen[key], beside[key]) for key in seen)
    finally:
        other.close()


def test_chunks_equal_single_steps(env):
    env.reset(seed=0)
    for action in actions(8):
        single = env.step(action)[0]
    env.reset(seed=0)
    env.run(actions(8))
    chunked = env.observe()
    assert all(np.array_equal(single[key], chunked[key]) for key in single)


def test_observations_are_never_overwritten(env):
    obs, _ = env.reset(seed=0)
    kept = {key: value.copy() for key, value in obs.items()}
    env.step(actions(1)[0])
    assert all(np.array_equal(obs[key], kept[key]) for key in obs)


def test_truncated_at_the_step_limit_and_not_before(env):
    env.start(4, 0, 0)
    env._steps = env.max_steps - 2
    assert not env.advance(np.zeros(7)).truncated
    outcome = env.advance(np.zeros(7))
    assert outcome.truncated
    assert not outcome.success
    with pytest.raises(gym.error.ResetNeeded):
        env.advance(np.zeros(7))


def test_out_of_range_actions_are_clipped_and_counted(env):
    env.start(4, 0, 0)
    env.advance(np.full(7, 1.0))
    state = env.simulator.state()
    env.start(4, 0, 0)
    assert env.advance(np.full(7, 3.0)).clipped == 1
    assert np.array_equal(env.simulator.state(), state)


def test_gripper_opens_with_plus_one(env):
    widths = {}
    for sign in (1.0, -1.0):
        env.start(4, 0, 0)
        env.run(np.tile(np.array([0, 0, 0, 0, 0, 0, sign]), (15, 1)))
        obs = env._observe(())
        widths[sign] = obs["gripper_qpos"][0] - obs["gripper_qpos"][1]
        assert obs["gripper_command"][0] == sign
    assert widths[1.0] > 0.07
    assert widths[-1.0] < 0.02


def test_changing_the_task(env):
    _, info = env.reset(seed=0, options={"task": 2})
    assert info["instruction"].startswith("pick up the black bowl from table center")
    env.reset(seed=0, options={"task": 4})


def test_success_is_seen(env):
    """The bowl is put on the plate by hand."""
    env.start(4, 0, 0)
    sim = env.simulator.env.sim
    plate = sim.data.body_xpos[env.simulator.env.obj_body_id["plate_1"]].copy()
    joint = env.simulator.env.objects_dict["akita_black_bowl_1"].joints[-1]
    sim.data.set_joint_qpos(joint, [*plate[:2], plate[2] + 0.03, 1, 0, 0, 0])
    for _ in range(15):
        outcome = env.advance(np.array([0, 0, 0, 0, 0, 0, 1.0]))
        if outcome.over:
            break
    assert outcome.success
    assert outcome.terminated
    assert not outcome.truncated
    assert outcome.completed == 1


def test_seer_sees_a_stale_first_frame():
    env = vvla_policies.envs.make("libero_long", task=0, assets="primitive", protocol="seer", cameras=())
    env.start(0, 0, 0)
    first = env.observe()
    assert env.observe() is first
    env.advance(np.zeros(7))
    assert not np.array_equal(env.observe()["joint_pos"], first["joint_pos"])
    env.close()


def test_privileged_reading(env):
    env.start(4, 0, 0)
    world = env.privileged()
    assert world["goal"] == [["on", "akita_black_bowl_1", "plate_1"]]
    assert world["bodies"]["plate_1_main"].shape == (7,)
    assert "wooden_cabinet_1_top_region" in world["sites"]
    assert world["joints"]["wooden_cabinet_1_top_level"] < -0.1  # this task starts with the top drawer open


def test_what_both_fingers_touch_is_gripped(env):
    env.start(4, 0, 0)
    assert env.privileged()["gripped"] == []
    model, view = env.simulator.model, env._privileged
    left, right, bowl, plate = (
        model.body(name).geomadr[0]
        for name in ("gripper0_leftfinger", "gripper0_rightfinger", "akita_black_bowl_1_main", "plate_1_main")
    )
    assert view._gripped(np.array([[left, bowl], [bowl, right], [right, plate]])) == ["akita_black_bowl_1"]


def test_bad_requests_are_one_line(env):
    with pytest.raises(VvlaError, match="initial states 0 to 49"):
        env.reset(options={"init_state": 50})
    with pytest.raises(VvlaError, match="tasks 0 to 9"):
        vvla_policies.envs.make("libero_goal", task=10, assets="primitive")
    with pytest.raises(VvlaError, match="'seer' does not define suite 'libero_goal'"):
        vvla_policies.envs.make("libero_goal", assets="primitive", protocol="seer")


def test_no_prompt_no_noise_no_files_at_home(tmp_path):
    code = (
        "import vvla_policies.envs as e\n"
        "env = e.make('libero_object', assets='primitive', protocol='vita_vla')\n"
        "env.reset(seed=0); env.close()"
    )
    home = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == ""
    left = [p for p in tmp_path.rglob("*") if "cache" not in str(p)]
    assert not [p for p in left if "libero" in str(p)], left


@pytest.mark.skipif(find_library("OSMesa") is None, reason="no OSMesa: apt-get install libosmesa6")
def test_triton_comes_before_opengl(tmp_path):
    """Both bring an LLVM; a worker, which inherits MUJOCO_GL, dies if triton is loaded after the software renderer."""
    (tmp_path / "triton.py").write_text("import sys\nassert 'mujoco' not in sys.modules\nprint('loaded')\n")
    renderer = {"backend": "osmesa", "name": "llvmpipe"}
    told = {"MUJOCO_GL": "osmesa", "VVLA_RENDERER": json.dumps(renderer), "PYTHONPATH": str(tmp_path)}
    code = "import vvla_policies.envs as e; e.make('libero_object', assets='primitive').close()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **told}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "loaded\n"


def test_protocols_are_complete():
    for name in ("openvla", "lerobot", "vita_vla", "libero"):
        assert set(get_protocol(name).max_steps) >= {"libero_spatial", "libero_90", "libero_long"}
