"""What each stage minimises, as modules from a batch to its losses; the optimiser sees what they hold.

Sources: Seer (arXiv 2412.15109) for the teacher, VITA-VLA (arXiv 2510.09607) for the student; what the baselines
minimise is in their own modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Protocol

import torch
from torch import Tensor, nn

from vvla_policies.baselines.imitation.network import Imitator
from vvla_policies.distill.recipe import AlignLoss, Recipe
from vvla_policies.student.network import Student
from vvla_policies.student.tokens import ChatLayout, load_tokenizer
from vvla_policies.teacher.losses import LossWeights, action_losses, foresight_loss, masked_mean, total_loss
from vvla_policies.teacher.mask import Masking
from vvla_policies.teacher.network import Features, Seer

Losses = dict[str, Tensor]


class Waypoint(nn.Module):
    """An auxiliary task: action features shall tell where the hand goes next, see `Recipe.waypoint_weight`.

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


class TeacherObjective(nn.Module):
    """Actions and foresight from demonstrations.

    Args:
        seer: the network, encoders attached.
        recipe: weights, kind of arm loss, masking.
        instructions: those that "task" counts in.
    """

    def __init__(self, seer: Seer, recipe: Recipe, instructions: Sequence[str]) -> None:
        super().__init__()
        self.network = seer
        self._recipe = recipe
        self._instructions = tuple(instructions)
        self._masking = Masking(recipe.only_foresight, recipe.own_state, recipe.goal, recipe.hidden)
        self.waypoint = Waypoint(seer.config.hidden, recipe.waypoint_weight)

    def forward(self, batch: dict[str, Tensor]) -> Losses:
        """A batch of `CachedWindows`, with pictures ahead unless foresight has no weight; scalars, "loss" the sum."""
        recipe = self._recipe
        features = teacher_features(self.network, batch, self._instructions, self._masking)
        predicted = self.network.decode(features.action)
        arm, gripper = action_losses(predicted, batch["actions"], batch["actions_valid"], recipe.arm_loss)
        losses = {"loss": arm + recipe.gripper_weight * gripper, "arm": arm, "gripper": gripper}
        if recipe.foresight_weight:
            foresight = self._foresight(features.foresight, batch)
            total = total_loss(arm, gripper, foresight, LossWeights(recipe.gripper_weight, recipe.foresight_weight))
            losses |= {"loss": total, "foresight": foresight}
        return self.waypoint.added(losses, features.action, batch)

    def _foresight(self, features: Tensor, batch: dict[str, Tensor]) -> Tensor:
        some = ceil(self._recipe.foresight_share * len(features))  # windows come in a random order
        features, valid, goal = features[:some], batch["ahead_valid"][:some], self._recipe.goal
        if goal:  # the last steps have no goal in the window
            valid = valid & (torch.arange(valid.shape[1], device=valid.device) < valid.shape[1] - goal)
        ahead = self.network.normalise(batch["pictures_ahead"][:some].flatten(0, 1)).unflatten(0, valid.shape)
        return foresight_loss(self.network.imagine(features), ahead, self.network.config.patch, valid)


