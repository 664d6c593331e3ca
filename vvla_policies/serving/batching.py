"""Requests of several clients become one call of the policy, which runs in a thread of its own.

The event loop stays free for the sockets while the policy thinks; what arrives meanwhile goes into the next call.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from vvla_policies.errors import PolicyError
from vvla_policies.evaluation.records.runs import EpisodeError
from vvla_policies.evaluation.rollouts.hosting import Again, PolicyHost, Question
from vvla_policies.policy import ActionChunk

T = TypeVar("T")

CAUTION_SECONDS = 60.0
"""For so long after a call for several clients failed, each is asked about on its own: the culprit fails alone."""


@dataclass(frozen=True)
class Answer:
    """What the policy said.

    Attributes:
        actions: float32 (T, 7).
        infer_ms: how long the call took.
        queue_ms: how long the question waited for it.
        batch: questions in the call.
    """

    actions: ActionChunk
    infer_ms: float
    queue_ms: float
    batch: int


@dataclass
class _Waiting:
    question: Question
    answer: asyncio.Future[Answer]
    since: float = field(default_factory=time.perf_counter)


class Batcher:
    """Asks a policy for several clients at once.

    Args:
        host: the policy; only this object's thread calls it.
        size: most questions in one call; 1 where the policy takes no batches.
        wait_seconds: how long a call is put off for the other clients' questions.
    """

    def __init__(self, host: PolicyHost, size: int, wait_seconds: float) -> None:
        self._host = host
        self._size = size if host.batched else 1
        self._wait = wait_seconds
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="policy")
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._open: set[int] = set()
        self._careful_until = 0.0
        self._over = False

    async def begin(self, slot: int, seed: int) -> None:
        """An episode of a client begins.

        Raises:
            PolicyError: the policy cannot begin.
        """
        error = await self._call(lambda: self._host.begin(slot, seed))
        if error is not None:
            raise PolicyError(_line(error))
        self._open.add(slot)

    async def ask(self, question: Question) -> Answer:
        """What next, for one client whose episode has begun.

        Raises:
            PolicyError: the policy raised, or the call for several clients did; the episode cannot go on.
        """
        waiting = _Waiting(question, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        return await waiting.answer

    async def end(self, slot: int) -> None:
        """A client is gone."""
        self._open.discard(slot)
        if not self._over:
            await self._call(lambda: self._host.end(slot))

    async def run(self) -> None:
        """Answers questions until it is cancelled."""
        try:
            while True:
                await self._gather()
                count = min(self._limit(), len(self._waiting))
                await self._answer([self._waiting.popleft() for _ in range(count)])
        finally:
            self._over = True
            self._thread.shutdown(wait=True, cancel_futures=True)

    async def _gather(self) -> None:
        """Returns when there are questions and no more are worth waiting for."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        until = time.perf_counter() + self._wait
        while len(self._waiting) < min(self._limit(), len(self._open)) and (left := until - time.perf_counter()) > 0:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except asyncio.TimeoutError:
                return

    def _limit(self) -> int:
        return 1 if time.perf_counter() < self._careful_until else self._size

    async def _answer(self, batch: list[_Waiting]) -> None:
        start = time.perf_counter()
        answers = await self._call(lambda: self._host.ask([waiting.question for waiting in batch]))
        milliseconds = (time.perf_counter() - start) * 1000
        if any(answer is Again.SMALLER for answer in answers):
            self._size = max(1, len(batch) // 2)
        if any(answer is Again.ALONE for answer in answers):
            self._careful_until = time.perf_counter() + CAUTION_SECONDS
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():  # its client's task was cancelled
                continue
            if isinstance(answer, Again):
                lost = "a call for several clients failed; begin the episode again"
                waiting.answer.set_exception(PolicyError(lost))
            elif isinstance(answer, EpisodeError):
                waiting.answer.set_exception(PolicyError(_line(answer)))
            else:
                queued = (start - waiting.since) * 1000
                waiting.answer.set_result(Answer(answer, milliseconds, queued, len(batch)))

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _line(error: EpisodeError) -> str:
    return f"{error.type}: {error.message}"
