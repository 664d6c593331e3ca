"""Recipes: everything that fixes a training but its data, in one flat file (YAML or JSON).

    recipes/<stage>/<name>.yaml        `vvla train <stage> --recipe <name>`

A recipe stands for itself: what it does not say has the default below, never another recipe's value.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.resources import files
from math import ceil
from pathlib import Path
from typing import Any, Literal, get_args

from vvla_policies.distill.demos.conversions import Alignment
from vvla_policies.errors import UnknownNameError, VvlaError

Stage = Literal[
    "teacher", "pretrain", "align", "finetune", "only-ft", "freeze-vlm", "scratch", "act", "diffusion", "bc-transformer"
]
ArmLoss = Literal["mae", "smooth_l1", "mse"]
AlignLoss = Literal["mse", "l2"]
Schedule = Literal["cosine", "linear", "constant"]
Precision = Literal["float32", "bfloat16", "float16"]
_CHOICES: dict[str, Any] = {
    "stage": Stage,
    "alignment": Alignment,
    "arm_loss": ArmLoss,
    "align_loss": AlignLoss,
    "schedule": Schedule,
    "storage": Precision,
}
_TEACHER, _ALIGN = ("teacher",), ("align",)
_ACTING = ("teacher", "finetune", "only-ft", "freeze-vlm", "scratch")
_ONLY: dict[str, tuple[str, ...]] = {
    "questions": ("pretrain",),
    "align_loss": _ALIGN,
    "shift_teacher": _ALIGN,
    "arm_loss": _ACTING,
    "gripper_weight": _ACTING,
    "waypoint_weight": (*_ACTING, *_ALIGN),
    "point_weight": _ACTING,
    "roam": (*_ACTING, *_ALIGN),
    **dict.fromkeys(("foresight_weight", "foresight_share", "only_foresight", "own_state", "goal", "hidden"), _TEACHER),
}
"""The stages that read a field, where others do not."""


@dataclass(frozen=True)
class Recipe:
    """A training.

    Attributes:
        stage: what is trained: "teacher", one of `student.stages.STAGES`, or one of the baselines' `METHODS`.
        preset: of the network, where it does not begin from a checkpoint of ours.
        benchmark: "libero" or "calvin".
        config: fields of the preset to change, or of the checkpoint that it begins from: tensors that then do not fit
            begin anew, and it says which.
        inputs: fields of `Inputs` that differ from the preset's.
        execution: fields of `Execution` that differ from the preset's.
        trains: another stage whose parameters are trained; "" for the stage's own.
        history: frames of a window; 0 for the execution's.
        spacing: steps from one frame of the history to the next; 0 for as many as are executed without looking.
        stride: windows end at every so many frames.
        alignment: which action is a frame's own, see `Windows`.
        skip_disturbed: leave out actions that are not the expert's own.
        skip_idle: pass over actions that do nothing. An expert that waits for its arm teaches a policy, which does not
            see what it waits for, to stand still for ever.
        balance: windows of all instructions come equally often; otherwise those of long tasks come more often.
        scale_states: state encoders that are new begin scaled to the demonstrations' states, see `blocks.standardise`;
            those of a checkpoint of another benchmark are.
        shift_image: most pixels by which third-person pictures are shifted, at the model's size; drawn per frame.
        shift_wrist: likewise for the wrist's.
        roam: most pixels by which third-person pictures are shifted sideways together with the hand's position, drawn
            per window: who sees hand and goal elsewhere acts alike. What stands in few places in the demonstrations
            then stands anywhere. Needs the simulator, as `point_weight` does; and in stage 1 `shift_teacher`: the
            teacher sees the same.
        jitter: how much the colours of each window's pictures change, see `augmentation.jittered`; 0 for not at all.
        shift_teacher: the teacher, too, sees shifted pictures, drawn independently; so its features are not cached.
        holdout: demonstrations of each file, the last ones, that are kept for validation.
        steps: of the optimiser; 0 for `epochs`.
        epochs: passes over all windows, where `steps` is 0.
        batch: windows per optimiser step, over all processes.
        micro: windows that a process takes at a time; 0 for its whole share. The rest is accumulated.
        lr: highest learning rate.
        warmup: optimiser steps of the linear warm-up, or below 1 the share of all.
        schedule: after the warm-up.
        floor: share of `lr` at which "cosine" ends.
        weight_decay: of AdamW, on matrices.
        beta2: of AdamW.
        clip: largest norm of the gradient; 0 for any.
        ema: decay of the weights' moving average, which is what is saved then; 0 for none.
        bf16: compute in bfloat16 where it is safe (autocast).
        compile: compile transformer blocks (torch.compile); the first step takes a minute longer, later ones less time.
        seed: of weights, order and shifts.
        questions: about each picture, of the stage "pretrain".
        arm_loss: "mae" is the paper's for the student, "smooth_l1" the released code's and Seer's.
        gripper_weight: of the gripper's cross-entropy.
        foresight_weight: of the teacher's foresight; 0 leaves it out.
        foresight_share: of each batch's windows, those whose foresight is predicted.
        waypoint_weight: of an auxiliary loss: from the action features, where the hand will be when the gripper next
            opens or closes. Its head is kept in `training/`, apart from the weights. 0 leaves it out.
        point_weight: of another: from the visual features, which cell of each picture shows a thing, and where in it.
            The simulator knows: it must be here, with the assets that the demonstrations were made with.
        align_loss: "mse" is the paper's, "l2" (mean of the norms) the released code's.
        only_foresight: and the next three, see `teacher.mask.Masking`.
        own_state: likewise.
        goal: likewise.
        hidden: likewise.
        log_every: optimiser steps.
        save_every: optimiser steps between checkpoints that a resumed training goes on from; a multiple of `log_every`.
        validate_every: optimiser steps between losses on what is held out; 0 for the end only.
        validate_windows: how many of the windows held out.
        workers: processes that read ahead; 0 for none.
        storage: precision of the stored weights.
    """

    stage: Stage
    preset: str
    benchmark: str = "libero"
    config: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)
    trains: str = ""
    history: int = 0
    spacing: int = 0
    stride: int = 1
    alignment: Alignment = "causal"
    skip_disturbed: bool = False
    skip_idle: bool = False
    balance: bool = False
    scale_states: bool = False
    shift_image: int = 0
    shift_wrist: int = 0
    roam: int = 0
    jitter: float = 0.0
    shift_teacher: bool = False
    holdout: int = 0
    steps: int = 0
    epochs: float = 1.0
    batch: int = 64
    micro: int = 0
    lr: float = 1e-3
    warmup: float = 0.02
    schedule: Schedule = "cosine"
    floor: float = 0.0
    weight_decay: float = 1e-4
    beta2: float = 0.999
    clip: float = 0.0
    ema: float = 0.0
    bf16: bool = False
    compile: bool = False
    seed: int = 42
    questions: int = 6
    arm_loss: ArmLoss = "smooth_l1"
    gripper_weight: float = 0.01
    foresight_weight: float = 0.1
    foresight_share: float = 1.0
    waypoint_weight: float = 0.0
    point_weight: float = 0.0
    align_loss: AlignLoss = "mse"
    only_foresight: bool = False
    own_state: bool = False
    goal: int = 0
    hidden: float = 0.0
    log_every: int = 50
    save_every: int = 1000
    validate_every: int = 0
    validate_windows: int = 2048
    workers: int = 0
    storage: Precision = "float32"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                raise UnknownNameError(f"{name} of a recipe", str(getattr(self, name)), list(get_args(choices)))
        if min(self.batch, self.log_every, self.save_every, self.stride) < 1 or self.steps < 0 or self.lr <= 0:
            raise VvlaError("a recipe needs batch, log_every, save_every and stride of at least 1, steps >= 0, lr > 0")
        if self.save_every % self.log_every:
            raise VvlaError(f"save_every ({self.save_every}) must be a multiple of log_every ({self.log_every})")
        if not 0 < self.foresight_share <= 1:
            raise VvlaError(
                f"foresight_share must lie in (0, 1], not {self.foresight_share}; foresight_weight=0 is none"
            )
        if self.stage == "align" and self.roam and not self.shift_teacher:
            raise VvlaError("roam in stage align needs shift_teacher=true: the teacher must see what the student sees")
        if not self.steps and self.epochs <= 0:
            raise VvlaError("a recipe needs steps, or epochs above 0")

    def planned_steps(self, windows: int) -> int:
        """Optimiser steps on a data set of so many windows."""
        return self.steps or ceil(self.epochs * windows / self.batch)

    def warmup_steps(self, steps: int) -> int:
        """Optimiser steps of the warm-up."""
        return round(self.warmup * steps) if self.warmup < 1 else int(self.warmup)

    def accumulation(self, processes: int = 1) -> tuple[int, int]:
        """Windows that a process takes at a time, and how many times before the optimiser steps.

        Raises:
            VvlaError: the batch does not divide.
        """
        share, rest = divmod(self.batch, processes)
        micro = self.micro or share
        if rest or share % micro:
            raise VvlaError(f"batch {self.batch} does not divide into {processes} processes of micro {micro}")
        return micro, share // micro

    def to_json(self) -> dict[str, Any]:
        """Plain data; `Recipe(**data)` is its inverse."""
        return asdict(self)


def load_recipe(stage: str, source: str | Path, changes: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe by name, or from a file.

    Args:
        stage: of training.
        source: name of one of `recipe_names`, or path of a YAML or JSON file.
        changes: fields to change.

    Raises:
        VvlaError: there is none, or it does not make sense.
    """
    if stage not in get_args(Stage):
        raise UnknownNameError("stage", stage, list(get_args(Stage)))
    path = Path(source)
    if path.suffix in {".yaml", ".yml", ".json"}:
        try:
            text = path.read_text()
        except OSError as error:
            raise VvlaError(f"cannot read recipe {path}: {error.strerror}") from error
    else:
        names = recipe_names(stage)
        if str(source) not in names:
            raise UnknownNameError(f"recipe of stage '{stage}'", str(source), names, "A path of a file will do, too.")
        text = _folder().joinpath(stage, f"{source}.yaml").read_text()
    told = {**_parsed(text, str(source)), **(changes or {})}
    if told.setdefault("stage", stage) != stage:
        raise VvlaError(f"recipe {source} is for stage {told['stage']}, not {stage}")
    _check_stage(stage, told, f"recipe {source}")
    return _made(told, str(source))


