"""Success rates while a training lasts: its weights so far, through the evaluation harness."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vvla_policies.distill import networks
from vvla_policies.distill.networks import Learner
from vvla_policies.distill.trainer import Progress
from vvla_policies.evaluation.rollouts.evaluate import Request, evaluate
from vvla_policies.huggingface import import_transformers


@dataclass(frozen=True)
class Rollouts:
    """When and what to evaluate.

    Attributes:
        every: optimiser steps.
        suites: names or groups.
        episodes: per task.
        tasks: their numbers, None for all.
        assets: "official", "primitive" or "auto".
        workers: environment processes, None for one per core.
        seed: of the episodes.
    """

    every: int
    suites: tuple[str, ...] = ("libero",)
    episodes: int = 1
    tasks: tuple[int, ...] | None = None
    assets: str = "auto"
    workers: int | None = None
    seed: int = 0


class RolloutCallback(import_transformers().TrainerCallback):  # type: ignore[misc]
    """Runs the harness every so many steps; the training's own random numbers stay as they are.

    Args:
        rollouts: what to run.
        learner: the network in training.
        average: gives the weights that take the place of the network's own.
        out: of the training; runs go to `<out>/rollouts/step-<n>`.
        facts: of the card.
        progress: the log that gets "success_rate".
    """

    def __init__(
        self,
        rollouts: Rollouts,
        learner: Learner,
        average: Callable[[], Mapping[str, Tensor]],
        out: Path,
        facts: Mapping[str, Any],
        progress: Progress,
    ) -> None:
        self._rollouts, self._learner, self._average = rollouts, learner, average
        self._out, self._facts, self._progress = out / "rollouts", facts, progress

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Every `every` steps, on the first process."""
        if state.global_step % self._rollouts.every or not state.is_world_process_zero:
            return
        began = time.perf_counter()
        with _same_random_numbers():
            rate, episodes = self._run(state.global_step)
        self._progress.leave_out(time.perf_counter() - began)
        self._progress.write(state.global_step, {"success_rate": rate, "episodes": episodes})

    def _run(self, step: int) -> tuple[float, int]:
        rollouts, folder = self._rollouts, self._out / f"step-{step}"
        networks.save(folder / "checkpoint", self._learner, self._facts, self._average(), "float32")
        run = evaluate(
            Request(
                policy=self._learner.card.architecture,
                policy_options={"checkpoint": str(folder / "checkpoint")},
                suites=rollouts.suites,
                tasks=rollouts.tasks,
                episodes=rollouts.episodes,
                assets=rollouts.assets,
                seed=rollouts.seed,
                workers=rollouts.workers,
                out=folder / "run",
                resume=False,
            )
        )
        return float(np.mean([record.success for record in run.records])), len(run.records)


class _same_random_numbers:  # noqa: N801 - used as a function
    """Puts back the states of all global generators."""

    def __enter__(self) -> None:
        self._states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002

    def __exit__(self, *_: object) -> None:
        own, numpy, torchs = self._states
        random.setstate(own)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(torchs)
