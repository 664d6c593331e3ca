"""The networks of a training: where they come from, how they read windows, and the card they are saved with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from vvla_policies.baselines.imitation import checkpoints as imitators
from vvla_policies.baselines.imitation.network import Imitator
from vvla_policies.distill.compilation import compile_blocks
from vvla_policies.distill.recipe import Recipe
from vvla_policies.errors import PolicyError, VvlaError
from vvla_policies.execution import Execution
from vvla_policies.inputs import SEER_INPUTS, Inputs
from vvla_policies.pretrained import CARD, ModelCard, fingerprint, fit, fit_common, load_card, locate, save_pretrained
from vvla_policies.student import config as student_config
from vvla_policies.student import weights as student_weights
from vvla_policies.student.network import Student, build_student
from vvla_policies.student.stages import STAGES, set_stage
from vvla_policies.teacher import config as teacher_config
from vvla_policies.teacher import weights as teacher_weights
from vvla_policies.teacher.network import Seer

Resizable = TypeVar("Resizable", bound=Seer | Student | Imitator)
_STORAGE = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Sources:
    """Checkpoints that a training begins from; folders, files or hub ids.

    Attributes:
        init: of the network that is trained: Seer or a student; for `finetune` the aligned student.
        teacher: Seer: whose features are the target, and whose action decoder the student reuses.
        base: the vision-language model of a published size.
        vision: MAE's weights, for a teacher of a published size.
        text: CLIP's weights, likewise.
    """

    init: str | None = None
    teacher: str | None = None
    base: str | None = None
    vision: str | None = None
    text: str | None = None

    def parents(self) -> dict[str, str]:
        """Those that are given."""
        return {name: str(value) for name, value in vars(self).items() if value}


@dataclass(frozen=True)
class Learner:
    """A network and how it reads.

    Attributes:
        network: a `Seer`, a `Student` or an `Imitator`; what is trained has gradients.
        card: of its checkpoint, as far as it is known before training.
        chunk: predicted actions.
        history: frames of a window.
        spacing: steps between them.
    """

    network: nn.Module
    card: ModelCard
    chunk: int
    history: int
    spacing: int

    @property
    def inputs(self) -> Inputs:
        """The convention of what it reads."""
        return Inputs(**self.card.inputs)


def open_learner(recipe: Recipe, sources: Sources) -> Learner:
    """What a recipe's stage trains, new or from a checkpoint.

    Raises:
        VvlaError: see the functions below.
    """
    _check_sources(recipe, sources)
    if recipe.stage in imitators.METHODS:
        return open_imitator(recipe, sources)
    return (open_teacher if recipe.stage == "teacher" else open_student)(recipe, sources)


def open_imitator(recipe: Recipe, sources: Sources) -> Learner:
    """A baseline to train, new or from a checkpoint.

    Raises:
        VvlaError: a checkpoint is missing or does not fit.
    """
    if sources.init:
        network, card = _resized(recipe, sources.init, *imitators.load(recipe.stage, sources.init))
    else:
        longer = {"history": recipe.history} if recipe.history else {}
        fixed: dict[str, Any] = {"method": recipe.stage, "benchmark": recipe.benchmark, "seed": recipe.seed}
        network, card = _with_changes(
            lambda name, **new: imitators.build(preset=name, **fixed, **new), recipe, **longer
        )
    return _learner(network, _recarded(card, recipe), network.config.chunk, recipe, most=network.config.history)


def open_teacher(recipe: Recipe, sources: Sources) -> Learner:
    """A teacher to train, new or from a checkpoint.

    Raises:
        VvlaError: a checkpoint is missing or does not fit.
    """
    if sources.init:
        opened = teacher_weights.load_teacher(sources.init, recipe.benchmark, recipe.history or None)
        seer, card = _resized(recipe, sources.init, *opened)
    else:
        config = teacher_config.get_preset(recipe.preset)
        steps = recipe.history or teacher_config.default_execution(config, recipe.benchmark).history
        config = _with_changes(teacher_config.get_preset, recipe, history=steps)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            seer = Seer(config)
        card = teacher_weights.make_card(seer, recipe.preset, recipe.benchmark)
    attach_encoders(seer, sources)
    return _learner(seer, _recarded(card, recipe), seer.config.chunk, recipe, most=seer.config.history)


def open_student(recipe: Recipe, sources: Sources) -> Learner:
    """A student to train, with exactly the parameters of its stage marked.

    Raises:
        VvlaError: a checkpoint that the stage needs is not given, is missing or does not fit.
    """
    if sources.init and student_weights.is_ours(locate(sources.init)):
        student, card = _resized(recipe, sources.init, *student_weights.load_student(sources.init))
    else:
        config = _with_changes(lambda name, **new: student_config.get_preset(name, recipe.benchmark, **new), recipe)
        student = build_student(config, recipe.seed)
        student_weights.load_published(student, sources.init, sources.base)
        card = student_weights.make_card(config, recipe.benchmark)
    if sources.teacher and recipe.stage in ("align", "only-ft", "scratch"):
        fit(student.decoder, teacher_weights.load_heads(sources.teacher).state_dict(), sources.teacher)
    set_stage(student, recipe.trains or recipe.stage)
    if recipe.stage == "align":
        student.decoder.requires_grad_(False)  # the teacher's, whatever else is trained
    return _learner(student, _recarded(card, recipe), student.config.action_tokens, recipe)


def open_target(sources: Sources, student: Learner) -> Learner:
    """The teacher whose features a student shall have: frozen, in evaluation mode.

    Raises:
        VvlaError: it does not fit the student.
    """
    benchmark = student.card.benchmark
    seer, card = teacher_weights.load_teacher(str(sources.teacher), benchmark)
    attach_encoders(seer, sources)
    network = student.network
    assert isinstance(network, Student)
    pairs = {
        "benchmark": (card.benchmark, benchmark),
        "predicted actions": (seer.config.chunk, student.chunk),
        "width": (seer.config.hidden, network.config.decoder_width),
    }
    for what, (theirs, own) in pairs.items():
        if theirs != own:
            raise VvlaError(f"teacher {sources.teacher} does not fit the student: {what} {theirs}, not {own}")
    if seer.config.history < student.history:
        raise VvlaError(f"teacher {sources.teacher} reads {seer.config.history} frames, the student {student.history}")
    seer.requires_grad_(False).eval()
    return Learner(seer, card, seer.config.chunk, student.history, student.spacing)


def attach_encoders(seer: Seer, sources: Sources) -> None:
    """Frozen MAE and CLIP for a teacher of a published size."""
    if not seer.config.published:
        return
    if not (sources.vision and sources.text):
        raise VvlaError(
            f"a teacher of a published size needs its frozen encoders: add --vision {teacher_weights.MAE_ON_HUB} and "
            f"--text {teacher_weights.CLIP_ON_HUB}, or paths of such weights"
        )
    mae = teacher_weights.load_mae(sources.vision, seer.config)
    seer.attach(mae, teacher_weights.load_clip(sources.text))


def save(folder: Path, learner: Learner, facts: Mapping[str, Any], average: Mapping[str, Tensor], storage: str) -> Path:
    """Writes the checkpoint that policies open.

    Args:
        folder: made if absent.
        learner: the trained network.
        facts: fields of the card: `trained_on`, `data`, `parents`.
        average: trained weights that take the place of the network's own.
        storage: precision of floating-point tensors.
    """
    network = learner.network
    whole = network.trained_tensors() if isinstance(network, Seer) else network.state_dict()
    tensors = {name: average.get(name, tensor) for name, tensor in whole.items()}
    kept = {n: t.to(_STORAGE[storage]) if t.is_floating_point() else t for n, t in tensors.items()}
    return save_pretrained(folder, kept, replace(learner.card, **facts))


def weights_of(learner: Learner) -> str:
    """A fingerprint of a network's weights."""
    return fingerprint(learner.network.state_dict())


