"""How the demonstrations of each task came about: a row per task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vvla_policies.distill.demos.findings import Held
    from vvla_policies.evaluation.records.runs import Run
    from vvla_policies.evaluation.rollouts.schedule import Group


@dataclass(frozen=True)
class TaskSummary:
    """How the demonstrations of a task came about.

    Attributes:
        suite: name.
        task: number.
        instruction: in words.
        demos: demonstrations that are there.
        attempts: episodes of the expert.
        successes: of them.
        errors: episodes that ended in an error.
        mean_steps: of the demonstrations.
        bytes: of them.
    """

    suite: str
    task: int
    instruction: str
    demos: int
    attempts: int
    successes: int
    errors: int
    mean_steps: float
    bytes: int


def summary(run: Run, held: Mapping[Group, Held]) -> list[TaskSummary]:
    """A row for each task of a run.

    Args:
        run: of all attempts.
        held: (suite, task) to its demonstrations.
    """
    rows = []
    for group, there in held.items():
        records = [record for record in run.records if (record.suite, record.task) == group]
        rows.append(
            TaskSummary(
                suite=group[0],
                task=group[1],
                instruction=there.instruction,
                demos=len(there.steps),
                attempts=len(records),
                successes=sum(record.success for record in records),
                errors=sum(record.error is not None for record in records),
                mean_steps=float(np.mean(there.steps)) if there.steps else 0.0,
                bytes=there.bytes,
            )
        )
    return rows
