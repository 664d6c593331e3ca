"""Demonstrations of a LIBERO task by the scripted expert, on primitive assets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import vvla_policies.envs

from vvla_policies.distill.data.dataset import DemoDataset, Windows
from vvla_policies.distill.demos.collect import DemoRequest, collect
from vvla_policies.distill.demos.conversions import STATES, actions_from_file, flipped
from vvla_policies.distill.demos.inspection import find_files
from vvla_policies.distill.demos.verify import verify
from vvla_policies.distill.lessons.libero import project, read_truths
from vvla_policies.evaluation.records.keys import parse_key
from vvla_policies.evaluation.rollouts.evaluate import Request, evaluate

h5py = pytest.importorskip("h5py")
pytestmark = pytest.mark.libero

LIBEROS_OWN = """
import sys
from unittest.mock import MagicMock
# robomimic's networks want torchvision, its data sets do not
for name in ("torchvision", "torchvision.models", "torchvision.transforms"):
    sys.modules[name] = MagicMock(__spec__=None)
from vvla_policies.envs.libero.simulator import load_libero
load_libero()  # hf-libero asks questions without its configuration
from libero.lifelong.datasets import SequenceVLDataset, get_dataset

low = ["gripper_states", "joint_states", "ee_pos", "ee_ori", "ee_states"]
data, shapes = get_dataset(
    sys.argv[1], obs_modality={"rgb": ["agentview_rgb", "eye_in_hand_rgb"], "depth": [], "low_dim": low}, seq_len=10
)
data = SequenceVLDataset(data, "embedding")
assert shapes["ac_dim"] == 7, shapes
assert data.n_demos == 2
for number in (0, len(data) // 2, len(data) - 1):
    item = data[number]
    assert item["actions"].shape == (10, 7)
    assert item["obs"]["agentview_rgb"].shape == (10, 3, 128, 128)
    assert item["obs"]["ee_states"].shape == (10, 6)
print("sequences", len(data))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("demos")
    collect(DemoRequest(("libero_object",), out, tasks=(0,), per_task=2, noise=0.1, assets="primitive", workers=0))
    return out


@pytest.fixture(scope="module")
def file(folder):
    (path,) = find_files(folder)
    return path


def test_starts_are_a_function_of_the_seed_and_not_among_the_recorded_ones():
    env = vvla_policies.envs.make("libero_spatial", task=4, assets="primitive", protocol="fresh", cameras=())
    starts = []
    for seed in (3, 4, 3):
        env.start(4, 0, seed)
        starts.append((env.simulator.state(), env.fixtures_hash()))
    recorded = env.suite.init_states(4)
    env.close()
    assert np.array_equal(starts[0][0], starts[2][0])
    assert starts[0][1] == starts[2][1]
    assert not np.array_equal(starts[0][0], starts[1][0])
    positions = 1 + np.arange(env.suite.init_states(4).shape[1] // 2)
    assert np.abs(recorded[:, positions] - starts[0][0][positions]).max(axis=1).min() > 1e-3
    assert np.abs(starts[0][0]).max() < 10


def test_the_arm_starts_as_in_the_recorded_states():
    """Open gripper, joints with robosuite's noise: a policy that learnt from other starts fails in recorded ones."""
    arms, widths, later = {}, {}, {}
    for protocol in ("openvla", "fresh"):
        env = vvla_policies.envs.make("libero_object", task=5, assets="primitive", protocol=protocol, cameras=())
        seen, then = [], []
        for number in range(12):
            env.start(5, number, number)
            seen.append(env.simulator.proprioception())
            env.advance(np.array([0.0] * 6 + [1.0]))
            then.append(np.abs(env.simulator.proprioception()["gripper_qpos"]))
        env.close()
        later[protocol] = np.array(then)
        arms[protocol] = np.array([read["joint_pos"] for read in seen])
        widths[protocol] = np.array([np.abs(read["gripper_qpos"]) for read in seen])
    assert np.abs(widths["fresh"] - widths["openvla"].mean()).max() < 1e-3
    assert np.abs(later["fresh"] - later["openvla"].mean()).max() < 1e-3  # no finger moves that was told to stay
    assert np.abs(arms["fresh"].mean(axis=0) - arms["openvla"].mean(axis=0)).max() < 0.03
    ratio = arms["fresh"].std(axis=0) / arms["openvla"].std(axis=0)
    assert 0.5 < np.median(ratio) < 3


def test_states_come_before_and_observations_after_their_action(file):
    env = vvla_policies.envs.make("libero_object", task=0, assets="primitive", protocol="fresh")
    with h5py.File(file) as opened:
        group = opened["data/demo_1"]
        task, state, seed = (int(part[1:]) for part in group.attrs["vvla_episode"].rsplit("-", 3)[1:])
        from vvla_policies.evaluation.records.keys import EpisodeKey

        key = EpisodeKey("libero_object", task, state, seed)
        env.start(key.task, key.init_state, key.stream("env"))
        for step, action in enumerate(actions_from_file(group["actions"][:30])):
            assert np.array_equal(env.simulator.state(), group["states"][step])
            env.advance(action)
            if step % 10 == 7:
                seen = env.observe()
                assert np.array_equal(seen["image"], flipped(group["obs/agentview_rgb"][step]))
                assert np.array_equal(seen["wrist_image"], flipped(group["obs/eye_in_hand_rgb"][step]))
                item = DemoDataset([file], Windows(alignment="stored"), demos=range(1, 2))[step]
                assert all(np.allclose(item[name][0], seen[name], atol=1e-6) for name in STATES)
    env.close()


def test_they_succeed_again_through_the_same_states(file):
    assert [(one.success, one.same) for one in verify(file)] == [(True, True)] * 2


def test_the_replay_policy_succeeds_from_the_recorded_starts(folder, tmp_path):
    run = evaluate(
        Request(
            "replay", ("libero_object",), {"actions": str(folder / "episodes")}, tasks=(0,), episodes=2,
            protocol="fresh", assets="primitive", workers=0, out=tmp_path / "run",
        )
    )  # fmt: skip
    assert [record.success for record in run.records] == [True, True]


def test_attributes_are_those_of_liberos_files(file):
    with h5py.File(file) as opened:
        data = opened["data"]
        assert data.attrs["env_name"] == "Libero_Floor_Manipulation"
        assert data.attrs["bddl_file_name"].endswith("pick_up_the_alphabet_soup_and_place_it_in_the_basket.bddl")
        assert "(define (problem" in data.attrs["bddl_file_content"]
        assert data["demo_0"].attrs["model_file"].startswith("<mujoco")


def test_liberos_own_dataset_reads_them(file):
    pytest.importorskip("torch")
    pytest.importorskip("six", reason="robomimic 0.2 needs six")
    done = subprocess.run(
        [sys.executable, "-c", LIBEROS_OWN, str(file)], capture_output=True, text=True, cwd=Path("/"), check=False
    )
    assert done.returncode == 0, done.stderr
    assert "sequences" in done.stdout


def test_truths_are_those_of_the_episode(file):
    """Run again, the gripper's recorded position is where the truths point, and the thing that was moved was held."""
    truths = read_truths(file)
    env = vvla_policies.envs.make("libero_object", task=0, assets="primitive", protocol="fresh", cameras=())
    with h5py.File(file) as opened:
        demo = opened["data/demo_0"]
        key = parse_key(demo.attrs["vvla_episode"], "libero_object")
        env.start(key.task, key.init_state, key.stream("env"))
        for action in actions_from_file(demo["actions"][:40]):
            env.advance(action)
        model, data = env.simulator.model, env.simulator.data
        camera = model.camera("agentview").id
        soup = data.xpos[model.body("alphabet_soup_1_main").id]
        expected = project(model, data, camera, np.stack([soup, data.site("gripper0_grip_site").xpos]))
    env.close()
    things = [truths.things.index(name) for name in ("alphabet_soup_1", "gripper")]
    assert np.allclose(truths.points[39, things, 0], expected, atol=1e-3)
    assert truths.interest[0] == "alphabet_soup_1"
    assert set(truths.held.tolist()) == {-1, things[0]}
