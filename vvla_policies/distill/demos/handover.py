"""An expert that takes over from a novice: demonstrations of the way on from where a learner's own actions lead.

A learner goes astray in ways that no expert's demonstration shows, and what it does not see it cannot put right. So the
novice acts for two parts of each episode, the expert for the rest; what the novice did is recorded, marked, and not
learnt from. In half of the episodes, by chance, the expert begins, so that the novice also gets to act late in long
tasks (in short ones it may never). Who acts when depends on the episode's own seed alone. Source: DAgger (arXiv
1011.0686), as in HG-DAgger (arXiv 1810.02890), where the expert acts instead of labelling.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import PolicyError
from vvla_policies.observation import CAMERAS, Observation
from vvla_policies.policy import ActionChunk, BatchedPolicy, Memory, as_chunk
from vvla_policies.registry import load_policy

ADDRESS = "vvla_policies.distill.demos.handover:Handover"
STINTS = ((10, 80), (8, 40), (0, 40))
"""Fewest and most steps of the novice, the expert and the novice again; then the expert stays."""
LEAD = 150
"""Most steps of the expert before all that, where it begins."""


def novice_steps(seed: int, actions: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of an episode's steps are the novice's, bool (steps,).

    Args:
        seed: the policy's seed in the episode.
        actions: (steps, 7), all that were executed.
    """
    return _plan(seed, len(actions))


def _plan(seed: int, count: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng([seed, zlib.crc32(b"stints")])
    ends = np.cumsum([rng.integers(least, most, endpoint=True) for least, most in STINTS])
    lead = rng.integers(0, 1, endpoint=True) * rng.integers(0, LEAD, endpoint=True)
    steps = np.arange(count) - lead
    return ((steps >= 0) & (steps < ends[0])) | ((steps >= ends[1]) & (steps < ends[2]))


class HandoverMemory(Memory):
    """How far an episode is, and what the one who acts knows of it.

    Attributes:
        step: actions so far.
        novice: whether the novice acts; None before the first step.
        inner: the memory of the one who acts, anew at each handover.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.step = 0
        self.novice: bool | None = None
        self.inner = Memory(seed)
        self._plan = _plan(seed, 1 + LEAD + sum(most for _, most in STINTS))  # its last entry holds ever after

    def turn(self) -> tuple[bool, int]:
        """Whether it is the novice's turn, and steps until the next (1 where there is none)."""
        at = min(self.step, len(self._plan) - 1)
        later = np.flatnonzero(self._plan[at:] != self._plan[at])
        return bool(self._plan[at]), int(later[0]) if len(later) else 1


class Handover(BatchedPolicy):
    """Novice and expert in turns.

    Args:
        policy: name of the expert.
        novice: name of the novice; both must be `BatchedPolicy`s.
        novice_options: of the novice.
        **options: of the expert.

    Raises:
        PolicyError: one is another kind of policy.
    """

    def __init__(self, policy: str, novice: str, novice_options: Mapping[str, Any], **options: Any) -> None:
        self._expert, self._novice = _batched(policy, options), _batched(novice, novice_options)
        expert, other = self._expert.card, self._novice.card
        self._expert_looks = not set(CAMERAS).isdisjoint(expert.reads)
        told = {"novice": {"name": other.name, "weights": other.weights, **other.notes}}
        self.card = replace(
            expert,
            reads=tuple(dict.fromkeys([*expert.reads, *other.reads])),
            image_sizes={**other.image_sizes, **expert.image_sizes},
            chunk=max(expert.chunk, other.chunk),
            trained_on=other.trained_on,
            notes={**expert.notes, **told},
        )

    def initial_memory(self, seed: int) -> HandoverMemory:
        """Nobody has acted."""
        return HandoverMemory(seed)

    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> list[ActionChunk]:
        """Each episode's actions, by the one whose turn it is, never beyond the turn's end."""
        mine = [memory for memory in memories if isinstance(memory, HandoverMemory)]
        turns = [memory.turn() for memory in mine]
        answers: list[ActionChunk] = [np.empty((0, 7), np.float32)] * len(mine)
        for is_novice, policy in ((True, self._novice), (False, self._expert)):
            rows = [row for row, (turn, _) in enumerate(turns) if turn is is_novice]
            for row in rows:
                if mine[row].novice is not is_novice:
                    mine[row].novice, mine[row].inner = is_novice, policy.initial_memory(mine[row].seed)
            if rows:
                said = policy.act_batch(
                    [obs[row] for row in rows], [instructions[row] for row in rows], [mine[row].inner for row in rows]
                )
                for row, chunk in zip(rows, said, strict=True):
                    answers[row] = as_chunk(chunk, policy.card)[: turns[row][1]]
                    mine[row].step += len(answers[row])
                    mine[row].looks = self._expert_looks or mine[row].turn()[0]
        return answers

    def close(self) -> None:
        """Closes both."""
        self._expert.close()
        self._novice.close()


def _batched(name: str, options: Mapping[str, Any]) -> BatchedPolicy:
    policy = load_policy(name, **options)
    if not isinstance(policy, BatchedPolicy):
        raise PolicyError(f"--novice needs batched policies, and '{name}' is none")
    return policy
