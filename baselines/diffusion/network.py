"""Diffusion Policy's network (arXiv 2303.04137, the convolutional one), small: chunks of actions out of noise.

Beside the paper's: one instruction among several (words, FiLM), one vision network for both cameras, and several draws
of noise for each encoded window, because on a CPU pictures cost more than the U-Net.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from vvla_policies.baselines.diffusion.schedule import CosineSchedule
from vvla_policies.baselines.diffusion.unet import Unet
from vvla_policies.baselines.imitation.network import STATE_DIM, Imitator, ImitatorConfig
from vvla_policies.baselines.imitation.vision import SpatialSoftmax

from vvla_policies.errors import PolicyError
from vvla_policies.policy import ACTION_DIM
from vvla_policies.teacher.losses import masked_mean


@dataclass(frozen=True)
class DiffusionConfig(ImitatorConfig):
    """Sizes of Diffusion Policy.

    Attributes:
        keypoints: of each camera.
        unet: channels at the U-Net's first length; twice as many at half of it.
        steps: of the noising process.
        denoising: network evaluations when acting.
        draws: of noise, for each window of a training batch.
    """

    keypoints: int = 32
    unet: int = 64
    steps: int = 100
    denoising: int = 10
    draws: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chunk % 2 or self.unet % 32:
            raise PolicyError(f"chunk must be even (the U-Net halves it) and unet a multiple of 32: {self}")
        if not 1 <= self.denoising <= self.steps or self.draws < 1:
            raise PolicyError(f"denoising must lie between 1 and steps, draws be at least 1: {self}")


PRESETS = {"diffusion-mini": DiffusionConfig()}


class Diffusion(Imitator):
    """The network.

    Args:
        config: its sizes.
    """

    config: DiffusionConfig

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__(config)
        self.config = config
        self.noise = (config.chunk, ACTION_DIM)
        self.keypoints = SpatialSoftmax(config.width, config.keypoints)
        self.frame = nn.Linear(4 * config.keypoints + STATE_DIM + config.text_width, config.width)
        self.unet = Unet(ACTION_DIM, (config.unet, 2 * config.unet), config.history * config.width, config.width)
        self.schedule = CosineSchedule(config.steps)

    def encode(self, pictures: Tensor, text: Tensor, state: Tensor) -> Tensor:
        """(n, width): where things are in both pictures, state, words; see `Imitator.encode`."""
        places = self.keypoints(self.see(pictures, text).flatten(0, 1)).unflatten(0, (-1, 2)).flatten(1)
        return self.frame(torch.cat([places, self.scaled(state), text], dim=-1))

    def losses(self, frames: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean squared error of the noise, "loss"."""
        count = self.config.draws
        clean = batch["actions"][:, -1].repeat(count, 1, 1)
        valid = batch["actions_valid"][:, -1].repeat(count, 1)
        known = frames.flatten(1).repeat(count, 1)
        generator = self.generator(clean)
        noise = torch.randn(clean.shape, generator=generator, device=clean.device)
        step = torch.randint(self.config.steps, (len(clean),), generator=generator, device=clean.device)
        said = self.unet(self.schedule.noised(clean, noise, step), step, known)
        return {"loss": masked_mean((said.float() - noise).square().mean(dim=-1), valid)}

    def predict(self, frames: Tensor, noise: Tensor) -> Tensor:
        """(B, chunk, 7); see `Imitator.predict`."""
        known = frames.flatten(1)
        return self.schedule.denoise(noise, self.config.denoising, lambda x, step: self.unet(x, step, known))
