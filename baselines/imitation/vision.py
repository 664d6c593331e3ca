"""A small residual network that is told what to look for (FiLM, arXiv 1709.07871), and spatial softmax."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

GROUPS = 8


class FilmResNet(nn.Module):
    """Pictures at an eighth of their size, modulated by the instruction and by which camera it is.

    Most of the time of a training on a CPU is spent at high resolution, so the first convolution takes steps of four
    pixels, as in ConvNeXt (arXiv 2201.03545).

    Args:
        width: channels of the result.
        text_width: of the instruction's feature.
    """

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.cameras = nn.Parameter(torch.zeros(2, text_width))
        self.stem = nn.Conv2d(3, width // 2, 4, stride=4)
        self.norm = nn.GroupNorm(GROUPS, width // 2)
        self.blocks = nn.ModuleList([_Block(width // 2, width, text_width, 2), _Block(width, width, text_width, 1)])
        nn.init.normal_(self.cameras, std=0.5)

    def forward(self, pictures: Tensor, text: Tensor) -> Tensor:
        """Normalised pictures (2 n, 3, edge, edge), cameras in turn, and text (n, text width): (2 n, width, e, e)."""
        told = (text[:, None] + self.cameras).flatten(0, 1)
        x = F.relu(self.norm(self.stem(pictures)))
        for block in self.blocks:
            x = block(x, told)
        return x


class _Block(nn.Module):
    """Two convolutions beside a shortcut; FiLM after the second norm."""

    def __init__(self, inner: int, outer: int, told: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inner, outer, 3, stride=stride, padding=1)
        self.first_norm = nn.GroupNorm(GROUPS, outer)
        self.second = nn.Conv2d(outer, outer, 3, padding=1)
        self.second_norm = nn.GroupNorm(GROUPS, outer)
        self.shortcut = nn.Conv2d(inner, outer, 1, stride=stride) if (inner, stride) != (outer, 1) else nn.Identity()
        self.film = nn.Linear(told, 2 * outer)
        nn.init.zeros_(self.film.bias)
        nn.init.normal_(self.film.weight, std=0.02)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.film(told)[:, :, None, None].chunk(2, dim=1)
        y = self.second_norm(self.second(F.relu(self.first_norm(self.first(x)))))
        return F.relu(y * (1 + scale) + shift + self.shortcut(x))


class SpatialSoftmax(nn.Module):
    """Where in a feature map things are (arXiv 1504.00702): the mean place under each channel's softmax.

    Args:
        channels: of the feature map.
        keypoints: K.
    """

    def __init__(self, channels: int, keypoints: int) -> None:
        super().__init__()
        self.maps = nn.Conv2d(channels, keypoints, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, channels, h, w) to (n, 2 K): columns, then rows, from -1 to 1."""
        weights = self.maps(features).flatten(2).softmax(dim=-1)
        across, down = (torch.linspace(-1, 1, edge, device=weights.device) for edge in features.shape[:1:-1])
        rows, columns = torch.meshgrid(down, across, indexing="ij")
        return torch.cat([weights @ columns.flatten(), weights @ rows.flatten()], dim=-1)
