"""Runs episodes in slots: refilled as episodes end, questions answered in batches, lost workers replaced."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

import numpy as np
from numpy.typing import NDArray

from vvla_policies.envs.suite import Suite
from vvla_policies.errors import SimulatorError, VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import PHASES, EpisodeError, EpisodeRecord, hash_actions
from vvla_policies.evaluation.records.storage import now
from vvla_policies.evaluation.rollouts.hosting import Again, PolicyHost, Question
from vvla_policies.evaluation.rollouts.plan import task_of
from vvla_policies.evaluation.rollouts.schedule import Source, group_of
from vvla_policies.evaluation.rollouts.slots import RemoteSlot, Slot
from vvla_policies.evaluation.rollouts.worker import Begin, Continue, Failed, Message, Ready, Scene, Turn
from vvla_policies.policy import ACTION_DIM, ActionChunk

RETRIES = 2
"""How often an episode is begun again after its worker was lost."""

TASKS_PER_PROCESS = 32
"""A worker is replaced after so many changes of task: simulators leak when environments are rebuilt."""

_TICK_SECONDS = 0.5

log = logging.getLogger(__name__)

Save = Callable[[EpisodeRecord, NDArray[np.float32]], None]


@dataclass
class Episode:
    """An episode under way, as the main process sees it.

    Attributes:
        key: which one.
        retries: how often it was begun before in a worker that was lost.
        alone: it is asked about on its own, because a batch with it failed.
    """

    key: EpisodeKey
    retries: int = 0
    alone: bool = False
    instruction: str = ""
    turn: Turn | None = None
    chunk: ActionChunk | None = None
    actions: list[ActionChunk] = field(default_factory=list)
    calls: int = 0
    clipped: int = 0
    renewals: int = 0
    policy_seconds: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    def follow(self, turn: Turn) -> None:
        """Takes in how the episode stands."""
        self.instruction = self.instruction or turn.outcome.instruction
        self.clipped += turn.outcome.clipped
        if self.chunk is not None:
            self.actions.append(self.chunk[: turn.executed])
        self.turn = turn

    def policy_seed(self) -> int:
        """The seed of the policy's memory: of the key, and of how often the instruction changed."""
        return self.key.stream("policy" if not self.renewals else f"policy {self.renewals}")

    def executed(self) -> NDArray[np.float32]:
        """All actions so far, (steps, 7)."""
        return np.concatenate([np.zeros((0, ACTION_DIM), np.float32), *self.actions])

    def seconds(self, spent: Mapping[str, float]) -> dict[str, float]:
        """Wall time by phase, with what the environment says it spent."""
        total = time.perf_counter() - self.started
        phases = {**dict.fromkeys(PHASES, 0.0), **spent, "policy": self.policy_seconds}
        phases["transport"] = max(0.0, total - sum(phases.values()))
        return {name: round(value, 6) for name, value in {**phases, "total": total}.items()}


