"""A discrete-event model of the engine: from what things cost to episodes per hour, for machines nobody has at hand.

Each machine has cores, workers and one policy that answers up to a batch of questions at once, those that have waited
longest first, as the engine does. All take episodes from one queue, and one process writes the records. Work on a core
that is shared takes longer in proportion. What it leaves out: memory, networks between machines, and luck.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from vvla_policies.bench.costs import Costs
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.rollouts.schedule import Queue, group_of

TASKS = 10


@dataclass(frozen=True)
class Setup:
    """Machines and how they are used.

    Attributes:
        nodes: machines.
        workers: environments on each.
        batch: most questions in one call of the policy.
        cores: of each machine; of parts of one machine, its part.
        policy_on_cpu: the policy takes up a core while it answers.
    """

    nodes: int = 1
    workers: int = 1
    batch: int = 1
    cores: float = 1
    policy_on_cpu: bool = True


@dataclass(frozen=True)
class Prediction:
    """What the model says.

    Attributes:
        seconds: from start to the last record.
        episodes_per_hour: over that time.
        policy_busy: share of the time that a policy answers, mean over machines.
        mean_batch: questions in a call.
    """

    seconds: float
    episodes_per_hour: float
    policy_busy: float
    mean_batch: float


@dataclass
class _Worker:
    node: _Node
    key: EpisodeKey | None = None
    steps: int = 0


@dataclass
class _Node:
    asking: deque[_Worker] = field(default_factory=deque)
    computing: int = 0  # workers with something to do
    answering: bool = False
    busy_seconds: float = 0.0
    calls: int = 0
    questions: int = 0


def episodes(count: int, tasks: int = TASKS) -> list[EpisodeKey]:
    """So many episodes, spread over tasks."""
    return sorted(EpisodeKey("suite", k % tasks, k // tasks, 0) for k in range(count))


def predict(costs: Costs, setup: Setup, keys: Sequence[EpisodeKey]) -> Prediction:
    """Runs all episodes in the model.

    Args:
        costs: measured by `vvla bench`.
        setup: machines.
        keys: the episodes.
    """
    return _Simulation(costs, setup, keys).run()


class _Simulation:
    def __init__(self, costs: Costs, setup: Setup, keys: Sequence[EpisodeKey]) -> None:
        self._costs, self._setup, self._count = costs, setup, len(keys)
        self._queue = Queue(keys)
        self._nodes = [_Node() for _ in range(setup.nodes)]
        self._events: list[tuple[float, int, _Worker | _Node, list[_Worker]]] = []
        self._number = 0
        self._now = self._end = self._writing_until = 0.0

    def run(self) -> Prediction:
        """Until the last episode is recorded."""
        spread = [node for _ in range(self._setup.workers) for node in self._nodes]
        for node in spread[: self._count]:
            self._next_episode(_Worker(node), self._costs.start)
        while self._events:
            self._now, _, who, answered = heapq.heappop(self._events)
            if isinstance(who, _Node):
                self._answered(who, answered)
            else:
                self._asks(who)
        busy = sum(node.busy_seconds for node in self._nodes) / len(self._nodes)
        calls, questions = (sum(getattr(n, name) for n in self._nodes) for name in ("calls", "questions"))
        rate = 3600 * self._count / self._end
        return Prediction(self._end, rate, busy / self._end, questions / max(1, calls))

    def _later(self, seconds: float, who: _Worker | _Node, answered: Sequence[_Worker] = ()) -> None:
        self._number += 1  # equal times in the order in which they were foreseen
        heapq.heappush(self._events, (self._now + seconds, self._number, who, list(answered)))

    def _compute(self, worker: _Worker, seconds: float, waiting: float = 0.0) -> None:
        """The environment works for so long on a core of its own, longer if cores are short."""
        node = worker.node
        node.computing += 1
        demand = node.computing + (node.answering and self._setup.policy_on_cpu)
        self._later(waiting + seconds * max(1.0, demand / self._setup.cores), worker)

    def _next_episode(self, worker: _Worker, before: float) -> None:
        last, worker.key = worker.key, self._queue.take(worker.key)
        if worker.key is None:
            return
        worker.steps = 0
        stays = last is not None and group_of(last) == group_of(worker.key)
        work = before + self._costs.reset + self._costs.draw + (0.0 if stays else self._costs.load)
        self._compute(worker, work, max(0.0, self._writing_until - self._now))

    def _asks(self, worker: _Worker) -> None:
        """A chunk is done."""
        worker.node.computing -= 1
        if worker.steps >= self._costs.steps:
            self._writing_until = max(self._now, self._writing_until) + self._costs.record
            self._end = self._writing_until
            self._next_episode(worker, 0.0)
            return
        worker.node.asking.append(worker)
        self._call(worker.node)

    def _call(self, node: _Node) -> None:
        if node.answering or not node.asking:
            return
        batch = [node.asking.popleft() for _ in range(min(self._setup.batch, len(node.asking)))]
        seconds = self._costs.call(len(batch)) + self._costs.transport * len(batch)
        if self._setup.policy_on_cpu:
            seconds *= max(1.0, (node.computing + 1) / self._setup.cores)
        node.answering = True
        node.busy_seconds += seconds
        node.calls += 1
        node.questions += len(batch)
        self._later(seconds, node, batch)

    def _answered(self, node: _Node, workers: Sequence[_Worker]) -> None:
        node.answering = False
        for worker in workers:
            steps = min(self._costs.chunk, self._costs.steps - worker.steps)
            worker.steps += steps
            last = worker.steps >= self._costs.steps
            self._compute(worker, steps * self._costs.step + (0.0 if last else self._costs.draw))
        self._call(node)


def recommend(costs: Costs, policy_on_cpu: bool) -> tuple[Setup, Prediction]:
    """The setup of this machine with most episodes per hour; of about equal ones (3 %) that with the fewest workers."""
    keys = episodes(max(40, 4 * costs.cores))
    found = []
    for workers in sorted({max(1, round(costs.cores * share)) for share in (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2)}):
        for batch in sorted({size for size in (1, 2, 4, 8, 16, 32) if size < workers} | {workers}):
            setup = Setup(1, workers, batch, costs.cores, policy_on_cpu)
            found.append((setup, predict(costs, setup, keys)))
    best = max(prediction.episodes_per_hour for _, prediction in found)
    return next(pair for pair in found if pair[1].episodes_per_hour >= 0.97 * best)
