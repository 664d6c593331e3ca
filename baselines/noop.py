"""`noop`: stands still with the gripper open; the floor of every table, and the policy for measuring the harness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vvla_policies.observation import Observation
from vvla_policies.policy import BatchedPolicy, Memory, PolicyCard


class NoopPolicy(BatchedPolicy):
    """Returns the zero command with the gripper open.

    Args:
        chunk: actions per call.
        cameras: whether to ask for both pictures all the same (to measure what drawing costs).
    """

    def __init__(self, chunk: int = 1, cameras: bool = False) -> None:
        reads = ("image", "wrist_image", "state") if cameras else ("state",)
        self.card = PolicyCard(name="noop", reads=reads, chunk=int(chunk), notes={"cameras": bool(cameras)})
        self._chunk = np.zeros((int(chunk), 7), dtype=np.float32)
        self._chunk[:, 6] = 1.0

    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> list[NDArray[np.float32]]:
        """The same chunk for everyone."""
        return [self._chunk.copy() for _ in obs]
