"""What a network that imitates demonstrations is: frames are encoded one by one, windows of them lead to actions.

text = network.read(instructions)                     # (n, text width)
frames = network.encode(pictures, text, state)        # (n, ...), each frame by itself
network.losses(frames.unflatten(0, (B, S)), batch)    # of windows, for training
network.predict(window, noise)                        # (B, chunk, 7), for acting
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from vvla_policies.baselines.imitation.vision import FilmResNet

from vvla_policies.errors import PolicyError
from vvla_policies.execution import Execution
from vvla_policies.inputs import CLIP_PIXELS
from vvla_policies.policy import ACTION_DIM
from vvla_policies.teacher.encoders import WordEncoder

STATE_DIM = 8
PIXELS = CLIP_PIXELS
"""Mean and standard deviation of pixels, of every network."""


@dataclass(frozen=True)
class ImitatorConfig:
    """What fixes the shapes that all of them have.

    Attributes:
        picture: edge of the pictures, px; a multiple of 8.
        width: of features and tokens.
        text_width: of the instruction's feature.
        history: frames of a window.
        chunk: predicted actions.
    """

    picture: int = 64
    width: int = 128
    text_width: int = 128
    history: int = 1
    chunk: int = 16

    def __post_init__(self) -> None:
        if self.picture % 8 or self.width % 32 or self.text_width % 32:
            raise PolicyError(f"picture must be a multiple of 8, width and text_width of 32: {self}")
        if min(self.picture, self.width, self.text_width, self.history, self.chunk) < 1:
            raise PolicyError(f"picture, widths, history and chunk must be at least 1: {self}")

    @property
    def execution(self) -> Execution:
        """How predictions are executed unless a card says otherwise: the first half of a chunk, without looking."""
        return Execution(history=self.history, mode="chunk", steps=max(1, self.chunk // 2))

    def to_json(self) -> dict[str, Any]:
        """Plain data for a card; the same class made of it is its inverse."""
        return asdict(self)


class Imitator(nn.Module, ABC):
    """The base of these networks: words, pictures and state.

    Args:
        config: its sizes.
    """

    noise: tuple[int, ...] = ()
    """Shape of the standard normal numbers that `predict` takes for each window; () for none."""
    config: ImitatorConfig
    pixel_mean: Tensor
    pixel_std: Tensor
    state_mean: Tensor
    state_std: Tensor

    def __init__(self, config: ImitatorConfig) -> None:
        super().__init__()
        self.words = WordEncoder(config.text_width)
        self.vision = FilmResNet(config.width, config.text_width)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in PIXELS)
        self.register_buffer("pixel_mean", 255 * mean, persistent=False)
        self.register_buffer("pixel_std", 255 * std, persistent=False)
        self.register_buffer("state_mean", torch.zeros(STATE_DIM))
        self.register_buffer("state_std", torch.ones(STATE_DIM))

    def calibrate(self, states: Tensor) -> None:
        """Sets the scale of proprioception from states (N, 8) that will be seen; kept in the checkpoint."""
        self.state_mean.copy_(states.mean(dim=0))
        self.state_std.copy_(states.std(dim=0).clamp(min=1e-3))

    def read(self, instructions: Sequence[str]) -> Tensor:
        """Instructions (n) to (n, text width)."""
        return self.words(instructions)

    def see(self, pictures: Tensor, text: Tensor) -> Tensor:
        """Feature maps of both cameras.

        Args:
            pictures: uint8 (n, 2, edge, edge, 3), third-person then wrist.
            text: (n, text width).

        Returns:
            (n, 2, width, edge / 8, edge / 8).
        """
        pixels = pictures.flatten(0, 1).movedim(-1, 1).to(self.pixel_mean.dtype)
        return self.vision((pixels - self.pixel_mean) / self.pixel_std, text).unflatten(0, (-1, 2))

    def scaled(self, state: Tensor) -> Tensor:
        """Proprioception (..., 8) with mean 0 and variance 1 over the demonstrations; outliers are cut at 5."""
        return ((state - self.state_mean) / self.state_std).clamp(-5, 5)

    @abstractmethod
    def encode(self, pictures: Tensor, text: Tensor, state: Tensor) -> Tensor:
        """Encodes n frames, each by itself.

        Args:
            pictures: uint8 (n, 2, edge, edge, 3).
            text: (n, text width).
            state: (n, 8), as `Inputs` has it.

        Returns:
            (n, ...).
        """

    @abstractmethod
    def losses(self, frames: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What is minimised; in evaluation mode the same numbers for the same batch.

        Args:
            frames: (B, S, ...), encoded.
            batch: "actions" (B, S, chunk, 7), "actions_valid" bool (B, S, chunk), "state" (B, S, 8).

        Returns:
            Scalars, "loss" among them.
        """

    @abstractmethod
    def predict(self, frames: Tensor, noise: Tensor) -> Tensor:
        """What windows lead to.

        Args:
            frames: (B, history, ...), encoded, the newest last; before an episode's first frame that one is repeated.
            noise: (B, *noise), standard normal.

        Returns:
            (B, chunk, 7): arm in [-1, 1], gripper +1 open, -1 closed.
        """

    def generator(self, like: Tensor) -> torch.Generator | None:
        """Where random numbers of `losses` come from: PyTorch's own generator, but a fixed one in evaluation mode."""
        return None if self.training else torch.Generator(like.device).manual_seed(0)


def as_prediction(actions: Tensor) -> Tensor:
    """Actions (..., 7), gripper from -1 to +1, as `execution.execute` takes them: the gripper's is a probability."""
    arm, gripper = actions.split([ACTION_DIM - 1, 1], dim=-1)
    return torch.cat([arm.clamp(-1, 1), (gripper.clamp(-1, 1) + 1) / 2], dim=-1)
