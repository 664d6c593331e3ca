"""What a request holds: one conversion for each way in which clients and servers write observations.

"vvla": the keys of `Observation`, as they are; the gripper of the actions opens at +1.
"openpi": the keys of openpi's LIBERO example, `observation/image` and `observation/wrist_image` (the raw picture turned
by 180 degrees), `observation/state` (8,); the gripper has robosuite's sign, -1 opens.

In both, `prompt` is the instruction. Two more keys, which openpi's own clients never send, begin an episode: `reset`
(true) and `seed`. Source: examples/libero/main.py and packages/openpi-client of Physical-Intelligence/openpi.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vvla_policies.observation import (
    CAMERAS,
    KEYS,
    STATE_SHAPES,
    Image,
    Observation,
    quaternions,
    robosuite_gripper,
    rotated_image,
)
from vvla_policies.policy import ActionChunk
from vvla_policies.serving.wire import WireError

Format = Literal["vvla", "openpi"]

OPENPI_SIZE = 224
"""Edge of the pictures that openpi's LIBERO example sends, px."""

_PREFIX = "observation/"
_MOST_PIXELS = 4096 * 4096
_LONGEST_PROMPT = 10_000


@dataclass(frozen=True)
class Query:
    """A request that has been read.

    Attributes:
        observation: in this package's format.
        instruction: what the policy is told.
        seed: an episode begins with this request, under this seed; None if the one under way goes on.
        format: how the request was written, and the reply is to be.
    """

    observation: Observation
    instruction: str
    seed: int | None
    format: Format


def write_request(obs: Observation, instruction: str, form: Format, size: int | None = OPENPI_SIZE) -> dict[str, Any]:
    """An observation as a request.

    Args:
        obs: in this package's format.
        instruction: what the policy is told.
        form: how to write it.
        size: for "openpi", the edge that pictures are brought to; None leaves them as they are.
    """
    if form == "vvla":
        return {**obs, "prompt": instruction}
    request: dict[str, Any] = {_PREFIX + "state": obs["state"], "prompt": instruction}
    for camera in CAMERAS:
        if camera in obs:
            turned = rotated_image(obs[camera])  # type: ignore[literal-required]
            request[_PREFIX + camera] = turned if size is None else resize_with_pad(turned, size)
    return request


def read_request(message: Any) -> Query:
    """A request in either format.

    Raises:
        WireError: names what is missing or of the wrong form.
    """
    if not isinstance(message, dict):
        raise WireError(f"expected a map of observations, got {type(message).__name__}")
    prompt = message.get("prompt", "")
    if not isinstance(prompt, str) or len(prompt) > _LONGEST_PROMPT:
        raise WireError("'prompt' must be a text")
    theirs = any(isinstance(key, str) and key.startswith(_PREFIX) for key in message)
    obs = _from_openpi(message) if theirs else _from_vvla(message)
    if not obs:
        raise WireError("no observation: expected image, wrist_image, state ..., or openpi's observation/...")
    return Query(obs, prompt, _seed(message), "openpi" if theirs else "vvla")


def actions_in(actions: ActionChunk, form: Format) -> ActionChunk:
    """Actions (T, 7) between this package's gripper sign and a format's; its own inverse."""
    return actions if form == "vvla" else robosuite_gripper(actions).astype(np.float32)


def resize_with_pad(image: Image, size: int) -> Image:
    """A picture in a square without distortion, black at the margins (openpi's `image_tools.resize_with_pad`).

    Args:
        image: uint8 (H, W, 3).
        size: edge of the square, px.

    Returns:
        uint8 (size, size, 3), bilinear, antialiased as Pillow does it.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    ratio = max(height, width) / size
    high, wide = max(1, int(height / ratio)), max(1, int(width / ratio))
    square = np.zeros((size, size, 3), np.uint8)
    top, left = (size - high) // 2, (size - wide) // 2
    resized = Pillow.fromarray(image).resize((wide, high), Pillow.Resampling.BILINEAR)
    square[top : top + high, left : left + wide] = np.asarray(resized)
    return square


def _from_vvla(message: Mapping[Any, Any]) -> Observation:
    obs: dict[str, Any] = {}
    for key in KEYS:
        if key in CAMERAS and key in message:
            obs[key] = _picture(message[key], key)
        elif key in STATE_SHAPES and key in message:
            obs[key] = _numbers(message[key], key, STATE_SHAPES[key])
        elif key in message:
            obs[key] = message[key]
    return obs  # type: ignore[return-value]


def _from_openpi(message: Mapping[Any, Any]) -> Observation:
    obs: dict[str, Any] = {}
    for camera in CAMERAS:
        if _PREFIX + camera in message:
            obs[camera] = rotated_image(_picture(message[_PREFIX + camera], _PREFIX + camera))
    if _PREFIX + "state" in message:
        state = _numbers(message[_PREFIX + "state"], _PREFIX + "state", STATE_SHAPES["state"])
        obs |= {
            "state": state,
            "eef_pos": state[:3],
            "eef_quat": quaternions(state[3:6]).astype(np.float32),
            "gripper_qpos": state[6:],
        }
    return obs  # type: ignore[return-value]


def _picture(value: Any, key: str) -> Image:
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3:
        raise WireError(f"'{key}' must be uint8 (H, W, 3), got {_form(value)}")
    if not 0 < value.shape[0] * value.shape[1] <= _MOST_PIXELS:
        raise WireError(f"'{key}' has {value.shape[0]} x {value.shape[1]} pixels")
    return value


def _numbers(value: Any, key: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if not isinstance(value, np.ndarray) or value.shape != shape or not np.isfinite(value).all():
        raise WireError(f"'{key}' must be finite numbers {shape}, got {_form(value)}")
    return value.astype(np.float32)


def _seed(message: Mapping[Any, Any]) -> int | None:
    seed = message.get("seed")
    if seed is not None and (type(seed) is not int or seed < 0):
        raise WireError("'seed' must be an integer from 0")
    return seed if seed is not None else 0 if message.get("reset") else None


def _form(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
