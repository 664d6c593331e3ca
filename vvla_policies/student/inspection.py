"""Says what a checkpoint is and which preset it fits, of student and teacher alike, without loading any weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from vvla_policies.errors import VvlaError
from vvla_policies.pretrained import listing, load_card, locate, misfits
from vvla_policies.student.config import DECODER_WIDTHS, PRESETS, VITA_7B, StudentConfig, get_preset
from vvla_policies.student.formats import Format, recognise
from vvla_policies.student.network import build_student
from vvla_policies.student.weights import PARTS, checkpoint_files, compare, headers, held, is_ours
from vvla_policies.teacher.config import PRESETS as TEACHERS
from vvla_policies.teacher.config import SeerConfig
from vvla_policies.teacher.network import ENCODERS, Seer
from vvla_policies.teacher.weights import FROZEN, POSITIONS
from vvla_policies.teacher.weights import recognise as recognise_teacher


@dataclass(frozen=True)
class Inspection:
    """What a checkpoint is.

    Attributes:
        kind: what it is, in words.
        files: its weight files.
        tensors: how many it holds.
        parameters: numbers in them.
        dtypes: dtype to the share of numbers.
        parts: top-level names to numbers in them.
        fits: preset to what keeps it from fitting; an empty list where it fits.
        missing: what a student or teacher needs besides, in words.
    """

    kind: str
    files: tuple[Path, ...]
    tensors: int
    parameters: int
    dtypes: Mapping[str, float]
    parts: Mapping[str, int]
    fits: Mapping[str, list[str]] = field(default_factory=dict)
    missing: str = ""


def inspect_checkpoint(source: str | Path) -> Inspection:
    """Reads names and shapes of a checkpoint and compares them with the presets.

    Args:
        source: file, folder or hub id.

    Raises:
        VvlaError: there is nothing, or nothing that can be read.
    """
    path = locate(source)
    shapes = headers(path)
    kind, fits, missing = _compared(path, shapes)
    numbers = sum(t.numel() for t in shapes.values())
    dtypes, parts = Counter[str](), Counter[str]()
    for name, tensor in shapes.items():
        dtypes[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
        parts[_part(name)] += tensor.numel()
    shares = {dtype: count / max(numbers, 1) for dtype, count in dtypes.items()}
    return Inspection(
        kind, tuple(checkpoint_files(path)), len(shapes), numbers, shares, dict(parts.most_common()), fits, missing
    )


def _compared(path: Path, shapes: Mapping[str, Tensor]) -> tuple[str, dict[str, list[str]], str]:
    if is_ours(path):
        return _ours(path, shapes)
    form = recognise(shapes)
    if form:
        return _published(form, shapes)
    if recognise_teacher(shapes) or any(name.startswith("perceiver_resampler.") for name in shapes):
        presets = {name: _seer_misfits(config, shapes) for name, config in TEACHERS.items() if config.published}
        return "Seer, as published", presets, "the frozen encoders: MAE ViT-B/16 and CLIP ViT-B/32"
    raise VvlaError(f"{path} is in no known format; its tensors: {listing(shapes)}")


def _ours(path: Path, shapes: Mapping[str, Tensor]) -> tuple[str, dict[str, list[str]], str]:
    card = load_card(path)
    about = [card.benchmark, f"{card.trained_on} assets" if card.trained_on else None]
    kind = f"{card.architecture} of vvla-policies" + "".join(f", {fact}" for fact in about if fact)
    try:
        if card.architecture == "teacher":
            config = SeerConfig(**card.config)
            needs = "the frozen encoders: MAE ViT-B/16 and CLIP ViT-B/32" if config.published else ""
            return kind, {card.preset: _seer_misfits(config, shapes)}, needs
        student = build_student(StudentConfig.from_json(card.config), device="meta")
    except (TypeError, KeyError) as error:
        raise VvlaError(f"the card of {path} does not describe a {card.architecture}: {error}") from error
    return kind, {card.preset: misfits(student.state_dict(), shapes)}, ""


def _published(form: Format, shapes: Mapping[str, Tensor]) -> tuple[str, dict[str, list[str]], str]:
    fits, parts = {}, set[str]()
    for label, config in _candidates():
        own = held(form, build_student(config, device="meta").state_dict(), shapes)
        fits[label] = compare(form, own, shapes)
        parts |= {name.split(".")[0] for name in own}
    missing = ", ".join(part for part in PARTS if part not in parts)
    if not form.optional:
        return f"{form.name}, as published", fits, missing
    frozen = "trained with a frozen language model" if "decoder" in parts else "aligned (stage 1)"
    return f"{form.name}, as published: {'fine-tuned (stage 2)' if 'language' in parts else frozen}", fits, missing


def _candidates() -> list[tuple[str, StudentConfig]]:
    """The presets, the 7B one with each benchmark's decoder."""
    seven = [(f"{VITA_7B.preset} ({name})", get_preset(VITA_7B.preset, name)) for name in DECODER_WIDTHS]
    return seven + [(name, config) for name, config in PRESETS.items() if config is not VITA_7B]


def _seer_misfits(config: SeerConfig, shapes: Mapping[str, Tensor]) -> list[str]:
    positions = shapes.get(POSITIONS)
    if positions is not None and positions.ndim == 4:
        config = replace(config, history=positions.shape[1])
    with torch.device("meta"):
        own = Seer(config).state_dict()
    stored = {name: tensor for name, tensor in shapes.items() if not (config.published and name.startswith(FROZEN))}
    return misfits(own, stored, ENCODERS if config.published else ())


def _part(name: str) -> str:
    """The beginning of a name that says which module it belongs to."""
    pieces = name.split(".")
    shown = [piece for piece in pieces[:-1] if not piece.isdigit()][:2]
    return ".".join(shown if pieces[0] in ("model", "seer", "language_model") else shown[:1]) or name
