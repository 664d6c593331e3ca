"""The perceiver resampler (Flamingo, arXiv 2204.14198): any number of features to a fixed number of latents."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

HEAD_WIDTH = 64


class _CrossAttention(nn.Module):
    """Latents attend to the features and to themselves."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        inner = heads * HEAD_WIDTH
        self.heads = heads
        self.norm_media = nn.LayerNorm(width)
        self.norm_latents = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def forward(self, media: Tensor, latents: Tensor) -> Tensor:
        media, latents = self.norm_media(media), self.norm_latents(latents)
        keys, values = self.to_kv(torch.cat([media, latents], dim=1)).chunk(2, dim=-1)
        queries, keys, values = (
            x.unflatten(-1, (self.heads, HEAD_WIDTH)).transpose(1, 2) for x in (self.to_q(latents), keys, values)
        )
        return self.to_out(F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2))


class PerceiverResampler(nn.Module):
    """Cross-attention and feed-forward layers from features (n, P, width) to (n, N, width)."""

    def __init__(self, width: int, latents: int, layers: int, heads: int) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(latents, width))
        self.layers = nn.ModuleList(
            nn.ModuleList([_CrossAttention(width, heads), _feed_forward(width)]) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, media: Tensor) -> Tensor:
        """(n, P, width) to (n, N, width)."""
        latents = self.latents.expand(len(media), -1, -1)
        for pair in self.layers:
            attend, digest = cast("nn.ModuleList", pair)
            latents = latents + attend(media, latents)
            latents = latents + digest(latents)
        return self.norm(latents)


def _feed_forward(width: int) -> nn.Sequential:
    inner = 4 * width
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, inner, bias=False), nn.GELU(), nn.Linear(inner, width, bias=False)
    )