def _check_sources(recipe: Recipe, sources: Sources) -> None:
    if sources.teacher and recipe.stage not in STAGES:
        raise VvlaError(f"stage '{recipe.stage}' has no use for a teacher; leave out --teacher")
    if recipe.stage in ("align", "only-ft") and not sources.teacher:
        reason = "whose features are the target" if recipe.stage == "align" else "whose action decoder is reused"
        raise VvlaError(f"stage '{recipe.stage}' needs the teacher {reason}: add --teacher FOLDER")
    if sources.teacher and locate(sources.teacher).is_dir():
        kind = load_card(sources.teacher).architecture
        if kind != "teacher":
            raise VvlaError(f"{sources.teacher} is a {kind}, not a teacher")
    if recipe.stage in ("finetune", "freeze-vlm") and not sources.init:
        raise VvlaError(f"stage '{recipe.stage}' begins from an aligned student: add --init FOLDER")


def _with_changes(preset: Any, recipe: Recipe, **more: Any) -> Any:
    try:
        return preset(recipe.preset, **{**more, **recipe.config})
    except TypeError as error:
        raise VvlaError(f"config of the recipe: {str(error).split(') ')[-1]}") from error


def is_moved(recipe: Recipe, sources: Sources) -> bool:
    """Whether a training begins from a checkpoint of ours that acts in another benchmark."""
    if not (sources.init and (locate(sources.init) / CARD).exists()):
        return False
    return load_card(sources.init).benchmark != recipe.benchmark


