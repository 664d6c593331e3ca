"""How long a window takes to train on this machine: a step or two of a network with made-up data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vvla_policies.distill import networks
from vvla_policies.distill.networks import Learner, Sources
from vvla_policies.distill.objectives import ActionObjective, TeacherObjective
from vvla_policies.distill.recipe import Recipe
from vvla_policies.student.network import Student
from vvla_policies.teacher.network import Seer

WINDOWS = 16
INSTRUCTION = "put the bowl on the plate"


def seconds_per_window(recipe: Recipe, threads: int = 0) -> float | None:
    """Measured forward and backward, without reading and optimiser; None for sizes that need weights to be built."""
    mini = recipe.preset.endswith("-mini")
    if not mini:
        return None
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads or before)
        return _measured(recipe)
    finally:
        torch.set_num_threads(before)


def _measured(recipe: Recipe) -> float:
    if recipe.stage == "teacher":
        learner = networks.open_teacher(recipe, Sources())
        assert isinstance(learner.network, Seer)
        objective: torch.nn.Module = TeacherObjective(learner.network, recipe, [INSTRUCTION])
    else:  # the same work as the stage's, whatever the labels are
        trains = recipe.trains or recipe.stage
        learner = networks.open_student(replace(recipe, stage="scratch", trains=trains), Sources())
        assert isinstance(learner.network, Student)
        objective = ActionObjective(learner.network, recipe, [INSTRUCTION], learner.history)
    batch = _batch(learner)
    objective.train()
    took = []
    for _ in range(2):
        began = time.perf_counter()
        objective(batch)["loss"].backward()
        took.append(time.perf_counter() - began)
    return min(took) / WINDOWS


def _batch(learner: Learner) -> Mapping[str, Tensor]:
    shape, edge = (WINDOWS, learner.history), learner.inputs.size
    pictures: Any = torch.zeros(*shape, 2, edge, edge, 3, dtype=torch.uint8)
    return {
        "task": torch.zeros(WINDOWS, dtype=torch.int64),
        "pictures": pictures,
        "pictures_ahead": pictures,
        "ahead_valid": torch.ones(shape, dtype=torch.bool),
        "state": torch.zeros(*shape, 8),
        "actions": torch.zeros(*shape, learner.chunk, 7),
        "actions_valid": torch.ones(*shape, learner.chunk, dtype=torch.bool),
        "waypoint": torch.zeros(*shape, 3),
    }
