"""From pictures to visual tokens: any vision tower of `transformers`, pixel shuffle, projector."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from vvla_policies.errors import PolicyError
from vvla_policies.huggingface import import_transformers
from vvla_policies.student.config import StudentConfig
from vvla_policies.teacher.encoders import ConvStem


def build_model(config: dict[str, Any], attention: str) -> Any:
    """A `transformers` model without a head, from its configuration, with random weights.

    Args:
        config: of the model, with `model_type`.
        attention: "sdpa", "eager" or "flash_attention_2".
    """
    models = import_transformers()
    kind = config["model_type"]
    full = models.AutoConfig.for_model(kind, **{key: value for key, value in config.items() if key != "model_type"})
    return models.AutoModel.from_config(full, attn_implementation=attention)


def build_tower(config: StudentConfig, attention: str) -> Any:
    """The student's vision tower, with random weights; `attention` as for `build_model`.

    Raises:
        PolicyError: a tower without InternViT's patch embedding shall have a convolutional stem.
    """
    tower = build_model(dict(config.vision), attention)
    if config.stem == "conv":
        try:
            patches = tower.embeddings.patch_embeddings
            patches.projection = ConvStem(int(config.vision["hidden_size"]), config.patch)
        except AttributeError as error:
            kind = config.vision["model_type"]
            raise PolicyError(f"stem: conv is for InternViT's patch embedding, which {kind} does not have") from error
    return tower


def build_projector(config: StudentConfig) -> nn.Sequential:
    """Shuffled features to the language model's width; "mlp" has VITA-1.5's tensor names (0, 2)."""
    inner = int(config.vision["hidden_size"]) * config.shuffle**2
    layers = [nn.Linear(inner, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.hidden)]
    return nn.Sequential(*([nn.LayerNorm(inner)] if config.projector == "norm_mlp" else []), *layers)


def normalised(pictures: Tensor, config: StudentConfig, dtype: torch.dtype) -> Tensor:
    """Pictures (n, h, w, 3), uint8 or float in [0, 255], to the pixels (n, 3, h, w) that the tower was trained on."""
    mean = torch.tensor(config.pixel_mean, device=pictures.device)
    std = torch.tensor(config.pixel_std, device=pictures.device)
    return ((pictures.float() / 255 - mean) / std).permute(0, 3, 1, 2).to(dtype)


def patch_features(tower: nn.Module, pixels: Tensor, config: StudentConfig) -> Tensor:
    """The tower's last hidden state, scaled, each square of patches joined into one token.

    Args:
        tower: a vision model of `transformers`; tokens before the patches (CLS) are dropped.
        pixels: (n, 3, h, w); other sizes than the tower's own have its positions interpolated.
        config: the student's.

    Returns:
        (n, visual_tokens, width * shuffle^2).
    """
    asks = "interpolate_pos_encoding" in inspect.signature(tower.forward).parameters
    hidden = tower(pixels, **({"interpolate_pos_encoding": True} if asks else {})).last_hidden_state
    patches = hidden[:, -(config.grid**2) :] * config.feature_scale
    return pixel_shuffle(patches, config.grid, config.shuffle)


def pixel_shuffle(patches: Tensor, grid: int, factor: int) -> Tensor:
    """Joins squares of factor x factor patches, features of a square row by row (InternVL's order).

    Args:
        patches: (n, grid * grid, c), row by row.
        grid: patches along an edge.
        factor: edge of a square.

    Returns:
        (n, (grid / factor)^2, c * factor^2), row by row.

    >>> pixel_shuffle(torch.arange(16.0).reshape(1, 16, 1), 4, 2)[0, 0].tolist()
    [0.0, 1.0, 4.0, 5.0]
    """
    n, _, width = patches.shape
    small = grid // factor
    squares = patches.reshape(n, small, factor, small, factor, width).transpose(2, 3)
    return squares.reshape(n, small * small, factor * factor * width)