def _resized(recipe: Recipe, source: str, network: Resizable, card: ModelCard) -> tuple[Resizable, ModelCard]:
    """The network of a checkpoint with the recipe's changes of its configuration: what fits is kept.

    Proprioception is told otherwise in another benchmark: there state encoders begin anew.
    """
    config = _with_changes(lambda _, **new: replace(network.config, **new), recipe)
    moved = card.benchmark != recipe.benchmark
    if config == network.config and not moved:
        return network, card
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        other = type(network)(config)
    fit_common(other, {n: t for n, t in network.state_dict().items() if not (moved and _feels(n))}, source)
    card = replace(card, config=config.to_json())
    return other, _moved(card, other, recipe.benchmark) if moved else card


def _feels(name: str) -> bool:
    """Whether a tensor is a state encoder's."""
    return "state_encoder." in name


def _moved(card: ModelCard, network: nn.Module, benchmark: str) -> ModelCard:
    """The card of a network from another benchmark: inputs and execution are what is usual in the new one."""
    if isinstance(network, Imitator):
        return replace(card, inputs={**card.inputs, "gripper": SEER_INPUTS[benchmark].gripper})
    usual: Any = teacher_config if isinstance(network, Seer) else student_config
    inputs, execution = (read(network.config, benchmark) for read in (usual.default_inputs, usual.default_execution))
    return replace(card, inputs=inputs.to_json(), execution=execution.to_json())


def _recarded(card: ModelCard, recipe: Recipe) -> ModelCard:
    """The card with the recipe's changes to inputs and execution."""
    try:
        inputs = Inputs(**{**card.inputs, **recipe.inputs}).to_json()
        execution = Execution(**{**card.execution, **recipe.execution}).to_json()
    except TypeError as error:
        raise VvlaError(f"inputs or execution of the recipe: {str(error).split(') ')[-1]}") from error
    return replace(card, benchmark=recipe.benchmark, inputs=inputs, execution=execution)


def _learner(network: nn.Module, card: ModelCard, chunk: int, recipe: Recipe, most: int | None = None) -> Learner:
    execution = Execution(**card.execution)
    history = recipe.history or execution.history
    if most is not None and history > most:
        raise PolicyError(f"a history of {history} is more than the {most} that the network has positions for")
    execution = replace(execution, history=min(execution.history, history))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):  # the layout that pictures come in; a quarter faster on a CPU
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]
    if recipe.compile:
        compile_blocks(network)
    spacing = recipe.spacing or (execution.length(chunk) if execution.mode == "chunk" else 1)
    return Learner(network, replace(card, execution=execution.to_json()), chunk, history, spacing)