def reads(stage: str, name: str) -> bool:
    """Whether a field of a recipe means anything to a stage."""
    return stage in _ONLY.get(name, (stage,))


def recipe_names(stage: str) -> list[str]:
    """The recipes of a stage that come with this package."""
    folder = _folder() / stage
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def parse_changes(given: list[str]) -> dict[str, Any]:
    """Fields from repeated key=value; "config.width=192" changes one entry of a field that is a table.

    Raises:
        VvlaError: not of that form.

    >>> parse_changes(["lr=1e-3", "config.layers=2", "preset=seer-mini"])
    {'lr': 0.001, 'config': {'layers': 2}, 'preset': 'seer-mini'}
    """
    changes: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        name, dot, entry = key.strip().partition(".")
        if not equals or not name.isidentifier():
            raise VvlaError(f"--set '{text}': expected key=value, such as --set lr=1e-3")
        if dot:
            changes.setdefault(name, {})[entry] = _literal(value)
        else:
            changes[name] = _literal(value)
    return changes


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """A recipe with other values; tables are added to.

    Raises:
        VvlaError: a field does not exist or its value makes no sense.
    """
    tables = {k: {**getattr(recipe, k), **v} for k, v in changes.items() if isinstance(v, Mapping) and k in _TABLES}
    _check_names({**changes}, "--set")
    _check_stage(recipe.stage, changes, "--set")
    try:
        return replace(recipe, **{**changes, **tables})
    except TypeError as error:
        raise VvlaError(f"--set: {error}") from error


