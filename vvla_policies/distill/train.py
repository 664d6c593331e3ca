"""`train(request)`: a recipe and demonstrations in, a checkpoint that policies open out; resumable at any time.

<out>/model.safetensors, card.json     the checkpoint
      log.jsonl                        losses, pace
      training/                        what a stopped training goes on from, or another one that begins here
"""

from __future__ import annotations

import functools
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vvla_policies import __version__
from vvla_policies.baselines.imitation.network import Imitator
from vvla_policies.distill import networks
from vvla_policies.distill.auxiliary import POINTED, load_heads, save_heads
from vvla_policies.distill.data.batches import CachedWindows
from vvla_policies.distill.data.cache import CachedFile
from vvla_policies.distill.networks import Learner, Sources
from vvla_policies.distill.objectives import (
    ActionObjective,
    AlignObjective,
    ImitationObjective,
    PretrainObjective,
    TeacherObjective,
)
from vvla_policies.distill.recipe import Recipe
from vvla_policies.distill.rollouts import RolloutCallback, Rollouts
from vvla_policies.distill.telling import Line, Note
from vvla_policies.distill.trainer import DistillTrainer, Progress, last_checkpoint, read_log
from vvla_policies.distill.windows import gather, unpacked
from vvla_policies.envs.store import cache_root
from vvla_policies.errors import RecordError
from vvla_policies.pretrained import CARD, load_card, locate
from vvla_policies.student.network import Student
from vvla_policies.teacher.network import Seer

LOG, TRAINING, IDENTITY = "log.jsonl", "training", "request.json"
LOSSES = ("loss", "arm", "gripper", "foresight", "waypoint", *POINTED, "right", "l1", "kl", "eval_loss")


@dataclass(frozen=True)
class TrainRequest:
    """What the user asks for.

    Attributes:
        recipe: of the training.
        data: files or folders of demonstrations.
        out: the checkpoint's folder.
        sources: checkpoints to begin from.
        cache: folder of unpacked demonstrations; None for one in the user's cache folder.
        minutes: the most that this session trains; 0 for any. The same request goes on from there.
        resume: go on with what the folder holds; otherwise begin anew.
        rollouts: success rates to measure meanwhile, None for none.
        report_to: "none", "tensorboard" or "wandb".
        threads: of PyTorch; 0 for its own choice.
    """

    recipe: Recipe
    data: Sequence[Path]
    out: Path
    sources: Sources = field(default_factory=Sources)
    cache: Path | None = None
    minutes: float = 0.0
    resume: bool = True
    rollouts: Rollouts | None = None
    report_to: str = "none"
    threads: int = 0

    def done(self) -> bool:
        """Whether the folder holds the finished result.

        Raises:
            RecordError: it holds that of another request.
        """
        return _finished(self) is not None


@dataclass(frozen=True)
class Trained:
    """How a training stands when a session ends.

    Attributes:
        folder: of the checkpoint.
        step: optimiser steps so far.
        steps: planned.
        seconds: of training so far.
        losses: the last logged.
    """

    folder: Path
    step: int
    steps: int
    seconds: float
    losses: Mapping[str, float]

    @property
    def finished(self) -> bool:
        """All planned steps are done."""
        return self.step >= self.steps


