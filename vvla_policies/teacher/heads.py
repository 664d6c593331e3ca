"""The action decoder: from action-token features to arm and gripper. The student reuses it, weights included."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Actions(NamedTuple):
    """Predicted actions.

    Attributes:
        arm: (..., 6) in [-1, 1], the benchmark's relative controller command.
        gripper_logit: (..., 1), the gripper is open with probability sigmoid(logit).
    """

    arm: Tensor
    gripper_logit: Tensor

    def joined(self) -> Tensor:
        """(..., 7): arm, then the probability that the gripper is open; what `execution.execute` takes."""
        return torch.cat([self.arm, self.gripper_logit.sigmoid()], dim=-1)


class ActionHeads(nn.Module):
    """Trunk, arm head (tanh) and gripper head (sigmoid), named as in Seer's checkpoints.

    Args:
        width: of the features, H: 384 for Seer, 1024 for Seer-Large.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.action_decoder = nn.Sequential(nn.Linear(width, half), nn.ReLU(), nn.Linear(half, half), nn.ReLU())
        self.arm_action_decoder = nn.Sequential(nn.Linear(half, 6), nn.Tanh())
        self.gripper_action_decoder = nn.Sequential(nn.Linear(half, 1))

    def decode(self, features: Tensor) -> Actions:
        """Features (..., H), after the transformer's final norm, to actions."""
        trunk = self.action_decoder(features)
        return Actions(self.arm_action_decoder(trunk), self.gripper_action_decoder(trunk))


HEADS = ("action_decoder.", "arm_action_decoder.", "gripper_action_decoder.")
"""Prefixes of the tensors that `ActionHeads` holds."""
