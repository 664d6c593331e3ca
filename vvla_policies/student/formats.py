"""How published checkpoints name the student's tensors: VITA-1.5, VITA-VLA and InternVL (transformers).

Names are translated from ours to theirs, one by one, so that what is missing is reported by the name it has there. No
code of these projects is needed to read their files. DDP's prefix `module.` is taken off before names are compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Names = tuple[tuple[str, str], ...]

INTERN_VIT: Names = (
    ("embeddings.cls_token", "embeddings.class_embedding"),
    ("embeddings.position_embeddings", "embeddings.position_embedding"),
    ("embeddings.patch_embeddings.projection", "embeddings.patch_embedding"),
    ("encoder.layer.", "encoder.layers."),
    ("attention.q_proj", "attn.qkv"),
    ("attention.k_proj", "attn.qkv"),
    ("attention.v_proj", "attn.qkv"),
    ("attention.projection_layer", "attn.proj"),
    ("layernorm_before", "norm1"),
    ("layernorm_after", "norm2"),
    ("lambda_1", "ls1"),
    ("lambda_2", "ls2"),
)
"""The vision tower: `transformers`' names to InternViT's own, which keeps query, key and value in one tensor."""
FUSED = {"attention.q_proj": 0, "attention.k_proj": 1, "attention.v_proj": 2}


@dataclass(frozen=True)
class Format:
    """One way of naming tensors.

    Attributes:
        name: what it is called.
        mark: a name that begins so gives the format away.
        prefixes: our prefix to theirs; only parts named here are in such a checkpoint.
        optional: our prefixes that such a checkpoint may lack, each as a whole.
        ignored: their prefixes of tensors that a student has no use for.
        fused: the vision tower has InternViT's own names.
    """

    name: str
    mark: str
    prefixes: Names
    optional: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    fused: bool = False

    def theirs(self, name: str) -> str | None:
        """Their name of our tensor; None if such a checkpoint does not hold it."""
        for ours, other in self.prefixes:
            if name.startswith(ours):
                rest = name.removeprefix(ours)
                return other + (_intern_vit(rest) if self.fused and ours == "vision." else rest)
        return None

    def piece(self, name: str) -> int | None:
        """Which third of their tensor is ours; None for all of it."""
        if not (self.fused and name.startswith("vision.")):
            return None
        return next((k for part, k in FUSED.items() if part in name), None)


def _intern_vit(name: str) -> str:
    for ours, other in INTERN_VIT:
        name = name.replace(ours, other)
    return name


def _internvl(name: str, mark: str, root: str, language: str) -> Format:
    projector = f"{root}multi_modal_projector."
    prefixes = (
        ("vision.", f"{root}vision_tower."),
        ("projector.0.", f"{projector}layer_norm."),
        ("projector.1.", f"{projector}linear_1."),
        ("projector.3.", f"{projector}linear_2."),
        ("language.", language),
    )
    return Format(name, mark, prefixes, ignored=("lm_head.", "language_model.lm_head."))


_TOWER = "vision_tower.vision_tower."
_INTERFACE: Names = (
    ("action_token", "model.action_pred_token"),
    ("mapper.", "model.action_mapper."),
    ("state_encoder.arm.", "model.arm_state_encoder."),
    ("state_encoder.gripper.", "model.gripper_state_encoder."),
    ("state_encoder.join.", "model.state_projector."),
)

FORMATS: tuple[Format, ...] = (
    Format(
        "VITA-VLA",
        "model.action_mapper.",
        (*_INTERFACE, ("decoder.", "seer."), ("language.", "model.vlm.model.")),
        optional=("decoder.", "language."),
        ignored=("model.vlm.lm_head.",),
    ),
    Format(
        "VITA-1.5",
        f"model.{_TOWER}",
        (("vision.", f"model.{_TOWER}"), ("projector.", "model.mm_projector."), ("language.", "model.")),
        ignored=("model.audio_encoder.", "lm_head."),
        fused=True,
    ),
    _internvl("InternVL", "model.multi_modal_projector.", "model.", "model.language_model."),
    _internvl("InternVL", "multi_modal_projector.", "", "language_model.model."),
)


def recognise(names: Iterable[str]) -> Format | None:
    """The format of a checkpoint with tensors of these names (without `module.`), None if it is none of these."""
    known = list(names)
    return next((f for f in FORMATS if any(name.startswith(f.mark) for name in known)), None)
