"""Networks small enough for tests, and what to show them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from vvla_policies.baselines.imitation.checkpoints import METHODS, build
from vvla_policies.baselines.imitation.network import Imitator
from vvla_policies.baselines.imitation.policy import ImitatorPolicy

from vvla_policies.distill.recipe import Recipe

SIZES: dict[str, dict[str, Any]] = {
    "act": {"chunk": 4, "encoder_layers": 1, "decoder_layers": 1, "style_layers": 1, "style": 4},
    "diffusion": {"chunk": 4, "keypoints": 4, "unet": 32, "steps": 20, "denoising": 5, "draws": 16},
    "bc-transformer": {"history": 3, "keypoints": 4, "layers": 1, "head_width": 32, "modes": 3},
}
SHARED = {"picture": 16, "width": 32, "text_width": 32}


def network(method: str, seed: int = 0, **changes: Any) -> Imitator:
    return build(method, f"{method}-mini", "libero", seed, **{**SHARED, **SIZES[method], **changes})[0]


def policy(method: str, lanes: int = 1, device: str = "cpu", **execution: Any) -> ImitatorPolicy:
    """Random weights, the same ones at every call."""
    net, card = build(method, f"{method}-mini", "libero", **{**SHARED, **SIZES[method], **history(method)})
    return ImitatorPolicy(net, card, device=device, lanes=lanes, **execution)


def history(method: str) -> dict[str, int]:
    """All of them can read several frames."""
    return {} if method == "bc-transformer" else {"history": 2}


def recipe(method: str, **changes: Any) -> Recipe:
    brief = {"batch": 4, "steps": 6, "log_every": 2, "save_every": 2, "lr": 3e-3, "warmup": 1, "beta2": 0.95}
    given = {"stage": method, "preset": f"{method}-mini", "config": {**SHARED, **SIZES[method]}}
    return Recipe(**{**given, **brief, **changes})


def batch(net: Imitator, size: int = 6, seed: int = 0) -> dict[str, Tensor]:
    """Windows whose actions follow from their pictures."""
    steps, chunk, edge = net.config.history, net.config.chunk, net.config.picture
    numbers = torch.Generator().manual_seed(seed)
    signs = torch.tensor([-1.0, 1.0])[torch.arange(size) % 2]
    pictures = torch.randint(0, 60, (size, steps, 2, edge, edge, 3), generator=numbers, dtype=torch.uint8)
    pictures[signs > 0, :, :, : edge // 2] += 150
    actions = 0.8 * signs[:, None, None, None] * torch.linspace(0.2, 1, chunk)[:, None].expand(size, steps, chunk, 7)
    valid = torch.ones(size, steps, chunk, dtype=torch.bool)
    return {
        "pictures": pictures,
        "state": torch.randn(size, steps, 8, generator=numbers),
        "task": torch.arange(size) % 2,
        "actions": actions,
        "actions_valid": valid,
    }


__all__ = ["METHODS", "batch", "history", "network", "policy", "recipe"]
