"""Between our requests and other models' conventions, against the formulas of the public code."""

import numpy as np
import pytest
from vvla_policies.baselines.servers.conversions import (
    camera_of,
    channels_first,
    frames_of_demo,
    gripper_from_unit,
    horizon,
    resized,
    statistics_key,
    unnormalise_bounds,
    unnormalise_gaussian,
)

from vvla_policies.observation import rotated_image
from vvla_policies.serving.formats import actions_in, write_request

RNG = np.random.default_rng(0)


def test_pictures_in_requests_are_the_raw_ones_turned_by_180_degrees():
    raw = RNG.integers(0, 256, (6, 8, 3), np.uint8)
    upright = raw[::-1]
    obs = {"image": upright, "wrist_image": upright, "state": np.zeros(8, np.float32)}
    request = write_request(obs, "", "openpi", size=None)
    turned = np.rot90(raw, 2)
    assert np.array_equal(request["observation/image"], turned)
    assert np.array_equal(request["observation/wrist_image"], turned)
    assert np.array_equal(rotated_image(turned), upright)


def test_gripper_from_unit_to_robosuite_to_ours():
    unit = np.zeros((4, 7))
    unit[:, 6] = [1.0, 0.996, 0.0, 0.5]  # open, open, closed, undecided
    robosuite = gripper_from_unit(unit)
    # as openvla's evaluation: sign(2 x - 1), then the sign turned
    assert robosuite[:, 6].tolist() == (np.sign(2 * unit[:, 6] - 1) * -1.0).tolist() == [-1, -1, 1, 0]
    assert actions_in(robosuite, "openpi")[:, 6].tolist() == [1, 1, -1, 0]
    assert unit[0, 6] == 1.0  # untouched


def test_bounds_are_openvlas_and_octos():
    low, high = RNG.normal(size=7) - 2, RNG.normal(size=7) + 2
    mask = np.array([True] * 6 + [False])
    x = RNG.uniform(-1, 1, (5, 7))
    ours = unnormalise_bounds(x, {"q01": low, "q99": high, "mask": mask})
    np.testing.assert_allclose(ours[:, :6], (0.5 * (x + 1) * (high - low) + low)[:, :6], rtol=1e-5)
    np.testing.assert_allclose(ours[:, 6], x[:, 6], rtol=1e-6)
    assert np.array_equal(ours, unnormalise_bounds(x, {"p01": low, "p99": high, "mask": mask}))
    np.testing.assert_allclose(unnormalise_bounds(-np.ones(7), {"q01": low, "q99": high}), low, rtol=1e-5)


def test_gaussian_is_octos():
    mean, std, mask = RNG.normal(size=7), RNG.uniform(1, 2, 7), np.array([True] * 6 + [False])
    x = RNG.normal(size=(4, 7))
    ours = unnormalise_gaussian(x, {"mean": mean, "std": std, "mask": mask})
    np.testing.assert_allclose(ours[:, :6], (x * std + mean)[:, :6], rtol=1e-5)
    np.testing.assert_allclose(ours[:, 6], x[:, 6], rtol=1e-6)


@pytest.mark.parametrize(
    ("known", "suite", "key"),
    [
        (["libero_goal", "bridge"], "libero_goal", "libero_goal"),
        (["libero_goal_no_noops"], "libero_goal", "libero_goal_no_noops"),
        (["libero_10", "libero_10_no_noops"], "libero_long", "libero_10"),
    ],
)
def test_names_of_statistics(known, suite, key):
    assert statistics_key(known, suite) == key


def test_missing_statistics_are_one_line():
    with pytest.raises(SystemExit, match="no action statistics for libero_goal; it has a, b"):
        statistics_key(["b", "a"], "libero_goal")


def test_horizon_cuts_steps_and_padding():
    padded = RNG.normal(size=(50, 32))
    assert horizon(padded, 5).shape == (5, 7)
    assert horizon(padded, 0).shape == (50, 7)
    assert horizon(padded[:3], 5).shape == (3, 7)
    np.testing.assert_allclose(horizon(padded, 5), padded[:5, :7], rtol=1e-6)


def test_channels_first():
    image = RNG.integers(0, 256, (4, 6, 3), np.uint8)
    tensor = channels_first(image)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 4, 6), np.float32)
    assert tensor[0, 2, 3, 5] == np.float32(image[3, 5, 2]) / np.float32(255)


def test_pictures_at_the_size_a_policy_names():
    image = RNG.integers(0, 256, (6, 8, 3), np.uint8)
    assert np.array_equal(resized(image, 6, 8), image)
    assert resized(image, 3, 4).shape == (3, 4, 3)
    flat = np.full((6, 8, 3), 7, np.uint8)
    assert (resized(flat, 12, 5) == 7).all()


def test_cameras_of_lerobot_policies():
    names = ["observation.images.image2", "observation.images.robot0_eye_in_hand", "observation.images.front"]
    assert [camera_of(name) for name in names] == ["observation/wrist_image"] * 2 + ["observation/image"]


def test_frames_of_a_demonstration_are_what_was_seen_and_done_next():
    count = 5
    obs = {
        "agentview_rgb": RNG.integers(0, 256, (count, 4, 6, 3), np.uint8),
        "eye_in_hand_rgb": RNG.integers(0, 256, (count, 4, 4, 3), np.uint8),
        "ee_pos": RNG.normal(size=(count, 3)),
        "ee_ori": RNG.normal(size=(count, 3)),
        "gripper_states": RNG.normal(size=(count, 2)),
    }
    actions = RNG.uniform(-1, 1, (count, 7))
    frames = frames_of_demo({"obs": obs, "actions": actions})
    assert {len(values) for values in frames.values()} == {count - 1}
    assert np.array_equal(frames["image"][2], np.rot90(obs["agentview_rgb"][2], 2))
    assert np.array_equal(frames["wrist_image"][0], np.rot90(obs["eye_in_hand_rgb"][0], 2))
    # obs[t] was seen after actions[t]; what was done then is actions[t + 1]
    np.testing.assert_allclose(frames["action"][2], actions[3], rtol=1e-6)
    np.testing.assert_allclose(frames["state"][2, 3:6], obs["ee_ori"][2], rtol=1e-6)
    assert frames["state"].shape == (count - 1, 8)
