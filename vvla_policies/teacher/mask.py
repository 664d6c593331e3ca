"""Seer's block mask: who sees whom, step by step (arXiv 2412.15109 and its released code).

Tokens of a step, in order: text, state, latents and CLS of both cameras ("conditions"), then foresight tokens and
action tokens ("queries"). Conditions are seen by the queries and conditions of their own and later steps. Queries are
seen by nobody, with one exception, the inverse dynamics: action tokens see the foresight tokens of their own step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vvla_policies.teacher.config import SeerConfig

_TEXT, _STATE, _PICTURES = 0, 1, 2


@dataclass(frozen=True)
class Masking:
    """Switches of pre-training; the default is fine-tuning, training from scratch and evaluation.

    Attributes:
        only_foresight: action tokens see nothing but pictures and foresight of their own step (`atten_only_obs`).
        own_state: with `only_foresight`, they also see the state of their own step (`attn_robot_proprio_state`).
        goal: foresight tokens see the state this many steps ahead, in place of language; 0 off (`atten_goal`). Steps
            whose goal lies beyond the window must be left out of the loss.
        hidden: share of the foresight tokens that each step's action tokens cannot see, drawn anew for every
            forward pass (`mask_l_obs_ratio`).
    """

    only_foresight: bool = False
    own_state: bool = False
    goal: int = 0
    hidden: float = 0.0


DEFAULT = Masking()


def block_mask(
    config: SeerConfig, steps: int, masking: Masking = DEFAULT, generator: torch.Generator | None = None
) -> Tensor:
    """Who sees whom.

    Args:
        config: fixes the tokens per step.
        steps: S.
        masking: switches of pre-training.
        generator: on the CPU; draws the hidden foresight tokens.

    Returns:
        bool (L, L) on the CPU with L = S (A + B): row sees column.
    """
    asked, foresight = config.conditions, 2 * config.foresight
    per_step = asked + config.queries
    # sees[i, a, j, b]: token a of step i sees token b of step j.
    sees = torch.zeros(steps, per_step, steps, per_step, dtype=torch.bool)
    sees[:, :, :, :asked] = torch.ones(steps, steps).tril().bool()[:, None, :, None]
    for step in range(steps):
        actions = sees[step, asked + foresight :]
        if masking.only_foresight:
            actions[:] = False
            actions[:, step, _PICTURES:asked] = True
            actions[:, step, _STATE] = masking.own_state
        actions[:, step, asked : asked + foresight] = _shown(foresight, masking.hidden, generator)
        if masking.goal and step + masking.goal < steps:
            sees[step, asked : asked + foresight, step + masking.goal, _STATE] = True
    return sees.reshape(steps * per_step, steps * per_step)


def additive(sees: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The mask as attention takes it: 0 where the row sees the column, else minus infinity."""
    return torch.zeros(sees.shape, dtype=dtype, device=sees.device).masked_fill(~sees, float("-inf"))


def last_step_rows(config: SeerConfig, steps: int, step: int) -> Tensor:
    """The tokens that decide the answer at one step: conditions of all steps, queries of that step; (S A + B,) int64.

    No other token sees the queries of the other steps, so leaving them out changes nothing.
    """
    per_step = config.conditions + config.queries
    starts = torch.arange(steps)[:, None] * per_step
    conditions = (starts + torch.arange(config.conditions)).reshape(-1)
    return torch.cat([conditions, step * per_step + torch.arange(config.conditions, per_step)])


def _shown(count: int, hidden: float, generator: torch.Generator | None) -> Tensor:
    """Bool (count,), False at a random `hidden` share."""
    shown = torch.ones(count, dtype=torch.bool)
    if hidden:
        shown[torch.randperm(count, generator=generator)[: int(hidden * count)]] = False
    return shown
