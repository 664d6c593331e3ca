"""An expert whose hand is pushed off course now and then, so that its demonstrations show how to come back.

A push adds a constant offset to the arm's part of several actions in a row. Some come at any time; others come just as
the gripper starts to close, and upwards, so that it misses and the expert has to try again: without them a learner
would never see fingers that closed on nothing. When a push comes, how long it lasts and where it goes depends on the
episode's own seed and the gripper's commands alone, so the same pushes can be found again without the expert.
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
MISSES = 1 / 4
"""How likely a push is at a step at which the gripper starts to close."""
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
        self._open = True

    def draw(self, actions: NDArray[Any]) -> NDArray[np.float32]:
        """The offsets of the next steps, zero between pushes, and always for the gripper.

        >>> actions = np.repeat([[1.0], [-1.0], [1.0]], 30, axis=0) * np.ones(7)
        >>> whole, parts = Pushes(3, 0.2), Pushes(3, 0.2)
        >>> bool((whole.draw(actions) == np.concatenate([parts.draw(actions[:31]), parts.draw(actions[31:])])).all())
        True

        Args:
            actions: (steps, 7), pushed already or not: only the gripper's commands are read, positive for open.

        Returns:
            float32 (steps, 7).
        """
        offsets = [self._next(open_=command > 0) for command in actions[:, 6]]
        return np.reshape(offsets, (-1, ACTION_DIM)).astype(np.float32)

    def _next(self, open_: bool) -> NDArray[np.float64]:
        closes, self._open = self._open and not open_, open_
        if closes and self._rng.random() < MISSES:
            self._push()
            self._offset[2] = abs(self._offset[2])
        elif self._left == 0 and self._rng.random() < CHANCE:
            self._push()
        if self._left == 0:
            return np.zeros(ACTION_DIM)
        self._left -= 1
        return self._offset

    def _push(self) -> None:
        self._left = int(self._rng.integers(*LENGTHS))
        self._offset = self._scale * self._rng.standard_normal(ACTION_DIM)


def disturbed_steps(seed: int, actions: NDArray[Any], noise: float) -> NDArray[np.bool_]:
    """Which of an episode's steps are pushed, bool (steps,).

    Args:
        seed: as for `Pushes`.
        actions: (steps, 7), all that were executed.
        noise: as for `Pushes`.
    """
    if not noise:
        return np.zeros(len(actions), dtype=bool)
    return np.asarray(Pushes(seed, noise).draw(actions).any(axis=1))


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
            np.clip(chunk + memory.pushes.draw(chunk), -1.0, 1.0) if self._noise else chunk
            for chunk, memory in zip(chunks, mine, strict=True)
        ]

    def close(self) -> None:
        """Closes the expert."""
        self._inner.close()
