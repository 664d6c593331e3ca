"""Networks that imitate, as policies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from vvla_policies.baselines.imitation.checkpoints import build, load
from vvla_policies.baselines.imitation.network import Imitator, as_prediction

from vvla_policies.execution import EpisodeMemory
from vvla_policies.framewise import FramewisePolicy
from vvla_policies.pretrained import ModelCard, bundled, warn_of_random_weights


class ImitatorPolicy(FramewisePolicy):
    """The policy of a network at hand. Random numbers come from the episode's seed alone.

    Args:
        network: moved to the device and put in evaluation mode.
        card: what it reads and how it is executed.
        source: and the following, see `FramewisePolicy`.
        device: likewise.
        lanes: likewise.
        **execution: likewise.
    """

    def __init__(
        self,
        network: Imitator,
        card: ModelCard,
        source: str = "in memory",
        device: str | None = None,
        lanes: int | None = None,
        **execution: Any,
    ) -> None:
        super().__init__(network, network.config, card, source, device, lanes, **execution)
        self.network = network

    def _predict(self, episodes: Sequence[EpisodeMemory], windows: Sequence[list[Tensor]]) -> Tensor:
        """Short windows begin with their first frame repeated, as those of a training do."""
        steps = self.execution.history
        frames = [torch.stack(window[:1] * (steps - len(window)) + window) for window in windows]
        noise = [memory.rng.standard_normal(self.network.noise, dtype=np.float32) for memory in episodes]
        drawn = torch.from_numpy(np.stack(self._filled([np.asarray(one) for one in noise]))).to(self.device)
        return as_prediction(self.network.predict(torch.stack(self._filled(frames)), drawn))


def opened(
    method: str, checkpoint: str | Path | None, preset: str | None, benchmark: str, seed: int
) -> tuple[Imitator, ModelCard, str]:
    """What a policy is made of: network, card and where the weights come from; says so where they are random.

    Args:
        method: one of `checkpoints.METHODS`.
        checkpoint: folder or hub id; None for one that comes with the package.
        preset: of a network with random weights, in place of a checkpoint.
        benchmark: likewise, or of the one that comes with the package.
        seed: of random weights.
    """
    if checkpoint is not None:
        return (*load(method, checkpoint), str(checkpoint))
    own = None if preset else bundled(method, benchmark)
    if own:
        return (*load(method, own), f"bundled {own.name}")
    warn_of_random_weights(method)
    return (*build(method, preset or f"{method}-mini", benchmark, seed), "random weights")
