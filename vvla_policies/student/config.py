"""What a student is made of: vision tower, projector, language model, action token, mapper and action decoder.

Sources: VITA-VLA (arXiv 2510.09607) and the public config of VITA-1.5 (arXiv 2501.01957). `vision` and `language` are
configurations of `transformers` (with their `model_type`), so any tower and any causal language model will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from vvla_policies.errors import PolicyError, UnknownNameError
from vvla_policies.execution import VITA_VLA, Execution
from vvla_policies.inputs import IMAGENET_PIXELS, VITA_INPUTS, Inputs

Stem = Literal["patch", "conv"]
Projector = Literal["mlp", "norm_mlp"]
CAMERAS = 2

SYSTEM = (
    "You control a robot arm. At each step you see a picture of the scene, a picture from the gripper, "
    "the instruction and the state of the arm, and you answer with the next actions."
)
"""Our own words; give the text that a checkpoint was trained with as `system` of its configuration."""


@dataclass(frozen=True)
class StudentConfig:
    """A student's architecture; plain data that a checkpoint's card holds.

    Attributes:
        preset: the preset it grew from.
        vision: `transformers` configuration of the vision tower, with `model_type`.
        language: `transformers` configuration of the causal language model, with `model_type`.
        tokenizer: "instructions" (our own, see `tokens`), or a folder or hub id.
        decoder_width: width D of the teacher whose action decoder is reused.
        image_size: edge of both pictures, px.
        shuffle: edge of the square of patches that become one visual token.
        feature_scale: factor on the tower's output (0.5 in VITA-1.5, whose projector was trained with it).
        stem: the tower's patch embedding: "patch", its own, or "conv", strided convolutions for training from scratch.
        projector: "mlp" (Linear, GELU, Linear) or "norm_mlp" (LayerNorm first, as InternVL has it).
        action_tokens: action tokens per step; each predicts one action, so also the chunk length.
        system: text of the system round; "" leaves the round out.
        pixel_mean: of RGB in [0, 1].
        pixel_std: likewise.
    """

    preset: str
    vision: Mapping[str, Any]
    language: Mapping[str, Any]
    tokenizer: str
    decoder_width: int
    image_size: int = 200
    shuffle: int = 2
    feature_scale: float = 0.5
    stem: Stem = "patch"
    projector: Projector = "mlp"
    action_tokens: int = 3
    system: str = SYSTEM
    pixel_mean: tuple[float, ...] = IMAGENET_PIXELS[0]
    pixel_std: tuple[float, ...] = IMAGENET_PIXELS[1]

    def __post_init__(self) -> None:
        if self.grid % self.shuffle or not self.grid:
            raise PolicyError(
                f"{self.image_size} px in patches of {self.patch} px give a grid of {self.grid}, "
                f"which pixel shuffle {self.shuffle} does not divide"
            )
        if self.action_tokens < 1:
            raise PolicyError("a student needs at least one action token")

    @property
    def patch(self) -> int:
        """Edge of a patch, px."""
        size = self.vision["patch_size"]
        return int(size if isinstance(size, int) else size[0])

    @property
    def grid(self) -> int:
        """Patches along an edge of the picture."""
        return self.image_size // self.patch

    @property
    def visual_tokens(self) -> int:
        """Tokens per picture that the language model reads."""
        return (self.grid // self.shuffle) ** 2

    @property
    def hidden(self) -> int:
        """Width of the language model."""
        return int(self.language["hidden_size"])

    def to_json(self) -> dict[str, Any]:
        """Plain data for a card."""
        return {**asdict(self), "pixel_mean": list(self.pixel_mean), "pixel_std": list(self.pixel_std)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StudentConfig:
        """The inverse of `to_json`; keys of other versions are left out."""
        told = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        pixels: dict[str, Any] = {key: tuple(told[key]) for key in ("pixel_mean", "pixel_std") if key in told}
        return cls(**{**told, **pixels})


def intern_vit(width: int, layers: int, heads: int, patch: int, image_size: int) -> dict[str, Any]:
    """InternViT without its final norm, as the `transformers` configuration of InternVL's vision tower."""
    return {
        "model_type": "internvl_vision",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "patch_size": patch,
        "image_size": image_size,
        "attention_bias": True,
        "use_qk_norm": False,
        "use_mean_pooling": True,
        "layer_norm_eps": 1e-6,
    }


