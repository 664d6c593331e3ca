"""Sizes of Seer: the two published ones and a small one that trains from scratch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import isqrt
from typing import Any

from vvla_policies.errors import PolicyError, UnknownNameError
from vvla_policies.execution import SEER, Execution
from vvla_policies.inputs import CLIP_PIXELS, SEER_INPUTS, Inputs

LOOKS = 3
"""Latents of a guided resampler that can be taught where to look."""


@dataclass(frozen=True)
class SeerConfig:
    """Everything that fixes the shapes of a Seer network.

    Attributes:
        hidden: width H of the transformer.
        layers: its GPT-2 blocks.
        heads: its attention heads.
        history: steps S that the position embedding covers.
        chunk: action tokens per step, one predicted action each.
        latents: perceiver latents N per camera.
        foresight: foresight tokens M per camera, a square number.
        horizon: how many steps ahead the foresight pictures lie.
        picture: edge of the pictures, px; a multiple of `patch`.
        patch: edge of a patch of the foresight decoder (and of the vision encoder), px.
        vision_width: width of the patch features.
        vision_layers: blocks of the vision encoder.
        vision_heads: its attention heads.
        text_width: width of the instruction's feature.
        resampler_layers: depth of the perceiver resampler.
        resampler_heads: its heads, 64 wide each.
        guided: a `GuidedResampler` in its place.
        decoder_layers: blocks of the foresight decoder.
        decoder_heads: its attention heads.
        dropout: in the GPT-2 blocks and on their input.
        published: MAE and CLIP as frozen encoders, and the tensors that published checkpoints hold without use;
            otherwise small encoders of its own, trained with the rest.
    """

    hidden: int = 384
    layers: int = 24
    heads: int = 12
    history: int = 10
    chunk: int = 3
    latents: int = 6
    foresight: int = 9
    horizon: int = 3
    picture: int = 224
    patch: int = 16
    vision_width: int = 768
    vision_layers: int = 12
    vision_heads: int = 12
    text_width: int = 512
    resampler_layers: int = 3
    resampler_heads: int = 8
    guided: bool = False
    decoder_layers: int = 2
    decoder_heads: int = 16
    dropout: float = 0.1
    published: bool = True

    def __post_init__(self) -> None:
        if isqrt(self.foresight) ** 2 != self.foresight:
            raise PolicyError(f"foresight tokens per camera lie on a square grid; {self.foresight} is no square number")
        if self.picture % self.patch:
            raise PolicyError(f"pictures of {self.picture} px do not divide into patches of {self.patch} px")
        for width, heads in (
            (self.hidden, self.heads),
            (self.hidden, self.decoder_heads),
            (self.vision_width, self.vision_heads),
        ):
            if width % heads:
                raise PolicyError(f"a width of {width} does not divide into {heads} heads")
        if self.guided and self.latents < LOOKS:
            raise PolicyError(f"a guided resampler needs {LOOKS} latents or more, not {self.latents}")
        if self.hidden % 4:
            raise PolicyError(f"hidden must be a multiple of 4 (sine-cosine positions), not {self.hidden}")

    @property
    def patches(self) -> int:
        """Patches per picture."""
        return (self.picture // self.patch) ** 2

    @property
    def conditions(self) -> int:
        """Tokens per step that say what is: text, state, latents and CLS of both cameras (A = 4 + 2 N)."""
        return 4 + 2 * self.latents

    @property
    def queries(self) -> int:
        """Tokens per step that ask what will be: foresight of both cameras, then actions (B = 2 M + chunk)."""
        return 2 * self.foresight + self.chunk

    def to_json(self) -> dict[str, Any]:
        """Plain data for a card; `SeerConfig(**data)` is its inverse."""
        return asdict(self)


PRESETS: dict[str, SeerConfig] = {
    "seer": SeerConfig(),
    "seer-large": SeerConfig(hidden=1024, heads=16, latents=16, foresight=16),
    "seer-mini": SeerConfig(
        hidden=192, layers=4, heads=6, history=1, chunk=8, latents=16, foresight=1, horizon=8, picture=64, patch=8,
        vision_width=128, vision_layers=1, vision_heads=4, text_width=128, resampler_layers=1, resampler_heads=2,
        decoder_layers=1, decoder_heads=6, dropout=0.0, published=False,
    ),
}  # fmt: skip
"""The sizes of arXiv 2412.15109 and of its scripts, and one that acts in milliseconds on a CPU."""

PIXELS = CLIP_PIXELS
"""Pixel mean and standard deviation of every preset."""


def get_preset(name: str, **changes: Any) -> SeerConfig:
    """The preset of that name with some fields changed.

    Raises:
        UnknownNameError: no such preset.
    """
    if name not in PRESETS:
        raise UnknownNameError("teacher preset", name, list(PRESETS))
    return SeerConfig(**{**asdict(PRESETS[name]), **changes})


def default_inputs(config: SeerConfig, benchmark: str) -> Inputs:
    """What a network of that size reads: the published convention, or upright pictures and an unwrapped rotation."""
    if config.published:
        return _of(SEER_INPUTS, benchmark)
    return Inputs(size=config.picture, rotation="axis_angle", gripper=_of(SEER_INPUTS, benchmark).gripper)


def default_execution(config: SeerConfig, benchmark: str) -> Execution:
    """How its predictions are executed: Seer's evaluation scripts, or the whole chunk for a small network."""
    if config.published:
        published: Execution = _of(SEER, benchmark)
        return replace(published, history=min(published.history, config.history))
    return Execution(history=config.history, mode="chunk")


def _of(table: dict[str, Any], benchmark: str) -> Any:
    if benchmark not in table:
        raise UnknownNameError("benchmark", benchmark, list(table))
    return table[benchmark]
