"""What models see of an observation."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vvla_policies.errors import UnknownNameError
from vvla_policies.inputs import SEER_INPUTS, VITA_INPUTS, Inputs, picture, pictures, proprioception
from vvla_policies.policy import PolicyCard, sample_observation

PICTURE = np.random.default_rng(0).integers(0, 256, (100, 140, 3), dtype=np.uint8)


def test_a_picture_of_the_right_size_is_only_copied() -> None:
    square = PICTURE[:64, :64]
    seen = picture(square, Inputs(size=64))
    np.testing.assert_array_equal(seen, square)
    assert not np.shares_memory(seen, PICTURE)


def test_raw_is_upside_down() -> None:
    square = PICTURE[:64, :64]
    np.testing.assert_array_equal(picture(square, Inputs(size=64, raw=True)), square[::-1])


@pytest.mark.parametrize("shape", [(100, 140), (128, 128), (200, 200), (84, 84), (300, 256)])
def test_it_is_clips_own_preprocessing(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    seen = picture(image, Inputs(size=224))
    # CLIP: the shorter edge to 224, bicubic as Pillow does it, then the centre.
    longer = int(224 * max(shape) / min(shape))
    height, width = (224 if edge == min(shape) else longer for edge in shape)
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.BICUBIC))
    top, left = round((height - 224) / 2), round((width - 224) / 2)
    np.testing.assert_array_equal(seen, resized[top : top + 224, left : left + 224])


def test_both_cameras_third_person_first() -> None:
    obs = sample_observation(PolicyCard(name="x"), 3)
    seen = pictures(obs, Inputs(size=32))
    assert (seen.shape, seen.dtype) == ((2, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(seen[1], picture(obs["wrist_image"], Inputs(size=32)))


def test_state_in_each_convention() -> None:
    obs = sample_observation(PolicyCard(name="x"))
    obs["eef_quat"] = np.array([1, 0, 0, 0], dtype=np.float32)
    fingers = proprioception(obs, Inputs(rotation="axis_angle", gripper="fingers"))
    np.testing.assert_allclose(fingers[:3], obs["eef_pos"])
    np.testing.assert_allclose(fingers[3:], [np.pi, 0, 0, 0.04, -0.04], atol=1e-6)
    assert fingers.dtype == np.float32
    for command, one_hot in ((1.0, [0, 1]), (-1.0, [1, 0])):
        obs["gripper_command"] = np.array([command], dtype=np.float32)
        np.testing.assert_array_equal(proprioception(obs, Inputs())[6:], one_hot)


def test_presets() -> None:
    assert (SEER_INPUTS["calvin"].size, SEER_INPUTS["calvin"].gripper, SEER_INPUTS["calvin"].raw) == (
        224,
        "one_hot",
        False,
    )
    assert (VITA_INPUTS["libero"].size, VITA_INPUTS["libero"].gripper, VITA_INPUTS["libero"].raw) == (
        200,
        "fingers",
        True,
    )
    assert Inputs(**SEER_INPUTS["libero"].to_json()) == SEER_INPUTS["libero"]
    with pytest.raises(UnknownNameError, match="unknown rotation"):
        Inputs(rotation="quaternion")  # type: ignore[arg-type]