class Engine:
    """Runs the episodes of a queue.

    Args:
        suites: suite name to suite.
        scenes: suite name to what workers must know of it.
        queue: the episodes to run.
        host: the policy.
        slots: where environments run.
        save: records an episode.
        on_start: hears of episodes that begin.
        batch_size: most questions in one call of the policy.
        stall_seconds: a worker that gives no answer for so long is replaced.
    """

    def __init__(
        self,
        suites: Mapping[str, Suite],
        scenes: Mapping[str, Scene],
        queue: Source,
        host: PolicyHost,
        slots: Sequence[Slot],
        save: Save,
        on_start: Callable[[EpisodeKey, int], None],
        batch_size: int,
        stall_seconds: float,
    ) -> None:
        self._suites = suites
        self._scenes = scenes
        self._queue = queue
        self._host = host
        self._slots = {slot.number: slot for slot in slots}
        self._save = save
        self._on_start = on_start
        self._batch_size = batch_size
        self._stall_seconds = stall_seconds
        self._episodes: dict[int, Episode] = {}
        self._asking: deque[int] = deque()
        self._idle: dict[int, EpisodeKey | None] = {}  # slots without an episode, and their last
        self._changes = dict.fromkeys(self._slots, 0)
        self._works = False  # an environment could be built

    def run(self) -> None:
        """Until the queue is empty, nothing more can come, and all episodes are recorded.

        Raises:
            VvlaError: no environment can be built, no worker can start, or an episode cannot be recorded.
        """
        for number in self._slots:
            self._refill(number)
        while self._episodes or self._queue.open:
            self._listen()
            if self._asking:
                self._answer()

    # --- from the slots ------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Hears all slots that have something to say; waits for one if there is nothing else to do."""
        busy = [slot for slot in self._slots.values() if slot.busy]
        pipes: dict[Connection, RemoteSlot] = {s.pipe: s for s in busy if isinstance(s, RemoteSlot)}
        local = [slot for slot in busy if not isinstance(slot, RemoteSlot)]
        bell = self._queue.bell
        doors = [*pipes, *([bell] if bell is not None else [])]
        at_once = bool(self._asking or local)
        ready = wait(doors, timeout=0 if at_once else min(_TICK_SECONDS, self._stall_seconds)) if doors else []
        if bell is not None and bell in ready:
            bell.recv()
            self._wake()
        heard: list[Slot] = [*local, *(pipes[pipe] for pipe in pipes if pipe in ready)]
        for slot in heard:
            self._hear(slot, slot.receive())
        for pipe, slot in pipes.items():
            if pipe not in ready and slot.overdue(self._stall_seconds):
                self._replace(slot)

    def _hear(self, slot: Slot, message: Message | None) -> None:
        if message is None:
            assert isinstance(slot, RemoteSlot)
            self._replace(slot)
        elif isinstance(message, Failed):
            if message.building and message.user and not self._works:
                raise VvlaError(message.error.message)
            self._finish(slot, message.error, message.seconds)
        elif isinstance(message, Ready):
            self._episodes[slot.number].started = time.perf_counter()  # starting a process is no part of an episode
        else:
            self._works = True
            self._follow(slot, message)

    def _follow(self, slot: Slot, turn: Turn) -> None:
        episode = self._episodes[slot.number]
        first = episode.turn is None
        episode.follow(turn)
        if turn.outcome.over:
            self._finish(slot)
            return
        if first or turn.outcome.renewed:
            episode.renewals += not first
            start = time.perf_counter()
            error = self._host.begin(slot.number, episode.policy_seed())
            episode.policy_seconds += time.perf_counter() - start
            if error is not None:
                self._finish(slot, error)
                return
        self._asking.append(slot.number)

    def _replace(self, slot: RemoteSlot) -> None:
        """The slot's process is gone or stuck: another one begins the episode again, up to a limit."""
        why, ever_ready = slot.lost, slot.ready or self._works
        if not ever_ready:
            raise SimulatorError(
                f"workers cannot start: {why}; a script that calls evaluate() must do so under "
                "`if __name__ == '__main__':`, and what a worker printed stands above"
            )
        slot.restart()
        self._changes[slot.number] = 0
        episode = self._episodes[slot.number]
        if episode.retries < RETRIES:
            self._begin(slot, Episode(episode.key, episode.retries + 1, episode.alone))
        else:
            self._finish(slot, EpisodeError("WorkerLost", f"{why}, {RETRIES + 1} times"))

    # --- to the slots --------------------------------------------------------------------------------------------

    def _refill(self, number: int, last: EpisodeKey | None = None) -> None:
        slot, key = self._slots[number], self._queue.take(last)
        if key is None and self._queue.open:
            self._idle[number] = last
            return
        if key is None:
            slot.dismiss()
            return
        if last is not None and group_of(last) != group_of(key):
            self._changes[number] += 1
            if self._changes[number] >= TASKS_PER_PROCESS and isinstance(slot, RemoteSlot):
                slot.restart()
                self._changes[number] = 0
        self._begin(slot, Episode(key))

    def _wake(self) -> None:
        """Episodes have come: idle slots take them, those first that were at their tasks last."""
        idle, self._idle = self._idle, {}
        fitting = [n for n, last in idle.items() if last is not None and self._queue.holds(group_of(last))]
        for number in dict.fromkeys([*fitting, *idle]):
            self._refill(number, idle[number])

    def _begin(self, slot: Slot, episode: Episode) -> None:
        self._episodes[slot.number] = episode
        self._on_start(episode.key, slot.number)
        slot.send(Begin(self._scenes[episode.key.suite], episode.key))

    def _answer(self) -> None:
        """Asks the policy about the episodes that have waited longest, and passes its answers on."""
        batch = self._batch()
        episodes = [self._episodes[number] for number in batch]
        questions = [_question(n, episode.turn) for n, episode in zip(batch, episodes, strict=True)]
        start = time.perf_counter()
        answers = self._host.ask(questions)
        seconds = time.perf_counter() - start
        if any(answer is Again.SMALLER for answer in answers):
            self._batch_size = max(1, len(batch) // 2)
            log.warning("the policy ran out of memory: it is asked at most %d questions at once", self._batch_size)
        for number, episode, answer in zip(batch, episodes, answers, strict=True):
            slot = self._slots[number]
            episode.calls += 1
            episode.policy_seconds += seconds
            if isinstance(answer, Again):
                alone = episode.alone or answer is Again.ALONE
                self._begin(slot, Episode(episode.key, episode.retries, alone))
            elif isinstance(answer, EpisodeError):
                self._finish(slot, answer)
            else:
                episode.chunk = answer
                slot.send(Continue(answer, self._host.looks(number)))

    def _batch(self) -> list[int]:
        if self._episodes[self._asking[0]].alone:
            return [self._asking.popleft()]
        together = [number for number in self._asking if not self._episodes[number].alone][: self._batch_size]
        self._asking = deque(number for number in self._asking if number not in together)
        return together

    # --- records -------------------------------------------------------------------------------------------------

    def _finish(self, slot: Slot, error: EpisodeError | None = None, spent: Mapping[str, float] | None = None) -> None:
        episode = self._episodes.pop(slot.number)
        turn = episode.turn
        outcome = turn.outcome if turn is not None else None
        task, actions = task_of(self._suites, episode.key), episode.executed()
        record = EpisodeRecord(
            key=episode.key,
            task_name=task.name,
            instruction=episode.instruction or task.instruction,
            success=outcome is not None and outcome.success and error is None,
            truncated=outcome is not None and outcome.truncated and error is None,
            error=error,
            steps=len(actions),
            completed=outcome.completed if outcome is not None else 0,
            calls=episode.calls,
            clipped=episode.clipped,
            fixtures=turn.fixtures if turn is not None else "",
            actions=hash_actions(actions),
            seconds=episode.seconds(spent or (turn.seconds if turn is not None else {})),
            worker=slot.number,
            retries=episode.retries,
            finished=now(),
            subtasks=outcome.subtasks if outcome is not None else (),
        )
        self._save(record, actions)
        self._refill(slot.number, episode.key)


def _question(number: int, turn: Turn | None) -> Question:
    assert turn is not None
    assert turn.observation is not None
    return Question(number, turn.observation, turn.outcome.instruction)
