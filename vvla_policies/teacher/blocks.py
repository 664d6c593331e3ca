"""Transformer blocks, with the parameter names of the networks whose checkpoints are loaded; PyTorch's fused attention.

`transformers` has both kinds too; these are its equals, without a causal triangle and without the cost of its wrappers
(a test compares them).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it


class Conv1D(nn.Module):
    """GPT-2's linear layer: weight (in, out)."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inner, outer).normal_(std=0.02))
        self.bias = nn.Parameter(torch.zeros(outer))

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        return F.linear(x, self.weight.t(), self.bias)


class _CausalFree(nn.Module):
    """GPT-2's attention; the mask it is given is the only one."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.c_attn = Conv1D(width, 3 * width)
        self.c_proj = Conv1D(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        queries, keys, values = (_split(part, self.heads) for part in self.c_attn(x).chunk(3, dim=-1))
        dropped = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, dropout_p=dropped)
        return F.dropout(self.c_proj(_join(mixed)), self.dropout, self.training)


class _GptMlp(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.c_fc = Conv1D(width, 4 * width)
        self.c_proj = Conv1D(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")), self.dropout, self.training)


class GptBlock(nn.Module):
    """A block of GPT-2 (pre-norm, tanh-approximated GELU) under an additive mask alone."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = _CausalFree(width, heads, dropout)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = _GptMlp(width, dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Tokens (B, L, H), mask additive and broadcastable to (B, heads, L, L); returns (B, L, H)."""
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    """GPT-2 without embeddings: dropout, blocks, final norm."""

    def __init__(self, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.h = nn.ModuleList(GptBlock(width, heads, dropout) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Tokens (B, L, H), mask as in `GptBlock`; returns (B, L, H)."""
        x = F.dropout(x, self.dropout, self.training)
        for block in self.h:
            x = block(x, mask)
        return self.ln_f(x)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        queries, keys, values = (_split(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        return self.proj(_join(F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)))


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class VitBlock(nn.Module):
    """A block of a vision transformer, with timm's parameter names."""

    def __init__(self, width: int, heads: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = _Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp = _Mlp(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Tokens (n, L, width), mask broadcastable to (n, heads, L, L) or None; returns (n, L, width)."""
        x = x + self.attn(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))


def sine_cosine_grid(width: int, edge: int) -> Tensor:
    """Fixed positions of an edge x edge grid, as MAE defines them: the column in the first half, the row in the second.

    Returns:
        float32 (edge * edge, width), row by row.
    """
    rates = 1.0 / 10000 ** (torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angles = torch.arange(edge, dtype=torch.float64)[:, None] * rates
    along = torch.cat([angles.sin(), angles.cos()], dim=1)
    columns, rows = along.repeat(edge, 1), along.repeat_interleave(edge, dim=0)
    return torch.cat([columns, rows], dim=1).float()


def _split(x: Tensor, heads: int) -> Tensor:
    """(n, L, heads * d) to (n, heads, L, d)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _join(x: Tensor) -> Tensor:
    """(n, heads, L, d) to (n, L, heads * d)."""
    return x.transpose(1, 2).flatten(2)


@torch.no_grad()
def standardise(linear: nn.Linear, inputs: Tensor) -> None:
    """Folds mean and deviation of its inputs (N, in) into a new layer: it begins as if they were 0 and 1.

    Proprioception is in metres: a layer that takes it as it comes begins blind to centimetres.
    """
    linear.weight.div_(inputs.std(dim=0).clamp(min=1e-3))
    linear.bias.sub_(linear.weight @ inputs.mean(dim=0))
