"""Auxiliary tasks: what a network shall also be able to tell while it learns to act.

Policies have no use for their heads; they are kept apart from the weights, for trainings that go on from there.

Waypoint    where will the hand be when the gripper next moves?              of what was recorded
Pointing    where in the pictures are things, and what the task is about?    of what the simulator knows
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vvla_policies.distill.lessons.points import GOALS
from vvla_policies.pretrained import read_tensors
from vvla_policies.teacher.losses import masked_mean

Losses = dict[str, Tensor]
POINTED = ("points", "goals", "looks")
"""Losses of `Pointing`."""
HEADS = "auxiliary.safetensors"
"""In the folder of what a training goes on from."""


class Waypoint(nn.Module):
    """Action features shall tell where the hand goes next, see `Recipe.waypoint_weight`.

    Args:
        width: of the features.
        weight: of the loss; 0 makes a module that does nothing.
    """

    UNIT = 0.1
    """Metres that count as 1."""
    EXACT = 0.1
    """Of a unit: nearer than that, the error counts squared. Grasping needs the centimetre."""

    def __init__(self, width: int, weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.head = nn.Linear(width, 3) if weight else None
        if self.head is not None:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def added(self, losses: Losses, features: Tensor, batch: dict[str, Tensor]) -> Losses:
        """The losses with its own among them.

        Args:
            losses: with "loss".
            features: (B, S, chunk, width).
            batch: of `CachedWindows`.
        """
        if self.head is None:
            return losses
        valid = batch["actions_valid"].any(dim=-1)
        found = self.head(features.mean(dim=2)).float()
        each = nn.functional.smooth_l1_loss(found, batch["waypoint"] / self.UNIT, reduction="none", beta=self.EXACT)
        loss = masked_mean(each.mean(-1), valid)
        return {**losses, "loss": losses["loss"] + self.weight * loss, "waypoint": loss}


class Pointing(nn.Module):
    """Networks shall tell where things are in their last pictures, see `Recipe.point_weight`.

    Visual features: which of a picture's cells shows a thing, and where in it. Action features: which cells the goals
    are in, those of the task that they are features for. Attention that can be taught: it shall look there.

    Args:
        seen: width of the visual features.
        acted: width of the action features.
        things: how many; 0 makes a module that does nothing.
        weight: of the loss.
    """

    EXACT = 0.1
    """Of a cell: nearer than that, the error counts squared."""
    CELLS = 64
    """In a picture, for action features."""

    def __init__(self, seen: int, acted: int, things: int, weight: float) -> None:
        super().__init__()
        self.weight = weight if things else 0.0
        if self.weight:
            self.which = nn.Parameter(0.02 * torch.randn(2, things, seen))
            self.where = nn.Parameter(torch.zeros(2, things, 2, seen))
            self.goals = nn.Linear(acted, 2 * len(GOALS) * self.CELLS)

    def added(
        self,
        losses: Losses,
        seen: Tensor,
        acted: Tensor,
        batch: dict[str, Tensor],
        looks: Tensor | None = None,
    ) -> Losses:
        """The losses with its own among them.

        Args:
            losses: with "loss".
            seen: (B, 2, cells, width), visual features of both cameras' last pictures, row by row.
            acted: (B, chunk, width), action features of the last step.
            batch: of `CachedWindows`, with the entries of `lessons.points.read_points`.
            looks: logits (B, 2, heads, goals, cells) of attention.
        """
        if not self.weight:
            return losses
        own = {"points": self._things(seen, batch["things"]), "goals": self._goals(acted, batch["goals"])}
        if looks is not None:
            cell, _, shown = (part.unsqueeze(2) for part in _cells(batch["goals"], looks.shape[-1]))
            each = _choice(looks, cell.expand(looks.shape[:-1]))
            own["looks"] = masked_mean(each, shown.expand(each.shape))
        return {**losses, "loss": losses["loss"] + self.weight * sum(own.values()), **own}

    def _things(self, seen: Tensor, points: Tensor) -> Tensor:
        cell, inside, shown = _cells(points, seen.shape[2])
        which = _choice(torch.einsum("bcpw,cvw->bcvp", seen, self.which), cell)
        there = seen.gather(2, cell.unsqueeze(-1).expand(-1, -1, -1, seen.shape[-1]))
        found = torch.einsum("bcvw,cvkw->bcvk", there, self.where).float()
        where = nn.functional.smooth_l1_loss(found, inside, reduction="none", beta=self.EXACT).mean(-1)
        return masked_mean(which + where, shown)

    def _goals(self, acted: Tensor, points: Tensor) -> Tensor:
        cell, _, shown = _cells(points, self.CELLS)
        return masked_mean(_choice(self.goals(acted.mean(dim=1)).unflatten(-1, (*cell.shape[1:], -1)), cell), shown)


def save_heads(folder: Path, objective: nn.Module, average: Mapping[str, Tensor]) -> None:
    """Writes what an objective holds besides its network, if anything.

    Args:
        folder: of what a training goes on from.
        objective: of the training.
        average: trained weights that take the place of the objective's own.
    """
    heads = {n: average.get(n, t).contiguous() for n, t in objective.state_dict().items() if not _is_networks(n)}
    if heads:
        part = folder / f"{HEADS}.part"
        save_file(heads, part)
        part.replace(folder / HEADS)
    else:
        (folder / HEADS).unlink(missing_ok=True)


def load_heads(folder: Path, objective: nn.Module) -> int:
    """Gives an objective the heads of an earlier training, as far as they fit: others begin anew.

    Returns:
        How many tensors were there and fitted.

    Raises:
        VvlaError: their file is damaged.
    """
    if not (folder / HEADS).exists():
        return 0
    own = objective.state_dict()
    heads = {n: t for n, t in read_tensors(folder / HEADS).items() if n in own and own[n].shape == t.shape}
    objective.load_state_dict(heads, strict=False)
    return len(heads)


def _is_networks(name: str) -> bool:
    """Whether a tensor is the network's."""
    return name.startswith("network.")


def _cells(points: Tensor, cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points (B, n, 2, 2): number of their cell (B, 2, n), place in it from -0.5 to 0.5 (B, 2, n, 2), if there."""
    points = points.float().transpose(1, 2)
    edge = isqrt(cells)
    places = (points.nan_to_num() * edge).clamp(0, edge - 1e-3)
    column, row = places.long().unbind(-1)
    return row * edge + column, places.frac() - 0.5, ~points.isnan().any(dim=-1)


def _choice(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of logits (..., n) for the one that is wanted (...)."""
    flat = nn.functional.cross_entropy(logits.flatten(0, -2).float(), wanted.flatten(), reduction="none")
    return flat.view(wanted.shape)