def qwen2(
    width: int, layers: int, heads: int, kv_heads: int, inner: int, vocabulary: int, context: int = 32768
) -> dict[str, Any]:
    """Qwen2.5's geometry as a `transformers` configuration (rotary base 1e6, RMS norm 1e-6)."""
    return {
        "model_type": "qwen2",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
        "rms_norm_eps": 1e-6,
    }


VITA_7B = StudentConfig(
    preset="vita-1.5-7b",
    vision=intern_vit(1024, 24, 16, patch=14, image_size=448),
    language=qwen2(3584, 28, 28, 4, inner=18944, vocabulary=152064),
    tokenizer="VITA-MLLM/VITA-1.5",
    decoder_width=1024,
)
"""InternViT-300M and Qwen2.5-7B as VITA-1.5 joins them; 200 px, 49 visual tokens per picture."""

INTERNVL_1B = StudentConfig(
    preset="internvl-1b",
    vision=intern_vit(1024, 24, 16, patch=14, image_size=448),
    language=qwen2(896, 24, 14, 2, inner=4864, vocabulary=151674),
    tokenizer="OpenGVLab/InternVL3-1B-hf",
    decoder_width=384,
    feature_scale=1.0,
    projector="norm_mlp",
)
"""The same tower with Qwen2.5-0.5B, joined as InternVL3-1B joins them: its published weights fit."""

VITA_MINI = StudentConfig(
    preset="vita-mini",
    vision=intern_vit(128, 2, 4, patch=8, image_size=64),
    language=qwen2(192, 4, 6, 2, inner=512, vocabulary=768, context=4096),
    tokenizer="instructions",
    decoder_width=192,
    image_size=64,
    shuffle=2,
    feature_scale=1.0,
    stem="conv",
    action_tokens=8,
    system="",
)
"""The same classes at a few million parameters, to be trained from scratch, with `seer-mini` as its teacher."""

PRESETS: dict[str, StudentConfig] = {c.preset: c for c in (VITA_7B, INTERNVL_1B, VITA_MINI)}

DECODER_WIDTHS = {"calvin": 1024, "libero": 384}
"""Widths of VITA-VLA's teachers: Seer-Large on CALVIN, Seer on LIBERO (of the preset `vita-1.5-7b`)."""


def get_preset(name: str, benchmark: str | None = None, **changes: Any) -> StudentConfig:
    """The preset of that name with some fields changed.

    Args:
        name: one of `PRESETS`.
        benchmark: "calvin" or "libero"; for `vita-1.5-7b` it says which teacher's decoder is reused.
        **changes: fields of `StudentConfig`.

    Raises:
        UnknownNameError: no such preset.

    >>> get_preset("vita-1.5-7b", "libero").decoder_width
    384
    """
    if name not in PRESETS:
        raise UnknownNameError("student preset", name, list(PRESETS))
    config = PRESETS[name]
    if config is VITA_7B and benchmark in DECODER_WIDTHS:
        changes = {"decoder_width": DECODER_WIDTHS[benchmark], **changes}
    return replace(config, **changes)


def default_inputs(config: StudentConfig, benchmark: str) -> Inputs:
    """What a student reads: the published convention, or for `vita-mini` upright pictures and an unwrapped rotation."""
    published = _of(VITA_INPUTS, benchmark)
    if config.preset == VITA_MINI.preset:
        return Inputs(size=config.image_size, rotation="axis_angle", gripper=published.gripper)
    return replace(published, size=config.image_size)


def default_execution(config: StudentConfig, benchmark: str) -> Execution:
    """How its predictions are executed: VITA-VLA's evaluation scripts, or for `vita-mini` the whole chunk."""
    if config.preset == VITA_MINI.preset:
        return Execution(history=1, mode="chunk")
    return _of(VITA_VLA, benchmark)


def _of(table: Mapping[str, Any], benchmark: str) -> Any:
    if benchmark not in table:
        raise UnknownNameError("benchmark", benchmark, list(table))
    return table[benchmark]
