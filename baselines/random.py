"""`random`: uniform actions, drawn from each episode's own generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vvla_policies.observation import Observation
from vvla_policies.policy import ACTION_DIM, BatchedPolicy, Memory, PolicyCard


class RandomPolicy(BatchedPolicy):
    """Uniform actions in [-1, 1]; a pure function of the episode's seed and the number of calls.

    Args:
        chunk: actions per call.
        cameras: whether to ask for both pictures all the same.
    """

    def __init__(self, chunk: int = 8, cameras: bool = False) -> None:
        reads = ("image", "wrist_image", "state") if cameras else ("state",)
        self.card = PolicyCard(name="random", reads=reads, chunk=int(chunk), notes={"cameras": bool(cameras)})

    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> list[NDArray[np.float32]]:
        """A fresh draw of (chunk, 7) from each memory's generator."""
        shape = (self.card.chunk, ACTION_DIM)
        return [memory.rng.uniform(-1.0, 1.0, shape).astype(np.float32) for memory in memories]