_TABLES = ("config", "inputs", "execution")


def _folder() -> Any:
    return files("vvla_policies.distill").joinpath("recipes")


def _parsed(text: str, source: str) -> dict[str, Any]:
    try:
        import yaml
    except ModuleNotFoundError as error:
        from vvla_policies.errors import MissingExtraError

        raise MissingExtraError("train", "PyYAML") from error
    try:
        told = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise VvlaError(f"recipe {source} is broken: {' '.join(str(error).split())}") from error
    if not isinstance(told, dict):
        raise VvlaError(f"recipe {source} holds no table of fields")
    return told


def _made(told: Mapping[str, Any], source: str) -> Recipe:
    _check_names(told, f"recipe {source}")
    try:
        return Recipe(**told)
    except TypeError as error:
        raise VvlaError(f"recipe {source}: {error}") from error


def _check_names(told: Mapping[str, Any], source: str) -> None:
    """Unknown fields, and values of another kind than the field's default, are named."""
    known = {f.name: f for f in fields(Recipe)}
    for name, value in told.items():
        if name not in known:
            raise UnknownNameError(f"field of {source}", name, list(known))
        default = known[name].default
        wanted = Mapping if name in _TABLES else (float, int) if isinstance(default, float) else type(default)
        if name in _TABLES or isinstance(default, (bool, int, float)):
            fits = isinstance(value, wanted) and (isinstance(value, bool) == isinstance(default, bool))
            if not fits and not (name in _TABLES and isinstance(value, Mapping)):
                kind = "a table" if name in _TABLES else type(default).__name__
                raise VvlaError(f"{source}: {name} must be {kind}, not {value!r}")


def _check_stage(stage: str, told: Mapping[str, Any], source: str) -> None:
    """Fields that this stage would pass over are named."""
    default = {f.name: f.default for f in fields(Recipe)}
    for name, value in told.items():
        if not reads(stage, name) and value != default[name]:
            stages = ", ".join(_ONLY[name])
            raise VvlaError(f"{source}: stage '{stage}' does not read {name}, only {stages} does; leave it out")


def _literal(text: str) -> Any:
    text = text.strip()
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
