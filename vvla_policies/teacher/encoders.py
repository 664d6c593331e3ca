"""Encoders of pictures and instructions: MAE ViT and CLIP text (frozen), and small ones that train with the network."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vvla_policies.teacher.blocks import VitBlock, sine_cosine_grid
from vvla_policies.teacher.config import SeerConfig


class MaeEncoder(nn.Module):
    """The encoder of a masked autoencoder (arXiv 2111.06377) with nothing masked; names of its released checkpoints.

    Args:
        config: picture and patch size, vision width, layers and heads.
    """

    def __init__(self, config: SeerConfig) -> None:
        super().__init__()
        width = config.vision_width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.patches, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, config.patch, config.patch)})
        self.blocks = nn.ModuleList(VitBlock(width, config.vision_heads, eps=1e-6) for _ in range(config.vision_layers))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised pictures (n, 3, edge, edge) to (n, 1 + P, width), CLS first."""
        patches = self.patch_embed["proj"](pictures).flatten(2).transpose(1, 2) + self.pos_embed[:, 1:]
        cls = (self.cls_token + self.pos_embed[:, :1]).expand(len(patches), -1, -1)
        x = torch.cat([cls, patches], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class ClipText(nn.Module):
    """CLIP's text tower and its tokenizer, from `transformers`.

    Args:
        model: a `CLIPTextModelWithProjection`.
        tokenizer: its `CLIPTokenizer`.
    """

    def __init__(self, model: nn.Module, tokenizer: Any) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer

    def forward(self, instructions: Sequence[str]) -> Tensor:
        """Instructions (n), cut to 77 tokens, to (n, 512)."""
        tokens = self.tokenizer(list(instructions), padding="max_length", max_length=77, truncation=True)
        ids = torch.tensor(tokens["input_ids"], device=next(self.model.parameters()).device)
        embeds: Tensor = self.model(input_ids=ids).text_embeds
        return embeds


class ConvStem(nn.Sequential):
    """Strided convolutions in place of a patch embedding, which learn from fewer pictures (arXiv 2106.14881).

    Takes (n, 3, h, w), gives (n, width, h / patch, w / patch).

    Args:
        width: channels of the result.
        patch: by how much it is smaller than the picture; a power of two.
    """

    def __init__(self, width: int, patch: int) -> None:
        halvings = patch.bit_length() - 1
        if 2**halvings != patch:
            raise ValueError(f"strided convolutions halve pictures; patch must be a power of 2: {patch}")
        stem: list[nn.Module] = []
        channels = 3
        for k in range(halvings):
            wider = max(32, width >> (halvings - 1 - k))
            stem += [nn.Conv2d(channels, wider, 3, stride=2, padding=1), nn.GroupNorm(1, wider), nn.GELU()]
            channels = wider
        super().__init__(*stem, nn.Conv2d(channels, width, 1))

    @property
    def weight(self) -> Tensor:
        """Of the last convolution: `transformers` asks a patch embedding for its precision."""
        last = self[-1]
        assert isinstance(last, nn.Conv2d)
        return last.weight


class ConvEncoder(nn.Module):
    """A small vision encoder for training from scratch: three or more strided convolutions, then transformer blocks.

    Args:
        config: picture and patch size (a power of two), vision width, layers and heads.
    """

    def __init__(self, config: SeerConfig) -> None:
        super().__init__()
        width = config.vision_width
        self.stem = ConvStem(width, config.patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        grid = sine_cosine_grid(width, config.picture // config.patch)
        self.pos_embed = nn.Parameter(torch.cat([torch.zeros(1, width), grid])[None])
        self.blocks = nn.ModuleList(VitBlock(width, config.vision_heads) for _ in range(config.vision_layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised pictures (n, 3, edge, edge) to (n, 1 + P, width), CLS first."""
        patches = self.stem(pictures).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class WordEncoder(nn.Module):
    """A small instruction encoder for training from scratch; needs no vocabulary, so it takes any words.

    A word's embedding is the sum of two rows of a table, picked by two hashes: two words share both almost never.

    Args:
        width: of the result.
        rows: of the table.
        length: words that are read; those after are cut.
    """

    def __init__(self, width: int, rows: int = 2048, length: int = 32) -> None:
        super().__init__()
        self.rows, self.length = rows, length
        self.table = nn.Embedding(rows, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, length, width))
        self.block = VitBlock(width, heads=max(1, width // 32))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.table.weight, std=0.5)
        nn.init.normal_(self.pos_embed, std=0.1)

    def forward(self, instructions: Sequence[str]) -> Tensor:
        """Instructions (n) to (n, width)."""
        ids = torch.zeros(len(instructions), self.length, 2, dtype=torch.int64)
        there = torch.zeros(len(instructions), self.length, dtype=torch.bool)
        for row, text in enumerate(instructions):
            words = split_words(text)[: self.length] or [""]
            ids[row, : len(words)] = torch.tensor([self._hashes(word) for word in words])
            there[row, : len(words)] = True
        device = self.table.weight.device
        ids, there = ids.to(device), there.to(device)
        x = self.table(ids).sum(dim=2) + self.pos_embed
        x = self.norm(self.block(x, there[:, None, None, :]))
        return (x * there[:, :, None]).sum(dim=1) / there.sum(dim=1, keepdim=True)

    def _hashes(self, word: str) -> tuple[int, int]:
        data = word.encode()
        return zlib.crc32(data) % self.rows, zlib.crc32(data, 0x5EED) % self.rows


def split_words(text: str) -> list[str]:
    """Lower-case words of an instruction.

    >>> split_words("Put both moka pots on the stove.")
    ['put', 'both', 'moka', 'pots', 'on', 'the', 'stove']
    """
    return re.findall(r"[a-z0-9]+", text.lower())
