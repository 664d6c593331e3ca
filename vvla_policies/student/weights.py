"""Loading a student: our checkpoints, and published ones of VITA-1.5, VITA-VLA, InternVL and Seer (its decoder).

Published checkpoints are read file by file, so that a 7B model never lies in memory twice; before anything is loaded,
all names and shapes are compared (headers only), and what does not fit is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vvla_policies.errors import VvlaError
from vvla_policies.huggingface import import_transformers
from vvla_policies.pretrained import (
    CARD,
    ModelCard,
    fit,
    listing,
    load_card,
    locate,
    misfits,
    read_tensors,
    save_pretrained,
    weight_files,
)
from vvla_policies.student.config import DECODER_WIDTHS, StudentConfig, default_execution, default_inputs
from vvla_policies.student.formats import Format, recognise
from vvla_policies.student.network import Student, build_student
from vvla_policies.teacher.weights import load_heads

WRAPPER = "model_state_dict"
TORCH_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt")
PARTS = ("vision", "projector", "language", "action_token", "state_encoder", "mapper", "decoder")


def save_student(folder: str | Path, student: Student, card: ModelCard) -> Path:
    """Writes a checkpoint of ours: all tensors and the card (see `make_card`)."""
    return save_pretrained(folder, student.state_dict(), card)


def make_card(config: StudentConfig, benchmark: str, **facts: Any) -> ModelCard:
    """A card with a student's architecture and the preset's conventions.

    Args:
        config: the student's.
        benchmark: "libero" or "calvin".
        **facts: other fields of `ModelCard`; `inputs` and `execution` replace those of the preset.
    """
    told = {
        "inputs": default_inputs(config, benchmark).to_json(),
        "execution": default_execution(config, benchmark).to_json(),
        "normalisation": {"pixel_mean": list(config.pixel_mean), "pixel_std": list(config.pixel_std)},
        **facts,
    }
    return ModelCard("student", config.preset, config.to_json(), benchmark=benchmark, **told)


def load_student(
    source: str | Path, dtype: torch.dtype | None = None, device: str = "cpu", attention: str = "sdpa"
) -> tuple[Student, ModelCard]:
    """A student from a checkpoint of ours: folder or hub id.

    Raises:
        VvlaError: it is not there, is no student's, or its tensors do not fit its card.
    """
    card = load_card(source)
    if card.architecture != "student":
        raise VvlaError(f"{source} is a checkpoint of a {card.architecture}, not of a student")
    student = build_student(StudentConfig.from_json(card.config), dtype=dtype, device=device, attention=attention)
    fit(student, read_tensors(source), source)
    return student, card


def config_of(base: str | Path, benchmark: str | None = None, **changes: Any) -> StudentConfig:
    """The configuration of a student around an InternVL of any size, in the format of `transformers`.

    Args:
        base: folder or hub id; its `config.json` is read.
        benchmark: whose teacher's decoder is reused; LIBERO's if None.
        **changes: fields of `StudentConfig`.

    Raises:
        VvlaError: it is no such model.
    """
    path = locate(base)
    try:
        whole = import_transformers().AutoConfig.from_pretrained(path)
        told = {part: getattr(whole, f"{part}_config").to_dict() for part in ("vision", "text")}
    except (OSError, ValueError, AttributeError) as error:
        raise VvlaError(f"{base} is no vision-language model of transformers: {str(error).splitlines()[0]}") from error
    vision, language = ({k: v for k, v in part.items() if "dtype" not in k} for part in told.values())
    fields: dict[str, Any] = {
        "preset": str(base),
        "vision": vision,
        "language": language,
        "tokenizer": str(base),
        "decoder_width": DECODER_WIDTHS[benchmark or "libero"],
        "shuffle": round(1 / getattr(whole, "downsample_ratio", 1)),
        "feature_scale": 1.0,
        "projector": "norm_mlp",
    }
    return StudentConfig(**{**fields, **changes})


def load_published(
    student: Student, checkpoint: str | Path | None, base: str | Path | None = None, teacher: str | Path | None = None
) -> None:
    """Loads published checkpoints into a student, in its own dtype: first the base, then the decoder, then the rest.

    Args:
        student: gets the weights.
        checkpoint: a VITA-VLA file, which holds what was trained; None for a student that is yet to be taught.
        base: the vision-language model: VITA-1.5 or InternVL in the format of `transformers`; folder or hub id.
        teacher: a Seer checkpoint, for its action decoder.

    Raises:
        VvlaError: a source is of no known format; its tensors are missing, unknown or misshapen (they are named); or
            a checkpoint is given and some part of the student got no weights.
    """
    loaded = set(load_parts(student, base)) if base else set()
    if teacher:
        fit(student.decoder, load_heads(teacher).state_dict(), teacher)
        loaded.add("decoder")
    if checkpoint:
        loaded |= set(load_parts(student, checkpoint))
        absent = [part for part in PARTS if part not in loaded]
        if absent:
            raise VvlaError(
                f"no weights for {', '.join(absent)}: {checkpoint} holds only what was trained; give the "
                "vision-language model as base and, if the decoder is absent, Seer as teacher"
            )


@torch.no_grad()
def load_parts(student: Student, source: str | Path) -> list[str]:
    """Loads what one published checkpoint holds; returns the parts that got weights, of `PARTS`."""
    path = locate(source, ("*.safetensors", "*.json", "*.pth", "*.pt", "*.bin"))
    shapes = headers(path)
    form = recognise(shapes)
    if form is None:
        raise VvlaError(f"{source} is in no known format; its tensors: {listing(shapes)}")
    own = held(form, student.state_dict(), shapes)
    problems = compare(form, own, shapes)
    if problems:
        raise VvlaError(f"{source} ({form.name}) does not fit {student.config.preset}: {'; '.join(problems)}")
    wanted: dict[str, list[str]] = {}
    for name in own:
        wanted.setdefault(str(form.theirs(name)), []).append(name)
    for tensors in _files(path):
        for theirs in tensors.keys() & wanted.keys():
            for name in wanted[theirs]:
                own[name].copy_(_piece(form, name, tensors[theirs]))
    return sorted({name.split(".")[0] for name in own})


def held(form: Format, own: Mapping[str, Tensor], shapes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors that a checkpoint of that format should hold; optional parts if one of their tensors is there."""
    named = {name: form.theirs(name) for name in own}
    present = {o for o in form.optional for name, theirs in named.items() if name.startswith(o) and theirs in shapes}
    left_out = tuple(set(form.optional) - present)
    return {name: own[name] for name, theirs in named.items() if theirs and not name.startswith(left_out)}


