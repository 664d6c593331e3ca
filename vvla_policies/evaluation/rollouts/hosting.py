"""The policy in the main process: one memory, or one instance, for each episode under way."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from vvla_policies.errors import LostPolicyError, PolicyError
from vvla_policies.evaluation.records.boundary import Crash, attempt
from vvla_policies.evaluation.records.runs import EpisodeError
from vvla_policies.observation import Observation
from vvla_policies.policy import ActionChunk, BatchedPolicy, Memory, Policy, as_chunk
from vvla_policies.registry import load_policy


@dataclass(frozen=True)
class Question:
    """What next?

    Attributes:
        slot: number of the slot that asks.
        observation: what the policy is shown.
        instruction: what it is told.
    """

    slot: int
    observation: Observation
    instruction: str


class Again(Enum):
    """No answer, and the memory can no longer be trusted: the episode is to be begun again."""

    ALONE = "asked about on its own"
    SMALLER = "in a smaller batch, for this one did not fit into the policy's memory"


class PolicyHost:
    """Drives a policy in several episodes at once: a `BatchedPolicy` in batches, another by an instance per slot.

    Args:
        name: of the policy.
        options: for it.

    Raises:
        VvlaError: it cannot be built.
    """

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._build = functools.partial(load_policy, name, **options)
        self._policy = self._build()
        self.card = self._policy.card
        self._instances: dict[int, Policy] = {}
        self._idle = [self._policy]  # instances that no slot uses
        self._memories: dict[int, Memory] = {}

    @property
    def batched(self) -> bool:
        """Whether the policy answers several questions in one call."""
        return isinstance(self._policy, BatchedPolicy)

    def begin(self, slot: int, seed: int) -> EpisodeError | None:
        """Forgets the slot's past; returns what went wrong, if something did."""
        begun = attempt(lambda: self._begin(slot, seed))
        return begun.error if isinstance(begun, Crash) else None

    def ask(self, questions: Sequence[Question]) -> list[ActionChunk | EpisodeError | Again]:
        """Answers all questions, in one batch if the policy takes batches.

        Returns:
            For each question a checked chunk (T, 7), or what went wrong; `Again` where a call for several episodes
            failed, or the policy was lost.
        """
        if not isinstance(self._policy, BatchedPolicy):
            return [_checked(attempt(functools.partial(self._act, question))) for question in questions]
        answers = attempt(lambda: self._act_batch(questions))
        if isinstance(answers, Crash):
            alone = len(questions) == 1 and not isinstance(answers.exception, LostPolicyError)
            again = Again.SMALLER if _out_of_memory(answers.exception) else Again.ALONE
            return [answers.error] if alone else [again] * len(questions)
        return [_checked(attempt(functools.partial(as_chunk, answer, self.card))) for answer in answers]

    def looks(self, slot: int) -> bool:
        """Whether the policy will read pictures when the slot's episode asks next."""
        memory = self._memories.get(slot)
        return memory is None or memory.looks

    def end(self, slot: int) -> None:
        """Forgets the slot; its instance is free for another."""
        self._memories.pop(slot, None)
        if slot in self._instances:
            self._idle.append(self._instances.pop(slot))

    def close(self) -> None:
        """Closes all instances."""
        for policy in (*self._idle, *self._instances.values()):
            policy.close()

    def _begin(self, slot: int, seed: int) -> None:
        if isinstance(self._policy, BatchedPolicy):
            self._memories[slot] = self._policy.initial_memory(seed)
            return
        if slot not in self._instances:
            self._instances[slot] = self._idle.pop() if self._idle else self._build()
        self._instances[slot].reset(seed)

    def _act(self, question: Question) -> ActionChunk:
        policy = self._instances[question.slot]
        return as_chunk(policy.act(question.observation, question.instruction), self.card)

    def _act_batch(self, questions: Sequence[Question]) -> Sequence[Any]:
        assert isinstance(self._policy, BatchedPolicy)
        answers = self._policy.act_batch(
            [q.observation for q in questions],
            [q.instruction for q in questions],
            [self._memories[q.slot] for q in questions],
        )
        if len(answers) != len(questions):
            raise PolicyError(
                f"policy '{self.card.name}': act_batch returned {len(answers)} chunks for {len(questions)} episodes"
            )
        return answers


def _checked(answer: ActionChunk | Crash) -> ActionChunk | EpisodeError:
    return answer.error if isinstance(answer, Crash) else answer


def _out_of_memory(exception: Exception) -> bool:
    """Whether that is what it says, in the words of Python, PyTorch, CUDA or XLA."""
    words = f"{type(exception).__name__} {exception}"
    told = any(sign in words for sign in ("OutOfMemory", "out of memory", "RESOURCE_EXHAUSTED"))
    return told or isinstance(exception, MemoryError)
