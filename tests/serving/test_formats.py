"""Requests in this package's keys and in openpi's."""

import numpy as np
import pytest

from vvla_policies.inputs import SEER_INPUTS, VITA_INPUTS, proprioception
from vvla_policies.observation import axis_angle
from vvla_policies.policy import PolicyCard, sample_observation
from vvla_policies.serving.formats import actions_in, read_request, resize_with_pad, write_request
from vvla_policies.serving.wire import WireError

OBS = {**sample_observation(PolicyCard("any"), 3), "eef_quat": np.array([0.6, 0, 0.8, 0], np.float32)}


def test_our_format_says_all_there_is():
    query = read_request(write_request(OBS, "open the drawer", "vvla"))
    assert query.format == "vvla"
    assert query.instruction == "open the drawer"
    assert query.observation.keys() == OBS.keys()
    assert all(np.array_equal(query.observation[key], OBS[key]) for key in OBS)


def test_openpi_keys_and_back():
    obs = dict(OBS)
    obs["state"] = np.concatenate([OBS["eef_pos"], axis_angle(OBS["eef_quat"]), OBS["gripper_qpos"]]).astype(np.float32)
    request = write_request(obs, "open the drawer", "openpi", size=None)
    assert set(request) == {"observation/image", "observation/wrist_image", "observation/state", "prompt"}
    raw = OBS["image"][::-1]  # what the renderer gives; openpi's example sends raw[::-1, ::-1]
    assert np.array_equal(request["observation/image"], raw[::-1, ::-1])
    query = read_request(request)
    assert query.format == "openpi"
    for key in ("image", "wrist_image", "state", "eef_pos", "gripper_qpos"):
        assert np.array_equal(query.observation[key], obs[key]), key
    np.testing.assert_allclose(query.observation["eef_quat"], OBS["eef_quat"], atol=1e-6)
    assert "joint_pos" not in query.observation


def test_openpi_keys_hold_what_teacher_and_student_read_on_libero():
    obs = read_request(write_request(OBS, "", "openpi")).observation
    for inputs in (SEER_INPUTS["libero"], VITA_INPUTS["libero"]):
        assert set(inputs.reads) <= set(obs)
        assert proprioception(obs, inputs).shape == (8,)


def test_pictures_are_brought_to_openpis_size():
    assert write_request(OBS, "", "openpi")["observation/image"].shape == (224, 224, 3)


@pytest.mark.parametrize("shape", [(480, 640), (256, 256), (100, 30), (224, 224), (1, 300)])
def test_resize_as_the_published_client_does(shape):
    theirs = pytest.importorskip("openpi_client.image_tools", reason="pip install --no-deps openpi-client")
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    if shape != (1, 300):  # theirs fails there
        assert np.array_equal(resize_with_pad(image, 224), theirs.resize_with_pad(image, 224, 224))
    assert resize_with_pad(image, 224).shape == (224, 224, 3)


def test_gripper_sign():
    actions = np.array([[0.1] * 6 + [1.0], [0.0] * 7], np.float32)
    assert actions_in(actions, "vvla") is actions
    theirs = actions_in(actions, "openpi")
    assert theirs[0].tolist() == [*actions[0, :6].tolist(), -1.0]
    assert theirs.dtype == np.float32
    assert not np.signbit(theirs[1]).any()


@pytest.mark.parametrize(
    ("extra", "seed"), [({}, None), ({"reset": True}, 0), ({"reset": False}, None), ({"seed": 7}, 7), ({"seed": 0}, 0)]
)
def test_when_an_episode_begins(extra, seed):
    assert read_request({"state": OBS["state"], **extra}).seed == seed


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ([1], "expected a map"),
        ({}, "no observation"),
        ({"prompt": "x"}, "no observation"),
        ({"state": OBS["state"], "prompt": 3}, "'prompt'"),
        ({"state": OBS["state"], "seed": "x"}, "'seed'"),
        ({"state": OBS["state"], "seed": True}, "'seed'"),
        ({"state": np.zeros(7)}, r"'state' must be finite numbers \(8,\), got float64 \(7,\)"),
        ({"state": np.full(8, np.nan)}, "finite"),
        ({"state": [0] * 8}, "got list"),
        ({"image": np.zeros((4, 4, 3))}, "'image' must be uint8"),
        ({"image": np.zeros((0, 4, 3), np.uint8)}, "0 x 4 pixels"),
        ({"observation/image": np.zeros((4, 4), np.uint8)}, "'observation/image'"),
    ],
)
def test_what_is_no_request(message, why):
    with pytest.raises(WireError, match=why):
        read_request(message)