def train(request: TrainRequest, note: Note = lambda _: None, line: Line = lambda *_: None) -> Trained:
    """Trains, or goes on with a training, until its steps are done or the time is over.

    Args:
        request: what to train.
        note: hears of what is being done.
        line: hears of every line of the log: step, steps, values.

    Raises:
        VvlaError: something the user can mend, in one line.
    """
    if request.threads:
        torch.set_num_threads(request.threads)
    recipe = request.recipe
    done = _finished(request)
    if done:
        return done
    learner = networks.open_learner(recipe, request.sources)
    target = networks.open_target(request.sources, learner) if recipe.stage == "align" else None
    cache = request.cache or cache_root() / "training"
    files = unpacked(recipe, request.data, cache, note)
    data, held_out = gather(recipe, files, learner, target, cache, note)
    steps = recipe.planned_steps(len(data))
    folder = request.out / TRAINING
    _claim(request, folder, data)
    if _is_to_calibrate(request, learner):
        learner.network.calibrate(torch.from_numpy(data.states()))
    objective = _objective(recipe, learner, target, data)
    if request.sources.init and not networks.is_moved(recipe, request.sources):
        kept = load_heads(locate(request.sources.init) / TRAINING, objective)
        note("heads of auxiliary losses go on" if kept else "heads of auxiliary losses, if any, begin anew")
    trainer = DistillTrainer(objective, recipe, steps, folder, data, held_out, request.report_to)
    start = last_checkpoint(folder) if request.resume else None
    progress = Progress(
        data, recipe.batch, request.out / LOG, lambda step, values: line(step, steps, values), request.minutes,
        spent=_spent(request.out / LOG, start),
    )  # fmt: skip
    trainer.add_callback(progress)
    if request.rollouts:
        facts = _facts(request, files, data, learner, Trained(request.out, 0, steps, 0.0, {}))
        averaged = functools.partial(_average, trainer)
        trainer.add_callback(RolloutCallback(request.rollouts, learner, averaged, request.out, facts, progress))
    note(_announcement(learner, data, steps, start))
    trainer.train(resume_from_checkpoint=str(start) if start else None)
    result = Trained(request.out, trainer.state.global_step, steps, progress.seconds, _losses(request.out))
    if trainer.is_world_process_zero():
        average = _average(trainer)
        networks.save(request.out, learner, _facts(request, files, data, learner, result), average, recipe.storage)
        save_heads(folder, objective, average)
        if result.finished:
            told = {**_told(folder / IDENTITY), "finished": True, "steps": steps, "seconds": result.seconds}
            (folder / IDENTITY).write_text(json.dumps(told, indent=2) + "\n")
    return result


def _losses(out: Path) -> dict[str, float]:
    """The last value of every loss in the log."""
    last: dict[str, float] = {}
    for line in read_log(out / LOG):
        last |= {name: value for name, value in line.items() if name in LOSSES}
    return last


def _average(trainer: DistillTrainer) -> dict[str, torch.Tensor]:
    weights = trainer.average.weights if trainer.average else {}
    return {name.removeprefix("network."): value for name, value in weights.items()}


def _is_to_calibrate(request: TrainRequest, learner: Learner) -> bool:
    """Whether the network has not acted yet, or not here, and is to begin scaled to the demonstrations' states."""
    recipe = request.recipe
    if recipe.stage == "pretrain" or not (recipe.scale_states or isinstance(learner.network, Imitator)):
        return False
    new = all(training["stage"] == "pretrain" for training in _earlier(request.sources.init))
    return new or networks.is_moved(recipe, request.sources)


def _objective(recipe: Recipe, learner: Learner, target: Learner | None, data: CachedWindows) -> torch.nn.Module:
    network, instructions = learner.network, data.instructions
    things = data.extra["things"].shape[1] if "things" in data.extra else 0
    if isinstance(network, Seer):
        return TeacherObjective(network, recipe, instructions, things)
    if isinstance(network, Imitator):
        return ImitationObjective(network, instructions)
    assert isinstance(network, Student)
    if recipe.stage == "pretrain":
        return PretrainObjective(network)
    if target is None:
        return ActionObjective(network, recipe, instructions, learner.history, things)
    seer = target.network if recipe.shift_teacher else None
    assert seer is None or isinstance(seer, Seer)
    return AlignObjective(network, recipe, instructions, learner.history, seer)


# --- going on, and what the card says --------------------------------------------------------------------------------


def _identity(request: TrainRequest) -> dict[str, Any]:
    return {"recipe": request.recipe.to_json(), "sources": request.sources.parents()}


