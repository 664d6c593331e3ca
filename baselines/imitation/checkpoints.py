"""Networks that imitate, by name: new ones, and those that `vvla train` has written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from vvla_policies.baselines.act import network as act
from vvla_policies.baselines.bc_transformer import network as bc_transformer
from vvla_policies.baselines.diffusion import network as diffusion
from vvla_policies.baselines.imitation.network import PIXELS, Imitator, ImitatorConfig

from vvla_policies.errors import PolicyError, UnknownNameError, VvlaError
from vvla_policies.inputs import SEER_INPUTS, Inputs
from vvla_policies.pretrained import ModelCard, fit, load_card, read_tensors

_METHODS: dict[str, tuple[type[Any], type[Any], dict[str, Any]]] = {
    "act": (act.Act, act.ActConfig, act.PRESETS),
    "diffusion": (diffusion.Diffusion, diffusion.DiffusionConfig, diffusion.PRESETS),
    "bc-transformer": (bc_transformer.BcTransformer, bc_transformer.BcTransformerConfig, bc_transformer.PRESETS),
}
METHODS = tuple(_METHODS)
"""What can be trained and opened: the architecture on a card, the stage of a recipe and the name of the policy."""


def build(method: str, preset: str, benchmark: str, seed: int = 0, **changes: Any) -> tuple[Imitator, ModelCard]:
    """A network with random weights that are a function of the seed, and its card.

    Args:
        method: one of `METHODS`.
        preset: of that method.
        benchmark: "libero" or "calvin".
        seed: of the weights.
        **changes: fields of the method's configuration.

    Raises:
        VvlaError: no such preset, field or benchmark.
    """
    network, config, presets = _METHODS[method]
    if preset not in presets:
        raise UnknownNameError(f"{method} preset", preset, list(presets))
    if benchmark not in SEER_INPUTS:
        raise UnknownNameError("benchmark", benchmark, list(SEER_INPUTS))
    sizes: ImitatorConfig = config(**{**presets[preset].to_json(), **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built: Imitator = network(sizes)
    gripper = SEER_INPUTS[benchmark].gripper
    card = ModelCard(
        architecture=method,
        preset=preset,
        config=sizes.to_json(),
        benchmark=benchmark,
        inputs=Inputs(size=sizes.picture, rotation="axis_angle", gripper=gripper).to_json(),
        execution=sizes.execution.to_json(),
        normalisation={
            "pixel_mean": list(PIXELS[0]),
            "pixel_std": list(PIXELS[1]),
            "state": "the demonstrations' mean and standard deviation",
            "actions": "none",
        },
    )
    return built, card


def load(method: str, source: str | Path) -> tuple[Imitator, ModelCard]:
    """Opens a checkpoint: the network on the CPU, and its card.

    Args:
        method: one of `METHODS`.
        source: folder or hub id.

    Raises:
        VvlaError: nothing there, another method's, or it does not fit; names the tensors.
    """
    card = load_card(source)
    if card.architecture != method:
        raise VvlaError(f"{source} is a {card.architecture}, not a {method}")
    network, config, _ = _METHODS[method]
    try:
        built: Imitator = network(config(**card.config))
    except (TypeError, PolicyError) as error:
        raise VvlaError(f"the card of {source} does not describe a {method}: {error}") from error
    fit(built, read_tensors(source), source)
    return built, card
