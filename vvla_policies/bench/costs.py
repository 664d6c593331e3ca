"""Measures what an episode is made of, piece by piece, and the least that the simulator alone would take."""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vvla_policies.envs.manipulation import ManipulationEnv
from vvla_policies.envs.store import cache_root
from vvla_policies.envs.suite import load_suite
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeRecord
from vvla_policies.evaluation.records.storage import RunFolder, now
from vvla_policies.evaluation.rollouts.crew import Brief
from vvla_policies.evaluation.rollouts.hosting import PolicyHost, Question
from vvla_policies.evaluation.rollouts.preparation import Prepared, prepare
from vvla_policies.evaluation.rollouts.request import Request
from vvla_policies.evaluation.rollouts.slots import RemoteSlot
from vvla_policies.evaluation.rollouts.transport import block_size
from vvla_policies.evaluation.rollouts.worker import Begin, Continue, Failed, Message, Ready, Scene, Turn
from vvla_policies.observation import Observation

BATCHES = (1, 2, 4, 8, 16)
STILL = np.array([0, 0, 0, 0, 0, 0, 1], np.float32)
STEPS_TIMED, TURNS_TIMED, CALLS_TIMED, RECORDS_TIMED = 40, 20, 5, 10


@dataclass(frozen=True)
class Costs:
    """What things take on a machine, seconds unless said otherwise.

    Attributes:
        suite: that was measured.
        policy: that was measured.
        chunk: actions between two questions.
        steps: of a full episode.
        cores: CPU cores of the machine.
        start: of a worker process, until it can build an environment.
        load: to build the environment of another task.
        reset: to begin an episode of the same task, settling included.
        step: a control step of physics.
        draw: an observation.
        transport: a turn between worker and policy, beyond what both do.
        record: to write the record of an episode.
        calls: batch size to the length of a call of the policy.
        floor_step: a control step of the bare simulator, None if unknown.
        floor_draw: bare drawing of an observation, None if unknown.
        machine: what was measured on.
        measured: ISO time, UTC.
    """

    suite: str
    policy: str
    chunk: int
    steps: int
    cores: int
    start: float
    load: float
    reset: float
    step: float
    draw: float
    transport: float
    record: float
    calls: Mapping[int, float]
    floor_step: float | None = None
    floor_draw: float | None = None
    machine: str = field(default_factory=platform.platform)
    measured: str = field(default_factory=now)

    def call(self, batch: int) -> float:
        """The length of a call with so many questions: between measured sizes in a straight line, beyond them on."""
        sizes = sorted(self.calls)
        if len(sizes) == 1 or batch <= sizes[0]:
            return self.calls[sizes[0]] * max(1.0, batch / sizes[0])
        high = next((size for size in sizes[1:] if size >= batch), sizes[-1])
        low = sizes[sizes.index(high) - 1]
        slope = (self.calls[high] - self.calls[low]) / (high - low)
        return max(0.0, self.calls[low] + slope * (batch - low))

    def save(self, path: Path) -> None:
        """Writes them as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Costs:
        """Reads what `save` wrote.

        Raises:
            VvlaError: the file is absent or is none.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**data, "calls": {int(size): seconds for size, seconds in data["calls"].items()}})
        except FileNotFoundError as error:
            raise VvlaError(f"no measurements at {path}; make them with: vvla bench") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise VvlaError(f"{path} does not hold measurements of vvla bench ({error!r})") from error


def default_path() -> Path:
    """Where measurements of this machine are kept."""
    return cache_root() / "bench" / f"{platform.node() or 'machine'}.json"


def measure(request: Request) -> Costs:
    """Measures one suite with one policy, in some tens of seconds.

    Args:
        request: policy, suite (the first counts), protocol and assets.

    Raises:
        VvlaError: they do not exist or do not fit together, or the policy reads the simulator's own state.
    """
    host = PolicyHost(request.policy, request.fitted().policy_options)
    try:
        if host.card.privileged:
            raise VvlaError(
                f"policy '{request.policy}' reads the simulator's own state; measure another, such as random"
            )
        prepared = prepare(host.card, request.suites[:1], None, 1, request.seed, request.protocol, request.assets)
        (suite,), (scene,) = prepared.suites.values(), prepared.scenes.values()
        chunk = max(1, host.card.chunk)
        seen, facts = _environment(scene, len(suite.tasks))
        started, transport = _turns(scene, prepared.keys[0], chunk)
        return Costs(
            suite=suite.name,
            policy=request.policy,
            chunk=chunk,
            steps=scene.settings.protocol.steps(suite.name),
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            start=started,
            transport=transport,
            record=_recording(request, prepared, host),
            calls=_calls(host, seen),
            **facts,
        )
    finally:
        host.close()


