"""For `vvla-eval`: a policy that reads both cameras and the arm's state, and never moves."""

from __future__ import annotations

import numpy as np

from vvla_policies import BatchedPolicy, PolicyCard
from vvla_policies.policy import ActionChunk, Memory


class Zero(BatchedPolicy):
    """Zeros, with an open gripper.

    Args:
        chunk: actions of a call.
    """

    def __init__(self, chunk: int = 1) -> None:
        self.card = PolicyCard("zero", chunk=int(chunk))

    def act_batch(self, obs: object, instructions: object, memories: list[Memory]) -> list[ActionChunk]:
        """(chunk, 7) for each episode."""
        still = np.tile(np.array([0, 0, 0, 0, 0, 0, 1], np.float32), (self.card.chunk, 1))
        return [still.copy() for _ in memories]