class ImitationObjective(nn.Module):
    """Actions from demonstrations, as a baseline wants them.

    Args:
        network: the baseline.
        instructions: those that "task" counts in.
    """

    def __init__(self, network: Imitator, instructions: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._instructions = tuple(instructions)

    def forward(self, batch: dict[str, Tensor]) -> Losses:
        """Scalars, "loss" among them."""
        return self.network.losses(encoded_frames(self.network, batch, self._instructions), batch)


class PretrainObjective(nn.Module):
    """Before all stages: the language model answers questions about pictures.

    Args:
        student: the network, with what is trained marked.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.network = student

    def forward(self, batch: dict[str, Tensor]) -> Losses:
        """Scalars: "loss", the cross-entropy of the answers' tokens, and "right", the share that would be said."""
        logits = self.network.speak(batch["ids"], batch["pictures"][:, -1])[:, :-1]
        asked = batch["said"][:, 1:]
        found, wanted = logits[asked].float(), batch["ids"][:, 1:][asked]
        right = (found.argmax(dim=-1) == wanted).float().mean()
        return {"loss": nn.functional.cross_entropy(found, wanted), "right": right}


class StudentObjective(nn.Module):
    """A student's forward pass over a batch; the base of both stages.

    Args:
        student: the network, with what is trained marked (`student.stages.set_stage`).
        recipe: kinds and weights of losses.
        instructions: those that "task" counts in.
        steps: of every window.
    """

    def __init__(self, student: Student, recipe: Recipe, instructions: Sequence[str], steps: int) -> None:
        super().__init__()
        self.network = student
        self._recipe = recipe
        layout = ChatLayout(load_tokenizer(student.config.tokenizer), student.config)
        self.register_buffer("dialogs", layout.batch(instructions, steps), persistent=False)
        self.dialogs: Tensor
        self.waypoint = Waypoint(student.config.decoder_width, recipe.waypoint_weight)

    def inputs(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """What `Student.forward` takes: ids (B, L), pictures (B, S, 2, h, w, 3), states (B, S, 8)."""
        return self.dialogs[batch["task"]], batch["pictures"], batch["state"]


class AlignObjective(StudentObjective):
    """Stage 1: the student's features shall be the teacher's.

    Args:
        student: and the following, see `StudentObjective`.
        recipe: likewise.
        instructions: likewise.
        steps: likewise.
        teacher: runs in evaluation mode without gradients, and is no part of what is saved; None where batches hold
            its "features".
    """

    def __init__(
        self, student: Student, recipe: Recipe, instructions: Sequence[str], steps: int, teacher: Seer | None
    ) -> None:
        super().__init__(student, recipe, instructions, steps)
        self._teacher = (teacher,)  # in a tuple: not a submodule
        self._instructions = tuple(instructions)

    def forward(self, batch: dict[str, Tensor]) -> Losses:
        """Scalars: "loss"."""
        found = self.network(*self.inputs(batch)).features
        valid = batch["actions_valid"].any(dim=-1, keepdim=True).expand(found.shape[:-1])
        losses = {"loss": align_loss(found, self.target(batch), valid, self._recipe.align_loss)}
        return self.waypoint.added(losses, found, batch)

    @torch.no_grad()
    def target(self, batch: dict[str, Tensor]) -> Tensor:
        """The teacher's action features: (B, S, chunk, D)."""
        (teacher,) = self._teacher
        if teacher is None:
            return batch["features"].float()
        teacher.to(batch["state"].device).eval()
        seen = {name.removeprefix("teacher_"): value for name, value in batch.items() if name.startswith("teacher_")}
        return teacher_features(teacher, {**seen, "task": batch["task"]}, self._instructions).action.float()


class ActionObjective(StudentObjective):
    """Stage 2 and the controls: the student's actions shall be the demonstration's."""

    def forward(self, batch: dict[str, Tensor]) -> Losses:
        """Scalars: "loss", "arm", "gripper"."""
        said = self.network(*self.inputs(batch))
        arm, gripper = action_losses(said.actions, batch["actions"], batch["actions_valid"], self._recipe.arm_loss)
        losses = {"loss": arm + self._recipe.gripper_weight * gripper, "arm": arm, "gripper": gripper}
        return self.waypoint.added(losses, said.features, batch)


class FrameEncoder(Protocol):
    """A network that encodes frames one by one."""

    def read(self, instructions: Sequence[str]) -> Tensor:
        """Instructions (n) to (n, text width)."""

    def encode(self, pictures: Tensor, text: Tensor, state: Tensor) -> Tensor:
        """Frames (n, ...)."""


def encoded_frames(network: FrameEncoder, batch: dict[str, Tensor], instructions: Sequence[str]) -> Tensor:
    """All frames of a batch, encoded: (B, S, ...); every instruction is read once.

    Args:
        network: encodes.
        batch: "pictures" (B, S, 2, edge, edge, 3), "state" (B, S, 8), "task" (B,).
        instructions: those that "task" counts in.
    """
    shape = batch["state"].shape[:2]
    tasks, place = batch["task"].unique(return_inverse=True)
    text = network.read([instructions[int(task)] for task in tasks])[place].repeat_interleave(shape[1], dim=0)
    return network.encode(batch["pictures"].flatten(0, 1), text, batch["state"].flatten(0, 1)).unflatten(0, shape)


def teacher_features(
    seer: Seer, batch: dict[str, Tensor], instructions: Sequence[str], masking: Masking | None = None
) -> Features:
    """A teacher over whole windows.

    Args:
        seer: the network.
        batch: and the following, see `encoded_frames`.
        instructions: likewise.
        masking: switches of pre-training.
    """
    return seer(encoded_frames(seer, batch, instructions), masking or Masking())


def align_loss(found: Tensor, target: Tensor, valid: Tensor, kind: AlignLoss) -> Tensor:
    """Distance of features (B, S, chunk, D), a scalar: mean square, or the mean of the norms, which are not squared."""
    error = found.float() - target
    each = error.square().mean(-1) if kind == "mse" else torch.linalg.vector_norm(error, dim=-1)
    return masked_mean(each, valid)
