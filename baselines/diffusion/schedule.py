"""Noise schedules of diffusion: how much noise a step has (DDPM, arXiv 2006.11239), and how to take it off (DDIM).

A page of arithmetic; a library of schedulers would bring hundreds of modules for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


class CosineSchedule(nn.Module):
    """The squared-cosine schedule (arXiv 2102.09672); the network predicts the noise.

    Args:
        steps: of the noising process, T.
    """

    kept: Tensor

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        times = torch.arange(steps + 1, dtype=torch.float64) / steps
        signal = torch.cos((times + 0.008) / 1.008 * torch.pi / 2).square()
        betas = (1 - signal[1:] / signal[:-1]).clamp(max=0.999)
        self.register_buffer("kept", torch.cumprod(1 - betas, dim=0).float(), persistent=False)

    def noised(self, clean: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Clean samples (n, ...) with as much noise as steps (n,) from 0 to T - 1 have."""
        kept = self.kept[step].view(-1, *[1] * (clean.ndim - 1))
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise

    def denoise(self, noise: Tensor, count: int, predict: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Samples by DDIM (arXiv 2010.02502, eta 0): a deterministic function of the noise.

        Args:
            noise: (n, ...), standard normal.
            count: network evaluations, at most T.
            predict: the network: noisy samples and steps (n,) to the noise in them.

        Returns:
            Samples within [-1, 1].
        """
        x = noise
        for step, following in self._places(count):
            said = predict(x, torch.full((len(x),), step, device=x.device))
            kept = self.kept[step]
            clean = ((x - (1 - kept).sqrt() * said) / kept.sqrt()).clamp(-1, 1)
            if following < 0:
                return clean
            x = self.kept[following].sqrt() * clean + (1 - self.kept[following]).sqrt() * said
        return x

    def _places(self, count: int) -> Iterator[tuple[int, int]]:
        """The steps that are visited, each with the next; the last one leads to clean samples (-1)."""
        steps = [k * (self.steps // count) for k in reversed(range(count))]
        return zip(steps, [*steps[1:], -1], strict=True)
