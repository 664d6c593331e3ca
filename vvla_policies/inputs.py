"""What a model sees of an observation: pictures of its size and orientation, proprioception in its convention.

Shared by teacher and student; the normalisation of pixels happens inside the networks, on their device.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vvla_policies.errors import UnknownNameError
from vvla_policies.observation import Float, Image, Observation, axis_angle, euler_xyz, one_hot_gripper, raw_image

Rotation = Literal["euler", "axis_angle"]
Gripper = Literal["one_hot", "fingers"]

CLIP_PIXELS = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Mean and standard deviation of CLIP's training pictures, RGB in [0, 1]."""
IMAGENET_PIXELS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's pictures, RGB in [0, 1]."""


@dataclass(frozen=True)
class Inputs:
    """The convention of a model's inputs; part of its card.

    Attributes:
        size: edge of both pictures, px.
        raw: pictures upside down, as MuJoCo's renderer hands them out (raw LIBERO demonstrations).
        rotation: "euler" (extrinsic xyz, rad) or "axis_angle".
        gripper: "one_hot" of the last command, or the positions of the two "fingers", m.
    """

    size: int = 224
    raw: bool = False
    rotation: Rotation = "euler"
    gripper: Gripper = "one_hot"

    def __post_init__(self) -> None:
        for kind, value, known in (("rotation", self.rotation, Rotation), ("gripper", self.gripper, Gripper)):
            if value not in get_args(known):
                raise UnknownNameError(kind, value, list(get_args(known)))

    @property
    def reads(self) -> tuple[str, ...]:
        """The observation keys behind these inputs (`PolicyCard.reads`)."""
        gripper = "gripper_command" if self.gripper == "one_hot" else "gripper_qpos"
        return ("image", "wrist_image", "eef_pos", "eef_quat", gripper)

    def to_json(self) -> dict[str, Any]:
        """Plain data for a card; `Inputs(**data)` is its inverse."""
        return asdict(self)


SEER_INPUTS: dict[str, Inputs] = {
    "calvin": Inputs(size=224),
    "libero": Inputs(size=224, raw=True, gripper="fingers"),
}
"""What the published teachers read, by benchmark (LIBERO's with the two finger positions)."""

VITA_INPUTS: dict[str, Inputs] = {
    "calvin": Inputs(size=200),
    "libero": Inputs(size=200, raw=True, gripper="fingers"),
}
"""What the published students read, by benchmark."""


def picture(image: Image, inputs: Inputs) -> Image:
    """A picture in the model's size and orientation: shorter side resized (bicubic, antialiased), centre cropped.

    Args:
        image: uint8 (H, W, 3), RGB, upright.
        inputs: the model's convention.

    Returns:
        uint8 (size, size, 3), a new array.
    """
    turned = raw_image(image) if inputs.raw else image
    height, width = turned.shape[:2]
    shorter = min(height, width)
    if shorter != inputs.size:
        edges = (inputs.size * width // shorter, inputs.size * height // shorter)
        turned = np.asarray(Pillow.fromarray(turned).resize(edges, Pillow.Resampling.BICUBIC))
    top, left = (round((edge - inputs.size) / 2) for edge in turned.shape[:2])
    return np.array(turned[top : top + inputs.size, left : left + inputs.size])


def pictures(obs: Observation, inputs: Inputs) -> NDArray[np.uint8]:
    """Both cameras' pictures, third-person first: uint8 (2, size, size, 3)."""
    return np.stack([picture(obs["image"], inputs), picture(obs["wrist_image"], inputs)])


def proprioception(obs: Observation, inputs: Inputs) -> Float:
    """The robot's state as the model reads it.

    Args:
        obs: an observation; LIBERO and CALVIN alike.
        inputs: the model's convention.

    Returns:
        float32 (8,): position (3, m), rotation (3, rad), gripper (2).
    """
    turn = euler_xyz(obs["eef_quat"]) if inputs.rotation == "euler" else axis_angle(obs["eef_quat"])
    gripper = one_hot_gripper(obs["gripper_command"]) if inputs.gripper == "one_hot" else obs["gripper_qpos"]
    return np.concatenate([obs["eef_pos"], turn, gripper]).astype(np.float32)