def _median(call: Callable[[], object], times: int) -> float:
    """The median duration of some calls, after one that does not count."""
    call()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def _environment(scene: Scene, tasks: int) -> tuple[Observation, dict[str, Any]]:
    """An observation, and the environment's share of an episode."""
    start = time.perf_counter()
    env = load_suite(scene.address).make_env(scene.settings, 0)
    loaded = time.perf_counter() - start
    try:
        numbers = iter(range(1, 100))
        reset = _median(lambda: env.start(0, 0, next(numbers)), 3)
        # A short episode may end while it is measured; the median does not see that.
        step = _median(lambda: env.advance(STILL).over and env.start(0, 0, next(numbers)), STEPS_TIMED)
        draw, seen = _median(env.observe, TURNS_TIMED), env.observe()
        floors = _floor(env)
        if tasks > 1:
            start = time.perf_counter()
            env.start(1, 0, 1)
            loaded = max(0.0, time.perf_counter() - start - reset)
    finally:
        env.close()
    return seen, {"load": loaded, "reset": reset, "step": step, "draw": draw, **floors}


def _floor(env: ManipulationEnv) -> dict[str, float | None]:
    """What the bare simulator takes, where the environment can tell."""
    physics = env.floor()
    if physics is None:
        return {"floor_step": None, "floor_draw": None}
    drawn = 0.0
    for camera in env.settings.cameras:  # one after the other: they share what draws them
        picture = env.floor(camera)
        assert picture is not None
        drawn += _median(picture, TURNS_TIMED)
    return {"floor_step": _median(physics, STEPS_TIMED), "floor_draw": drawn}


def _turns(scene: Scene, key: EpisodeKey, chunk: int) -> tuple[float, float]:
    """Start of a worker, and what a turn takes beyond the environment's own time."""
    start = time.perf_counter()
    slot = RemoteSlot(0, block_size([scene.settings]))
    try:
        slot.send(Begin(scene, key))
        _heard(slot)
        started = time.perf_counter() - start
        turn = _heard(slot)
        beyond = []
        for _ in range(TURNS_TIMED):
            if not isinstance(turn, Turn) or turn.outcome.over:
                break
            before, start = sum(turn.seconds.values()), time.perf_counter()
            slot.send(Continue(np.tile(STILL, (chunk, 1))))
            turn = _heard(slot)
            if isinstance(turn, Turn):
                beyond.append(time.perf_counter() - start - (sum(turn.seconds.values()) - before))
        return started, max(0.0, statistics.median(beyond)) if beyond else 0.0
    finally:
        slot.close(kill=False)


def _heard(slot: RemoteSlot) -> Ready | Turn:
    message: Message | None = slot.receive()
    if message is None:
        raise VvlaError(f"a worker cannot be measured: {slot.lost}")
    if isinstance(message, Failed):
        raise VvlaError(f"a worker cannot be measured: {message.error.message}")
    return message


def _calls(host: PolicyHost, seen: Observation) -> dict[int, float]:
    """Batch size to the length of a call; only 1 where the policy takes no batches."""
    calls = {}
    for size in BATCHES if host.batched else BATCHES[:1]:
        for slot in range(size):
            host.begin(slot, slot)
        questions = [Question(slot, seen, "pick up the cup") for slot in range(size)]
        calls[size] = _median(lambda asked=questions: host.ask(asked), CALLS_TIMED)  # type: ignore[misc]
        for slot in range(size):
            host.end(slot)
    return calls


def _recording(request: Request, prepared: Prepared, host: PolicyHost) -> float:
    """The time that a record takes to be safe on the disk."""
    brief = Brief(host.card, prepared.entries(), prepared.keys)
    key, actions = prepared.keys[0], np.zeros((200, 7), np.float32)
    numbers = iter(range(10_000))

    def record() -> EpisodeRecord:
        return EpisodeRecord(
            key=replace(key, init_state=next(numbers)), task_name="", instruction="", success=False, truncated=True,
            error=None, steps=len(actions), completed=0, calls=1, clipped=0, fixtures="", actions="",
            seconds={}, worker=0, retries=0, finished=now(),
        )  # fmt: skip

    with tempfile.TemporaryDirectory() as name, RunFolder(Path(name), brief.manifest(request)) as folder:
        return _median(lambda: folder.append(record(), actions), RECORDS_TIMED)


def table(costs: Costs) -> list[tuple[str, str, str, str]]:
    """Rows of a table: phase, time, limit, times the limit."""

    def row(name: str, seconds: float, floor: float | None = None) -> tuple[str, str, str, str]:
        over = f"{seconds / floor:.2f} x" if floor else ""
        return name, f"{1000 * seconds:.2f} ms", "" if floor is None else f"{1000 * floor:.2f} ms", over

    rows: list[Any] = [
        row("physics, a step", costs.step, costs.floor_step),
        row("drawing, an observation", costs.draw, costs.floor_draw),
        row("transport, a turn", costs.transport),
        *(row(f"policy, a call for {size}", seconds) for size, seconds in sorted(costs.calls.items())),
        row("reset and settling", costs.reset),
        row("another task", costs.load),
        row("record", costs.record),
        row("start of a worker", costs.start),
    ]
    return rows