def compare(form: Format, own: Mapping[str, Tensor], shapes: Mapping[str, Tensor]) -> list[str]:
    """What keeps a checkpoint from fitting, in its own names; empty when it fits.

    Args:
        form: its format.
        own: our tensors that it should hold (`held`).
        shapes: its tensors; only shapes are looked at.
    """
    expected: dict[str, Tensor] = {}
    for name, tensor in own.items():
        fused = form.piece(name) is not None
        shape = (3 * tensor.shape[0], *tensor.shape[1:]) if fused else tensor.shape
        expected[str(form.theirs(name))] = torch.empty(shape, device="meta")
    return misfits(expected, {name: t for name, t in shapes.items() if not name.startswith(form.ignored)})


def headers(path: Path) -> dict[str, Tensor]:
    """Names, shapes and dtypes of a checkpoint as tensors without values; reads no weights from safetensors files."""
    from safetensors import SafetensorError, safe_open

    found: dict[str, Tensor] = {}
    for file in checkpoint_files(path):
        if file.suffix != ".safetensors":
            found |= {name: tensor.to("meta") for name, tensor in read_tensors(file, WRAPPER).items()}
            continue
        try:
            with safe_open(file, framework="pt") as opened:
                for name in opened.keys():  # noqa: SIM118 - no mapping
                    cut = opened.get_slice(name)
                    found[name] = torch.empty(cut.get_shape(), dtype=_DTYPES[cut.get_dtype()], device="meta")
        except (SafetensorError, OSError) as error:
            raise VvlaError(f"{file} is truncated or no safetensors file: {str(error).splitlines()[0]}") from error
    return _bare(found)


def checkpoint_files(path: Path) -> list[Path]:
    """The weight files of a checkpoint: the file itself, or a folder's safetensors files, else its `torch.save` files.

    Raises:
        VvlaError: there are none.
    """
    if path.is_file():
        return [path]
    saved = sorted(file for file in path.iterdir() if file.suffix in TORCH_SUFFIXES)
    return saved if saved and not list(path.glob("*.safetensors")) else weight_files(path)


def is_ours(path: Path) -> bool:
    """Whether a folder holds a checkpoint of this package."""
    return (path / CARD).is_file()


def _files(path: Path) -> Iterator[dict[str, Tensor]]:
    for file in checkpoint_files(path):
        yield _bare(read_tensors(file, WRAPPER))


def _bare(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


def _piece(form: Format, name: str, tensor: Tensor) -> Tensor:
    piece = form.piece(name)
    return tensor if piece is None else tensor.chunk(3)[piece]


_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
}  # fmt: skip
