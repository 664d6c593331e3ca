from __future__ import annotations

import numpy as np
import pytest

from vvla_policies.observation import (
    axis_angle,
    euler_xyz,
    one_hot_gripper,
    raw_image,
    robosuite_gripper,
    rotated_image,
    state_vector,
)

RNG = np.random.default_rng(0)
QUATS = RNG.normal(size=(50, 4))
QUATS /= np.linalg.norm(QUATS, axis=1, keepdims=True)


@pytest.fixture
def picture():
    return RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)


def test_raw_is_upside_down_and_rotated_is_mirrored(picture):
    raw = raw_image(picture)
    assert np.array_equal(raw[0], picture[-1])
    assert np.array_equal(rotated_image(picture), np.rot90(raw, 2))  # what OpenVLA makes of the raw picture


def test_views_are_copies(picture):
    for view in (raw_image, rotated_image):
        out = view(picture)
        out[:] = 0
        assert picture.any()


def test_euler_matches_scipy():
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    for quat in QUATS:
        assert np.allclose(
            rotation.from_euler("xyz", euler_xyz(quat)).as_matrix(), rotation.from_quat(quat).as_matrix()
        )


def test_axis_angle_matches_scipy_and_keeps_the_sign_of_the_quaternion():
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    for quat in QUATS:
        vector = axis_angle(quat)
        assert np.allclose(rotation.from_rotvec(vector).as_matrix(), rotation.from_quat(quat).as_matrix())
        assert np.isclose(np.linalg.norm(vector), 2 * np.arccos(quat[3]))


def test_axis_angle_is_continuous_where_w_changes_sign():
    """A gripper that points down passes through w = 0; its state must not jump there."""
    below, above = (axis_angle(np.array([np.sqrt(1 - w * w), 0, 0, w])) for w in (-1e-4, 1e-4))
    assert np.abs(below - above).max() < 1e-3


@pytest.mark.libero
def test_axis_angle_equals_robosuite():
    from vvla_policies.envs.libero.simulator import load_libero

    load_libero()
    from robosuite.utils.transform_utils import quat2axisangle

    for quat in [*QUATS, np.array([0.0, 0.0, 0.0, 1.0])]:
        assert np.array_equal(axis_angle(quat), quat2axisangle(quat.copy()))


def test_gripper_signs():
    action = RNG.uniform(-1, 1, (5, 7))
    assert np.array_equal(robosuite_gripper(robosuite_gripper(action)), action)
    assert robosuite_gripper(np.array([0, 0, 0, 0, 0, 0, 1.0]))[6] == -1
    assert not np.signbit(robosuite_gripper(np.zeros(7))[6])
    assert one_hot_gripper(np.array([1.0])).tolist() == [0, 1]
    assert one_hot_gripper(np.array([-1.0])).tolist() == [1, 0]


def test_state_vector_order():
    state = state_vector(np.array([1, 2, 3]), np.array([0, 0, 0, 1.0]), np.array([4, 5]))
    assert state.dtype == np.float32
    assert state.tolist() == [1, 2, 3, 0, 0, 0, 4, 5]
