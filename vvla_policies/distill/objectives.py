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
from vvla_policies.distill.auxiliary import Losses, Pointing, Waypoint
from vvla_policies.distill.recipe import AlignLoss, Recipe
from vvla_policies.student.network import Student
from vvla_policies.student.tokens import ChatLayout, load_tokenizer
from vvla_policies.teacher.losses import LossWeights, action_losses, foresight_loss, masked_mean, total_loss
from vvla_policies.teacher.mask import Masking
from vvla_policies.teacher.network import Features, Seer


class TeacherObjective(nn.Module):
    """Actions and foresight from demonstrations.

    Args:
        seer: the network, encoders attached.
        recipe: weights, kind of arm loss, masking.
        instructions: those that "task" counts in.
        things: to point at, see `Pointing`.
    """

    def __init__(self, seer: Seer, recipe: Recipe, instructions: Sequence[str], things: int = 0) -> None:
        super().__init__()
        self.network = seer
        self._recipe = recipe
        self._instructions = tuple(instructions)
        self._masking = Masking(recipe.only_foresight, recipe.own_state, recipe.goal, recipe.hidden)
        self.waypoint = Waypoint(seer.config.hidden, recipe.waypoint_weight)
        self.pointing = Pointing(seer.config.vision_width, seer.config.hidden, things, recipe.point_weight)

    def forward(self, batch: dict[str, Tensor]) -> Losses:
        """A batch of `CachedWindows`, with pictures ahead unless foresight has no weight; scalars, "loss" the sum."""
        recipe, shape = self._recipe, batch["state"].shape[:2]
        views = self.network.see(batch["pictures"].flatten(0, 1))
        text = read_instructions(self.network, batch, self._instructions)
        state = batch["state"].flatten(0, 1)
        conditions = self.network.conditions(views, text, state)
        features = self.network(conditions.unflatten(0, shape), self._masking)
        predicted = self.network.decode(features.action)
        arm, gripper = action_losses(predicted, batch["actions"], batch["actions_valid"], recipe.arm_loss)
        losses = {"loss": arm + recipe.gripper_weight * gripper, "arm": arm, "gripper": gripper}
        if recipe.foresight_weight:
            foresight = self._foresight(features.foresight, batch)
            total = total_loss(arm, gripper, foresight, LossWeights(recipe.gripper_weight, recipe.foresight_weight))
            losses |= {"loss": total, "foresight": foresight}
        last = [part.unflatten(0, shape)[:, -1] for part in (views, text, state)]
        looks = self.network.looks(*last) if self.pointing.weight else None
        losses = self.pointing.added(losses, last[0][:, :, 1:], features.action[:, -1], batch, looks)
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
        things: to point at, see `Pointing`.
    """

    def __init__(
        self, student: Student, recipe: Recipe, instructions: Sequence[str], steps: int, things: int = 0
    ) -> None:
        super().__init__()
        self.network = student
        self._recipe = recipe
        layout = ChatLayout(load_tokenizer(student.config.tokenizer), student.config)
        self.register_buffer("dialogs", layout.batch(instructions, steps), persistent=False)
        self.dialogs: Tensor
        self.waypoint = Waypoint(student.config.decoder_width, recipe.waypoint_weight)
        self.pointing = Pointing(student.config.hidden, student.config.decoder_width, things, recipe.point_weight)

    def inputs(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """What `Student.answer` takes: ids (B, L), visual tokens (2 B S, cells, hidden), states (B, S, 8)."""
        return self.dialogs[batch["task"]], self.network.see(batch["pictures"].flatten(0, 2)), batch["state"]


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
        found = self.network.answer(*self.inputs(batch)).features
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
        ids, visual, states = self.inputs(batch)
        said = self.network.answer(ids, visual, states)
        arm, gripper = action_losses(said.actions, batch["actions"], batch["actions_valid"], self._recipe.arm_loss)
        losses = {"loss": arm + self._recipe.gripper_weight * gripper, "arm": arm, "gripper": gripper}
        seen = visual.unflatten(0, (*states.shape[:2], 2))[:, -1]
        losses = self.pointing.added(losses, seen, said.features[:, -1], batch)
        return self.waypoint.added(losses, said.features, batch)


class FrameEncoder(Protocol):
    """A network that encodes frames one by one."""

    def read(self, instructions: Sequence[str]) -> Tensor:
        """Instructions (n) to (n, text width)."""

    def encode(self, pictures: Tensor, text: Tensor, state: Tensor) -> Tensor:
        """Frames (n, ...)."""


def read_instructions(network: FrameEncoder, batch: dict[str, Tensor], instructions: Sequence[str]) -> Tensor:
    """The instruction of every frame of a batch, (B S, text width); each of them is read once.

    Args:
        network: reads.
        batch: "state" (B, S, 8), "task" (B,).
        instructions: those that "task" counts in.
    """
    tasks, place = batch["task"].unique(return_inverse=True)
    text = network.read([instructions[int(task)] for task in tasks])
    return text[place].repeat_interleave(batch["state"].shape[1], dim=0)


def encoded_frames(network: FrameEncoder, batch: dict[str, Tensor], instructions: Sequence[str]) -> Tensor:
    """All frames of a batch, encoded: (B, S, ...).

    Args:
        network: encodes.
        batch: "pictures" (B, S, 2, edge, edge, 3), "state" (B, S, 8), "task" (B,).
        instructions: those that "task" counts in.
    """
    pictures, state = (batch[name].flatten(0, 1) for name in ("pictures", "state"))
    text = read_instructions(network, batch, instructions)
    return network.encode(pictures, text, state).unflatten(0, batch["state"].shape[:2])


def teacher_features(seer: Seer, batch: dict[str, Tensor], instructions: Sequence[str]) -> Features:
    """A teacher over whole windows; see `encoded_frames`."""
    return seer(encoded_frames(seer, batch, instructions))


def align_loss(found: Tensor, target: Tensor, valid: Tensor, kind: AlignLoss) -> Tensor:
    """Distance of features (B, S, chunk, D), a scalar: mean square, or the mean of the norms, which are not squared."""
    error = found.float() - target
    each = error.square().mean(-1) if kind == "mse" else torch.linalg.vector_norm(error, dim=-1)
    return masked_mean(each, valid)
