"""A one-dimensional U-Net over a chunk of actions, modulated by what is seen and by the noise's step (FiLM)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

KERNEL, GROUPS = 5, 8


class Unet(nn.Module):
    """The noise in noisy chunks.

    Args:
        dim: numbers of an action.
        widths: channels at full length, at half of it, and so on.
        known: width of the condition.
        step_width: of the step's embedding.
    """

    def __init__(self, dim: int, widths: tuple[int, ...], known: int, step_width: int) -> None:
        super().__init__()
        self.step = nn.Sequential(
            SinusoidalStep(step_width), nn.Linear(step_width, 4 * step_width), nn.Mish(),
            nn.Linear(4 * step_width, step_width),
        )  # fmt: skip
        told = known + step_width
        pairs = list(zip((dim, *widths), widths, strict=False))
        self.down = nn.ModuleList(nn.ModuleList([_Block(a, b, told), _Block(b, b, told)]) for a, b in pairs)
        self.shorter = nn.ModuleList(nn.Conv1d(width, width, 3, 2, 1) for width in widths[:-1])
        self.middle = nn.ModuleList(_Block(widths[-1], widths[-1], told) for _ in range(2))
        back = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.longer = nn.ModuleList(nn.ConvTranspose1d(a, b, 4, 2, 1) for a, b in back)
        self.up = nn.ModuleList(nn.ModuleList([_Block(2 * b, b, told), _Block(b, b, told)]) for _, b in back)
        self.last = nn.Sequential(_ConvNorm(widths[0], widths[0]), nn.Conv1d(widths[0], dim, 1))

    def forward(self, noisy: Tensor, step: Tensor, known: Tensor) -> Tensor:
        """Noisy chunks (n, T, dim), steps (n,) and conditions (n, known) to the noise (n, T, dim)."""
        told = torch.cat([self.step(step), known], dim=-1)
        x, kept = noisy.transpose(1, 2), []
        for level, blocks in enumerate(self.down):
            x = _through(blocks, x, told)
            if level < len(self.shorter):
                kept.append(x)
                x = self.shorter[level](x)
        x = _through(self.middle, x, told)
        for longer, blocks in zip(self.longer, self.up, strict=True):
            x = _through(blocks, torch.cat([longer(x), kept.pop()], dim=1), told)
        return self.last(x).transpose(1, 2)


class SinusoidalStep(nn.Module):
    """Steps (n,) to sines and cosines (n, width)."""

    rates: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        rates = 1.0 / 10000 ** (torch.arange(width // 2) / (width // 2 - 1))
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, step: Tensor) -> Tensor:
        """(n,) to (n, width)."""
        angles = step[:, None].to(self.rates.dtype) * self.rates
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class _ConvNorm(nn.Sequential):
    def __init__(self, inner: int, outer: int) -> None:
        super().__init__(nn.Conv1d(inner, outer, KERNEL, padding=KERNEL // 2), nn.GroupNorm(GROUPS, outer), nn.Mish())


class _Block(nn.Module):
    """Two convolutions beside a shortcut, FiLM between them."""

    def __init__(self, inner: int, outer: int, told: int) -> None:
        super().__init__()
        self.first = _ConvNorm(inner, outer)
        self.film = nn.Sequential(nn.Mish(), nn.Linear(told, 2 * outer))
        self.second = _ConvNorm(outer, outer)
        self.shortcut = nn.Conv1d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(n, inner, T) to (n, outer, T)."""
        scale, shift = self.film(told)[:, :, None].chunk(2, dim=1)
        return self.second(self.first(x) * (1 + scale) + shift) + self.shortcut(x)


def _through(blocks: nn.Module, x: Tensor, told: Tensor) -> Tensor:
    assert isinstance(blocks, nn.ModuleList)
    for block in blocks:
        x = block(x, told)
    return x
