"""Weights of the teacher: this package's checkpoints, the published ones, and the frozen MAE and CLIP encoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vvla_policies.errors import PolicyError, VvlaError
from vvla_policies.huggingface import import_transformers
from vvla_policies.pretrained import (
    ModelCard,
    fit,
    listing,
    load_card,
    locate,
    read_tensors,
    save_pretrained,
)
from vvla_policies.teacher.config import PIXELS, PRESETS, SeerConfig, default_execution, default_inputs
from vvla_policies.teacher.encoders import ClipText, MaeEncoder
from vvla_policies.teacher.heads import HEADS, ActionHeads
from vvla_policies.teacher.network import ENCODERS, Seer

POSITIONS = "transformer_backbone_position_embedding"
FROZEN = (*ENCODERS, "clip_model.", "attention_mask", "image_decoder_position_embedding")
"""Prefixes of what published checkpoints leave out, because it is fixed; ignored where somebody kept it."""
MAE_ON_HUB = "facebook/vit-mae-base"
CLIP_ON_HUB = "openai/clip-vit-base-patch32"


def make_card(seer: Seer, preset: str, benchmark: str, **more: Any) -> ModelCard:
    """The card of a network: its sizes, with the default inputs and execution for a benchmark.

    Args:
        seer: the network.
        preset: the preset it grew from.
        benchmark: "libero" or "calvin".
        **more: further fields of `ModelCard`, or other values for those set here.
    """
    fields: dict[str, Any] = {
        "config": seer.config.to_json(),
        "benchmark": benchmark,
        "inputs": default_inputs(seer.config, benchmark).to_json(),
        "execution": default_execution(seer.config, benchmark).to_json(),
        "normalisation": {"pixel_mean": list(PIXELS[0]), "pixel_std": list(PIXELS[1]), "actions": "none"},
    }
    return ModelCard(architecture="teacher", preset=preset, **{**fields, **more})


def save_teacher(folder: str | Path, seer: Seer, card: ModelCard) -> Path:
    """Writes everything but frozen encoders; see `save_pretrained`."""
    return save_pretrained(folder, seer.trained_tensors(), card)


def load_teacher(
    source: str | Path, benchmark: str | None = None, history: int | None = None
) -> tuple[Seer, ModelCard]:
    """Opens a checkpoint: a folder or hub id of this package, or a published `.pth` file.

    Args:
        source: folder, hub id or file.
        benchmark: for a published file, which does not say: "libero" or "calvin".
        history: steps to keep of the position embedding; None for all.

    Returns:
        The network on the CPU in evaluation mode (frozen encoders not attached), and its card.

    Raises:
        VvlaError: nothing there, or it does not fit; names the tensors.
    """
    path = locate(source)
    if path.is_file():
        if benchmark is None:
            raise VvlaError(f"{source} does not say which benchmark it acts in; add benchmark=libero or calvin")
        return load_published(path, benchmark, history)
    card = load_card(path)
    if card.architecture != "teacher":
        raise VvlaError(f"{source} is a {card.architecture}, not a teacher")
    try:
        config = SeerConfig(**card.config)
    except (TypeError, PolicyError) as error:
        raise VvlaError(f"the card of {source} does not describe a teacher: {error}") from error
    tensors, config = _cut(read_tensors(path), config, history, source)
    seer = Seer(config)
    fit(seer, tensors, source, optional=ENCODERS if config.published else ())
    return seer.eval(), replace(card, config=config.to_json())


def load_published(path: str | Path, benchmark: str, history: int | None = None) -> tuple[Seer, ModelCard]:
    """Opens a checkpoint in the format of Seer's authors: `torch.save` of {"model_state_dict": ...}.

    Args:
        path: the file.
        benchmark: what it was trained for, "libero" or "calvin".
        history: steps to keep of the position embedding; None for all.

    Raises:
        VvlaError: not such a file, or tensors are missing, unknown or misshapen; names them.
    """
    stored = read_tensors(path, wrapper="model_state_dict")
    tensors = {name.removeprefix("module."): tensor for name, tensor in stored.items()}
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(FROZEN)}
    preset = recognise(tensors)
    if preset is None:
        raise VvlaError(f"{path} is no Seer checkpoint; it holds {listing(tensors)}")
    tensors, config = _cut(tensors, PRESETS[preset], history, path)
    seer = Seer(config)
    fit(seer, tensors, path, optional=ENCODERS)
    return seer.eval(), make_card(seer, preset, benchmark, parents={"published": Path(path).name})


def recognise(tensors: Mapping[str, Tensor]) -> str | None:
    """The published preset that tensors (names without "module.") belong to by their width, or None."""
    norm = tensors.get("embedding_layer_norm.weight")
    widths = {config.hidden: name for name, config in PRESETS.items() if config.published}
    return None if norm is None or norm.ndim != 1 else widths.get(len(norm))


def load_heads(source: str | Path) -> ActionHeads:
    """Only the action decoder of a teacher checkpoint (own folder, hub id or published file), for a student.

    Raises:
        VvlaError: it has none.
    """
    stored = read_tensors(source, wrapper="model_state_dict")
    tensors = {name.removeprefix("module."): tensor for name, tensor in stored.items()}
    tensors = {name: tensor for name, tensor in tensors.items() if name.startswith(HEADS)}
    if "action_decoder.0.weight" not in tensors:
        raise VvlaError(f"{source} holds no action decoder (action_decoder.0.weight)")
    heads = ActionHeads(tensors["action_decoder.0.weight"].shape[-1])
    fit(heads, tensors, source)
    return heads.eval()


def _cut(
    tensors: dict[str, Tensor], config: SeerConfig, history: int | None, source: str | Path
) -> tuple[dict[str, Tensor], SeerConfig]:
    """The position embedding cut to the first `history` steps, and the configuration that goes with it."""
    if POSITIONS not in tensors or tensors[POSITIONS].ndim != 4:
        return tensors, config  # `fit` names it
    steps = tensors[POSITIONS].shape[1]
    if history is not None and history > steps:
        raise VvlaError(f"{source} was trained with a history of {steps} steps; it cannot read {history}")
    kept = history or steps
    return {**tensors, POSITIONS: tensors[POSITIONS][:, :kept]}, replace(config, history=kept)


# --- frozen encoders -------------------------------------------------------------------------------------------------


def load_mae(source: str | Path, config: SeerConfig) -> MaeEncoder:
    """The frozen vision encoder.

    Args:
        source: `mae_pretrain_vit_base.pth` of MAE's authors, or a folder or hub id in the format of `transformers`.
        config: of the network that it serves.

    Raises:
        VvlaError: it does not fit; names the tensors.
    """
    tensors = read_tensors(locate(source, ("*.safetensors", "*.bin", "*.json")), wrapper="model")
    if any(name.startswith(("vit.", "embeddings.")) for name in tensors):
        tensors = _mae_names(tensors)
    decoder = ("decoder", "mask_token", "head.")
    with torch.device("meta"):
        empty = MaeEncoder(config)
    encoder = empty.to_empty(device="cpu")
    fit(encoder, {n: t for n, t in tensors.items() if not n.startswith(decoder)}, source)
    return encoder.eval()


def load_clip(source: str | Path) -> ClipText:
    """The frozen text encoder: a folder or hub id in the format of `transformers` (weights, config and tokenizer).

    Raises:
        VvlaError: it does not fit, or the tokenizer is absent.
    """
    transformers = import_transformers()
    path = locate(source, ("*.safetensors", "*.json", "*.txt"))
    if not path.is_dir():
        raise VvlaError(f"{source} is a file; CLIP is read from a folder or hub id such as {CLIP_ON_HUB}")
    if not (path / "config.json").is_file() or not any((path / n).is_file() for n in ("vocab.json", "tokenizer.json")):
        raise VvlaError(f"{source} is no CLIP folder: it needs config.json and the tokenizer's files")
    try:
        model = transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig.from_pretrained(path))
        tokenizer = transformers.CLIPTokenizer.from_pretrained(path)
    except (OSError, ValueError, TypeError) as error:
        raise VvlaError(f"{source} is no CLIP folder: {str(error).splitlines()[0]}") from error
    stored = read_tensors(path)
    wanted = {n: t for n, t in stored.items() if n.startswith("text_") and not n.endswith("position_ids")}
    fit(model, wanted, source)
    return ClipText(model.eval(), tokenizer)


def _mae_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """From the names of `transformers` (ViTMAE) to those of MAE's authors; queries, keys and values in one tensor."""
    renamed = {}
    for name, tensor in tensors.items():
        new = name.removeprefix("vit.")
        for theirs, ours in _MAE_RENAMES:
            new = new.replace(theirs, ours)
        renamed[new] = tensor
    for name in [n for n in renamed if ".attn.query." in n]:
        parts = [name.replace("query", part) for part in ("query", "key", "value")]
        if all(part in renamed for part in parts):
            renamed[name.replace("query", "qkv")] = torch.cat([renamed.pop(part) for part in parts])
    return renamed


_MAE_RENAMES = (
    ("embeddings.patch_embeddings.projection", "patch_embed.proj"),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.cls_token", "cls_token"),
    ("encoder.layer.", "blocks."),
    ("attention.attention.", "attn."),
    ("attention.output.dense", "attn.proj"),
    ("layernorm_before", "norm1"),
    ("layernorm_after", "norm2"),
    ("intermediate.dense", "mlp.fc1"),
    ("output.dense", "mlp.fc2"),
    ("layernorm.", "norm."),
)
