"""Students small enough for tests, and what to show them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vvla_policies.student.config import StudentConfig, get_preset, intern_vit, qwen2
from vvla_policies.student.network import Student, build_student
from vvla_policies.student.tokens import ChatLayout, load_tokenizer


def tiny_config(**changes: Any) -> StudentConfig:
    """A VITA-like student of a few thousand parameters: 28 px, 4 visual tokens per picture, 2 layers."""
    given: dict[str, Any] = {
        "vision": intern_vit(16, 2, 2, patch=7, image_size=28),
        "language": qwen2(32, 2, 4, 2, inner=48, vocabulary=768),
        "image_size": 28,
        "shuffle": 2,
        "stem": "patch",
        "decoder_width": 16,
        "action_tokens": 3,
        "feature_scale": 0.5,
    }
    return get_preset("vita-mini", **{**given, **changes})


def tiny_student(**changes: Any) -> Student:
    """Random weights, spread so that outputs depend on all inputs."""
    student = build_student(tiny_config(**changes))
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(15.0 if name.startswith(("vision.", "language.")) else 2.0)
        student.action_token.mul_(0.05)
    return student


def layout(config: StudentConfig) -> ChatLayout:
    return ChatLayout(load_tokenizer(config.tokenizer), config)


def inputs(config: StudentConfig, batch: int, steps: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Pictures (B, S, 2, h, w, 3) and states (B, S, 8)."""
    rng = torch.Generator().manual_seed(seed)
    edge = config.image_size
    pictures = torch.randint(0, 256, (batch, steps, 2, edge, edge, 3), dtype=torch.uint8, generator=rng)
    return pictures, torch.randn(batch, steps, 8, generator=rng)
