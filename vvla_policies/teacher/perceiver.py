"""The perceiver resampler (Flamingo, arXiv 2204.14198): any number of features to a fixed number of latents."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from vvla_policies.teacher.config import LOOKS

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


class GuidedResampler(nn.Module):
    """In the resampler's place in small networks: latents that are told what the task is look at what matters for it.

    Queries that know the instruction are InstructBLIP's (arXiv 2305.06500). One layer of attention, over patches alone,
    whose first latents can be taught where to look (`looks`).

    Args:
        width: of features and latents.
        latents: N.
        heads: of attention, 64 wide each.
        patches: P.
        told: width of what the latents are told.
    """

    def __init__(self, width: int, latents: int, heads: int, patches: int, told: int) -> None:
        super().__init__()
        inner = heads * HEAD_WIDTH
        self.heads = heads
        self.latents = nn.Parameter(torch.randn(latents, width))
        self.to_asked = nn.Sequential(nn.Linear(told, 2 * width), nn.GELU(), nn.Linear(2 * width, latents * width))
        self.norm_media = nn.LayerNorm(width)
        self.norm_latents = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.places = nn.Parameter(0.1 * torch.randn(patches, inner))
        self.to_out = nn.Linear(inner, width, bias=False)
        self.digest = _feed_forward(width)
        self.norm = nn.LayerNorm(width)

    def forward(self, media: Tensor, told: Tensor) -> Tensor:
        """(n, P, width) and what is told (n, told) to (n, N, width)."""
        asked = self._asked(told)
        keys, values = self.to_kv(self.norm_media(media)).chunk(2, dim=-1)
        seen = self._attention(asked, keys).softmax(dim=-1) @ self._split(values + self.places)
        latents = asked + self.to_out(seen.transpose(1, 2).flatten(2))
        return self.norm(latents + self.digest(latents))

    def looks(self, media: Tensor, told: Tensor) -> Tensor:
        """Where the first latents look: logits (n, heads, LOOKS, P)."""
        keys = self.to_kv(self.norm_media(media)).chunk(2, dim=-1)[0]
        return self._attention(self._asked(told)[:, :LOOKS], keys)

    def _asked(self, told: Tensor) -> Tensor:
        return self.latents + self.to_asked(told).unflatten(-1, self.latents.shape)

    def _attention(self, asked: Tensor, keys: Tensor) -> Tensor:
        queries = self._split(self.to_q(self.norm_latents(asked)))
        return queries @ self._split(keys).transpose(-1, -2) / HEAD_WIDTH**0.5

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, HEAD_WIDTH)).transpose(-2, -3)


def _feed_forward(width: int) -> nn.Sequential:
    inner = 4 * width
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, inner, bias=False), nn.GELU(), nn.Linear(inner, width, bias=False)
    )
