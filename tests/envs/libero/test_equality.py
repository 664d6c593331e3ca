"""The env equals LIBERO's own, stepped by hand: states and pictures bit by bit, with chunks of 1 and of 8."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from vvla_policies.envs.protocol import get_protocol
from vvla_policies.envs.suite import EnvSettings, load_suite

from vvla_policies.observation import robosuite_gripper, state_vector

pytestmark = [pytest.mark.libero, pytest.mark.official]

SEED = 20_000
QUICK = [("libero_goal", 7, 1, 8, "openvla")]  # the stove: its burner shows by a colour that changes after the reading
FULL = [
    ("libero_spatial", 2, 5, 200, "openvla"),
    ("libero_object", 0, 3, 200, "openvla"),
    ("libero_goal", 7, 1, 200, "openvla"),
    ("libero_long", 8, 0, 200, "vita_vla"),
    ("libero_90", 40, 7, 200, "libero"),
]


def original(folder: Path, settings: EnvSettings, suite, task: int, init: int, actions) -> dict[str, np.ndarray]:
    np.save(folder / "init.npy", suite.init_states(task)[init])
    np.save(folder / "actions.npy", robosuite_gripper(actions.astype(np.float64)))
    protocol, out = settings.protocol, folder / "out.npz"
    arguments = [settings.assets.path, suite.bddl_file(task), folder / "init.npy", folder / "actions.npy", SEED]
    gripper = 0.0 - protocol.settle_gripper
    arguments += [protocol.settle_steps, gripper, protocol.image_size[0], out]
    script = Path(__file__).parent / "record_original.py"
    subprocess.run([sys.executable, script, *map(str, arguments)], check=True, capture_output=True)
    return dict(np.load(out))


def assert_same(obs, env, seen, step: int) -> None:
    assert np.array_equal(env.simulator.state(), seen["states"][step]), f"state at step {step}"
    assert np.array_equal(obs["image"], seen["agentview_image"][step][::-1]), f"picture at step {step}"
    assert np.array_equal(obs["wrist_image"], seen["robot0_eye_in_hand_image"][step][::-1]), f"wrist at step {step}"
    parts = [seen[f"robot0_{key}"][step] for key in ("eef_pos", "eef_quat", "gripper_qpos")]
    assert np.array_equal(obs["state"], state_vector(*parts)), f"proprioception at step {step}"
    assert np.array_equal(obs["joint_pos"], seen["robot0_joint_pos"][step].astype(np.float32))


def compare(folder, assets, suite_name, task, init, steps, protocol) -> None:
    suite = load_suite(suite_name)
    settings = EnvSettings(get_protocol(protocol), assets)
    env = suite.make_env(settings, task)
    actions = np.random.default_rng(task).uniform(-1, 1, (steps, 7)).astype(np.float32)
    env.reset(seed=SEED, options={"init_state": init})  # before the original: the choice of renderer is inherited
    seen = original(folder, settings, suite, task, init, actions)
    for chunk in (1, 8):
        obs, _ = env.reset(seed=SEED, options={"init_state": init})
        assert_same(obs, env, seen, 0)
        for start in range(0, steps, chunk):
            outcome, executed = env.run(actions[start : start + chunk])
            assert outcome.success == seen["done"][start + executed]
            assert_same(env.observe(), env, seen, start + executed)
    env.close()


@pytest.mark.parametrize(("suite", "task", "init", "steps", "protocol"), QUICK)
def test_equals_the_original_for_a_moment(tmp_path, official, suite, task, init, steps, protocol):
    compare(tmp_path, official, suite, task, init, steps, protocol)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("suite", "task", "init", "steps", "protocol"), FULL)
def test_equals_the_original_for_200_steps(tmp_path, official, suite, task, init, steps, protocol):
    compare(tmp_path, official, suite, task, init, steps, protocol)
