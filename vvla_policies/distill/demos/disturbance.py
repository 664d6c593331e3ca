"""An expert whose hand is pushed off course now and then, so that its demonstrations show how to come back.

A push adds a constant offset to the arm's part of several actions in a row. When it comes, how long it lasts and where
it goes is drawn from the episode's own seed alone, so the same pushes can be found again without the expert.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import PolicyError
from vvla_policies.observation import Observation
from vvla_policies.policy import ACTION_DIM, ActionChunk, BatchedPolicy, Memory, as_chunk
from vvla_policies.registry import load_policy

ADDRESS = "vvla_policies.distill.demos.disturbance:Disturbed"
CHANCE = 1 / 40
LENGTHS = (3, 9)
ROTATION = 0.5


class Pushes:
    """The offsets of an episode, step by step.

    Args:
        seed: the policy's seed in the episode.
        noise: standard deviation of each entry of an offset, in units of action (rotation: half of it).
    """

    def __init__(self, seed: int, noise: float) -> None:
        self._rng = np.random.default_rng([seed, zlib.crc32(b"pushes")])
        self._scale = noise * np.array([1.0, 1.0, 1.0, ROTATION, ROTATION, ROTATION, 0.0])
        self._offset = np.zeros(ACTION_DIM)
        self._left = 0

    def draw(self, steps: int) -> NDArray[np.float32]:
        """The offsets of the next steps, float32 (steps, 7); zero between pushes, and always for the gripper.

        >>> whole, parts = Pushes(3, 0.2), Pushes(3, 0.2)
        >>> bool((whole.draw(90) == np.concatenate([parts.draw(30), parts.draw(60)])).all())
        True
        """
        return np.stack([self._next() for _ in range(steps)]).astype(np.float32)

    def _next(self) -> NDArray[np.float64]:
        if self._left == 0 and self._rng.random() < CHANCE:
            self._left = int(self._rng.integers(*LENGTHS))
            self._offset = self._scale * self._rng.standard_normal(ACTION_DIM)
        if self._left == 0:
            return np.zeros(ACTION_DIM)
        self._left -= 1
        return self._offset


def disturbed_steps(seed: int, noise: float, steps: int) -> NDArray[np.bool_]:
    """Which of an episode's first steps are pushed, bool (steps,)."""
    if not noise or not steps:
        return np.zeros(steps, dtype=bool)
    return np.asarray(Pushes(seed, noise).draw(steps).any(axis=1))


class DisturbedMemory(Memory):
    """The expert's own memory, and the pushes of the episode."""

    def __init__(self, seed: int, inner: Memory, noise: float) -> None:
        super().__init__(seed)
        self.inner = inner
        self.pushes = Pushes(seed, noise)


class Disturbed(BatchedPolicy):
    """A policy with pushes added to what it says.

    Args:
        policy: name of the policy; it must be a `BatchedPolicy`.
        noise: see `Pushes`.
        **options: of the policy.

    Raises:
        PolicyError: it is another kind of policy.
    """

    def __init__(self, policy: str, noise: float, **options: Any) -> None:
        inner = load_policy(policy, **options)
        if not isinstance(inner, BatchedPolicy):
            raise PolicyError(f"--noise needs a batched policy, and '{policy}' is none: use --noise 0")
        self._inner = inner
        self._noise = float(noise)
        self.card = replace(inner.card, notes={**inner.card.notes, "noise": self._noise})

    def initial_memory(self, seed: int) -> DisturbedMemory:
        """The expert's memory and the episode's pushes."""
        return DisturbedMemory(seed, self._inner.initial_memory(seed), self._noise)

    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> list[ActionChunk]:
        """The expert's actions, pushed; it sees what came of it at its next call."""
        mine = [memory for memory in memories if isinstance(memory, DisturbedMemory)]
        answers = self._inner.act_batch(obs, instructions, [memory.inner for memory in mine])
        chunks = [as_chunk(answer, self.card) for answer in answers]
        return [
            np.clip(chunk + memory.pushes.draw(len(chunk)), -1.0, 1.0) if self._noise else chunk
            for chunk, memory in zip(chunks, mine, strict=True)
        ]

    def close(self) -> None:
        """Closes the expert."""
        self._inner.close()
