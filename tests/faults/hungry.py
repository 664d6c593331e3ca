"""A policy that has memory for small batches only."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tests.fakes import Counting


class Hungry(Counting):
    """Counts its calls, and is out of memory when it is asked too much at once; its memories are spoilt by then.

    Args:
        room: questions that fit.
    """

    batches: ClassVar[list[int]] = []

    def __init__(self, room: int = 3) -> None:
        super().__init__()
        self.room = int(room)

    def act_batch(self, obs: Any, instructions: Any, memories: Any) -> list[np.ndarray]:
        self.batches.append(len(obs))
        answers = super().act_batch(obs, instructions, memories)
        if len(obs) > self.room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return answers