def _finished(request: TrainRequest) -> Trained | None:
    """The result of a request that is done already."""
    told = _told(request.out / TRAINING / IDENTITY)
    if not (request.resume and told and told.get("finished")):
        return None
    if {k: told[k] for k in ("recipe", "sources")} != _plain(_identity(request)):
        raise _belongs_to_another(request.out)
    return Trained(request.out, told["steps"], told["steps"], told["seconds"], _losses(request.out))


def _claim(request: TrainRequest, folder: Path, data: CachedWindows) -> None:
    """Notes whose folder it is.

    Raises:
        RecordError: another training's, or it cannot be written.
    """
    identity = {**_identity(request), "windows": len(data), "demos": data.demos}
    told = _told(folder / IDENTITY)
    if request.resume and told and told != _plain(identity):
        if {k: told.get(k) for k in ("recipe", "sources")} == _plain(_identity(request)):
            raise RecordError(
                f"the demonstrations changed since {folder.parent} was begun; add --no-resume, or use another --out"
            )
        raise _belongs_to_another(request.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / IDENTITY).write_text(json.dumps(identity, indent=2) + "\n")
    except OSError as error:
        raise RecordError(f"cannot write {folder}: {error.strerror}; choose another --out") from error


def _belongs_to_another(out: Path) -> RecordError:
    return RecordError(
        f"{out} belongs to a training with another recipe or other checkpoints; add --no-resume, or use another --out"
    )


def _told(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(data)))


def _spent(log: Path, start: Path | None) -> float:
    """Seconds of training before the checkpoint that is resumed."""
    if start is None:
        return 0.0
    step = int(start.name.removeprefix("checkpoint-"))
    return max((line.get("seconds", 0.0) for line in read_log(log) if line["step"] <= step), default=0.0)


def _announcement(learner: Learner, data: CachedWindows, steps: int, start: Path | None) -> str:
    network = learner.network
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    whole = sum(p.numel() for p in network.parameters())
    begun = f", going on from step {start.name.removeprefix('checkpoint-')}" if start else ""
    return (
        f"{learner.card.preset}: {trained / 1e6:.2f} of {whole / 1e6:.2f} M parameters train on {len(data)} windows of "
        f"{data.demos} demonstrations ({len(data.instructions)} instructions), {steps} steps{begun}"
    )


def _earlier(init: str | None) -> list[dict[str, Any]]:
    """The trainings behind a checkpoint that a training begins from, oldest first."""
    if not init or not (locate(init) / CARD).exists():
        return []
    data = load_card(init).data
    kept = ("version", "steps", "windows", "seconds", "demonstrations")
    last = {"stage": data.get("recipe", {}).get("stage"), **{name: data[name] for name in kept if name in data}}
    return [*data.get("earlier", []), last]


def _facts(
    request: TrainRequest, files: Sequence[CachedFile], data: CachedWindows, learner: Learner, result: Trained
) -> dict[str, Any]:
    """What the card says about a training."""
    assets = sorted({file.facts.get("assets", {}).get("name", "official") for file in files})
    prints = sorted({file.facts["assets"]["fingerprint"] for file in files if "assets" in file.facts})
    frames = int(np.sum([sum(file.lengths) for file in files]))
    return {
        "trained_on": assets[0] if len(assets) == 1 else None,
        "parents": request.sources.parents(),
        "data": {
            "version": __version__,
            "recipe": request.recipe.to_json(),
            "steps": result.step,
            "planned": result.steps,
            "windows": result.step * request.recipe.batch,
            "seconds": round(result.seconds, 1),
            "earlier": _earlier(request.sources.init),
            "losses": dict(result.losses),
            "history": learner.history,
            "spacing": learner.spacing,
            "assets": {"names": assets, "fingerprints": prints},
            "instructions": data.instructions,
            "demonstrations": data.demos,
            "frames": frames,
            "files": sorted({file.source.name for file in files}),
            "machine": {
                "platform": platform.platform(),
                "cpus": os.cpu_count(),
                "threads": torch.get_num_threads(),
                "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
                "torch": torch.__version__,
            },
        },
    }
