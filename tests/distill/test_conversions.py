"""Frames and signs: what goes into a file comes out of it, and means what it should."""

import numpy as np
import pytest
from vvla_policies.envs.libero.simulator import Sampler  # noqa: F401 - must be importable without a simulator

from vvla_policies.distill.demos import conversions
from vvla_policies.observation import axis_angle, quaternions, raw_image, state_vector

SEEDS = range(20)


def unit_quaternions(rng: np.random.Generator, count: int = 50) -> np.ndarray:
    quats = rng.normal(size=(count, 4))
    return quats / np.linalg.norm(quats, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_quaternions_come_back_with_their_sign(seed):
    quats = unit_quaternions(np.random.default_rng(seed))
    turns = np.stack([axis_angle(quat) for quat in quats])
    assert np.allclose(quaternions(turns), quats, atol=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_rotations_near_nothing_and_near_a_full_turn(seed):
    axis = unit_quaternions(np.random.default_rng(seed), 1)[0, :3]
    axis /= np.linalg.norm(axis)
    for angle in (0.0, 1e-12, 1e-6, np.pi, 2 * np.pi - 1e-6):
        quat = quaternions(angle * axis)
        assert np.allclose(quat, [*np.sin(angle / 2) * axis, np.cos(angle / 2)], atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_actions_turn_the_gripper_and_nothing_else(seed):
    ours = np.random.default_rng(seed).uniform(-1, 1, (30, 7)).astype(np.float32)
    ours[::5, 6] = 0
    stored = conversions.actions_to_file(ours)
    assert np.array_equal(stored[:, :6], ours[:, :6].astype(np.float64))
    assert np.array_equal(stored[:, 6], -ours[:, 6].astype(np.float64))
    assert not np.signbit(stored[::5, 6]).any()
    assert np.array_equal(conversions.actions_from_file(stored), ours)


@pytest.mark.parametrize("seed", SEEDS)
def test_pictures_turn_upside_down_not_left_to_right(seed):
    pictures = np.random.default_rng(seed).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    turned = conversions.flipped(pictures)
    assert np.array_equal(turned[1], raw_image(pictures[1]))
    assert np.array_equal(turned[:, 0, 2], pictures[:, -1, 2])
    assert np.array_equal(conversions.flipped(turned), pictures)


@pytest.mark.parametrize("seed", SEEDS)
def test_proprioception_goes_through_a_file(seed):
    rng = np.random.default_rng(seed)
    read = {
        "eef_pos": rng.normal(size=(9, 3)),
        "eef_quat": unit_quaternions(rng, 9),
        "gripper_qpos": rng.normal(size=(9, 2)),
        "joint_pos": rng.normal(size=(9, 7)),
    }
    stored = conversions.states_to_file(read)
    assert np.array_equal(stored["robot_states"], np.hstack([read["gripper_qpos"], read["eef_pos"], read["eef_quat"]]))
    assert np.array_equal(stored["ee_states"], np.hstack([stored["ee_pos"], stored["ee_ori"]]))
    back = conversions.states_from_file(stored, np.ones((9, 1), np.float32))
    for key in read:
        assert np.allclose(back[key], read[key], atol=1e-6)
    for k in range(9):
        expected = state_vector(read["eef_pos"][k], read["eef_quat"][k], read["gripper_qpos"][k])
        assert np.array_equal(back["state"][k], expected)


def test_gripper_commands_last_until_the_next():
    actions = np.zeros((6, 7))
    actions[:, 6] = [0, -0.4, 0, 0, 1, 0]
    assert conversions.gripper_commands(actions)[:, 0].tolist() == [1, -1, -1, -1, 1, 1]
