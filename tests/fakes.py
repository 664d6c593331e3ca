"""A fake suite and scripted policies: the harness is tested on them in seconds, in this process or in spawned ones.

The robot is a point that is to reach a goal. All is a deterministic function of the episode's key and the actions.
Faults and timings come from the environment variable `FAKES` (JSON, see `Faults`), because workers are spawned.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from vvla_policies.envs.manipulation import ManipulationEnv, Outcome
from vvla_policies.envs.protocol import Protocol
from vvla_policies.envs.suite import AssetSet, EnvSettings, Suite, Task

from vvla_policies.errors import SimulatorError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeRecord, Run
from vvla_policies.evaluation.rollouts.evaluate import Request, Silent
from vvla_policies.policy import BatchedPolicy, Memory, Policy, PolicyCard

ENVIRONMENT = "FAKES"
SUITE_ADDRESS = "tests.fakes:SUITE"
REACH = 0.25
STEPS = 30


@dataclass(frozen=True)
class Faults:
    """What goes wrong in the fake environment, and how slow it is.

    Attributes:
        step_seconds: an `advance` takes so long.
        draw_seconds: an `observe` with pictures takes so long.
        build: message of the SimulatorError that building raises.
        at: key as text to {"kind": "raise" | "hang" | "crash" | "exit", "step": k, "once": path of a marker or None}.
        provenance: the simulator's version.
        pids: a folder in which every process that builds an environment leaves a file named by its id.
    """

    step_seconds: float = 0.0
    draw_seconds: float = 0.0
    build: str = ""
    at: dict[str, dict[str, Any]] = field(default_factory=dict)
    provenance: str = "1.0"
    pids: str = ""

    @staticmethod
    def current() -> Faults:
        return Faults(**json.loads(os.environ.get(ENVIRONMENT, "{}")))

    def item(self) -> tuple[str, str]:
        """Name and value of the environment variable."""
        return ENVIRONMENT, json.dumps(self.__dict__)


class FakeEnv(ManipulationEnv):
    """A point in a box; task 2 is a chain of three goals."""

    def __init__(self, settings: EnvSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.faults = Faults.current()
        if self.faults.build:
            raise SimulatorError(self.faults.build)
        if self.faults.pids:
            (Path(self.faults.pids) / str(os.getpid())).touch()

    def _begin(self, task: int, init_state: int, seed: int) -> Outcome:
        self.task = TASKS[task]
        self.noise = np.random.default_rng(seed)
        places = np.random.default_rng([task, init_state])
        self.place = places.uniform(-1, 1, 3)
        self.goals = places.uniform(-1, 1, (3 if task == CHAIN else 1, 3))
        self.fixture = self.noise.uniform(size=3)
        self.taken = self.done = 0
        self.fault = self.faults.at.get(f"fake-t{task:02d}-i{init_state:02d}")
        self._maybe_fail()
        return self._now()

    def _advance(self, action: np.ndarray) -> Outcome:
        self._maybe_fail()
        _spend(self.faults.step_seconds)
        self.place = self.place + 0.1 * action[:3] + self.noise.normal(scale=0.02, size=3)
        self.taken += 1
        reached = np.linalg.norm(self.place - self.goals[self.done]) < REACH
        self.done += bool(reached)
        return self._now(renewed=bool(reached) and self.done < len(self.goals))

    def _now(self, renewed: bool = False) -> Outcome:
        success = self.done == len(self.goals)
        over = self.taken >= self.settings.protocol.steps("fake")
        told = f"{self.task.instruction} {self.done}" if self.task.index == CHAIN else self.task.instruction
        return Outcome(self.taken, success, success, over and not success, told, self.done, renewed)

    def _observe(self, cameras: tuple[str, ...]) -> Any:
        if cameras:
            _spend(self.faults.draw_seconds)
        height, width = self.settings.protocol.image_size
        obs: dict[str, Any] = {
            "eef_pos": self.place.astype(np.float32),
            "eef_quat": np.array([1, 0, 0, 0], np.float32),
            "gripper_qpos": np.zeros(2, np.float32),
            "gripper_command": np.ones(1, np.float32),
            "joint_pos": np.zeros(7, np.float32),
            "state": np.array([*self.place, 0, 0, 0, self.taken, self.done], np.float32),
        }
        shade = np.clip((self.place + 2) * 60, 0, 255).astype(np.uint8)
        obs |= {camera: np.tile(shade, (height, width, 1)) for camera in cameras}
        return obs

    def privileged(self) -> dict[str, Any]:
        return {"goal": self.goals[min(self.done, len(self.goals) - 1)].copy()}

    def fixtures_hash(self) -> str:
        return f"{self.fixture[0]:.12f}"

    def _maybe_fail(self) -> None:
        if self.fault is None or self.fault.get("step", 0) != self.taken:
            return
        marker = self.fault.get("once")
        if marker is not None:
            if Path(marker).exists():
                return
            Path(marker).touch()
        kind = self.fault["kind"]
        if kind == "raise":
            raise RuntimeError("the simulator\nexploded")
        if kind == "exit":
            os._exit(3)
        if kind == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(3600)


CHAIN = 2
TASKS = tuple(Task(index, f"task_{index}", f"reach goal {index}", 5) for index in range(3))
PROTOCOLS = {
    name: Protocol(name, "fake", {"fake": steps}, 0, 0.0, "after", size, 5, "tests")
    for name, steps, size in (("plain", STEPS, (16, 24)), ("short", 4, (16, 24)), ("large", STEPS, (256, 256)))
}


class FakeSuite(Suite):
    """Three tasks with five initial states each."""

    name = "fake"
    benchmark = "fake"
    default_protocol = "plain"

    @property
    def tasks(self) -> tuple[Task, ...]:
        return TASKS

    def protocol(self, name: str | None = None) -> Protocol:
        return PROTOCOLS.get(name or self.default_protocol) or super().protocol(name)

    def assets(self, requested: str = "auto", trained_on: str | None = None) -> AssetSet:
        name = "official" if requested == "official" else "primitive"
        return AssetSet(name, Path(), f"print of {name}")

    def provenance(self) -> dict[str, str]:
        return {"point": Faults.current().provenance, "renderer": "none"}

    def make_env(self, settings: EnvSettings, task: int = 0) -> FakeEnv:
        return FakeEnv(settings, TASKS[task])


class BlindSuite(FakeSuite):
    """A suite whose environments have no privileged observation."""

    offers = ("image", "wrist_image", "state")


SUITE = FakeSuite()
BLIND = BlindSuite()


# --- policies --------------------------------------------------------------------------------------------------------


class Expert(BatchedPolicy):
    """Goes straight to the goal that the privileged observation names, with some noise of its own."""

    def __init__(self, chunk: int = 1, noise: float = 0.3) -> None:
        self.card = PolicyCard("expert", reads=("state", "privileged"), chunk=int(chunk), notes={"noise": noise})
        self.noise = noise

    def act_batch(self, obs: Any, instructions: Any, memories: Any) -> list[np.ndarray]:
        return [self._one(o, m) for o, m in zip(obs, memories, strict=True)]

    def _one(self, obs: Any, memory: Memory) -> np.ndarray:
        towards = np.clip((obs["privileged"]["goal"] - obs["eef_pos"]) * 4, -1.2, 1.2)
        chunk = np.zeros((self.card.chunk, 7), np.float32)
        chunk[:, :3] = towards + memory.rng.normal(scale=self.noise, size=(self.card.chunk, 3))
        return chunk


class Looker(Policy):
    """A plain policy: sees where it is in the picture, keeps a state of its own, and wanders."""

    built = 0

    def __init__(self, chunk: int = 3) -> None:
        type(self).built += 1
        self.card = PolicyCard("looker", reads=("image", "state"), chunk=int(chunk))
        self.rng: np.random.Generator | None = None
        self.last = 0.0

    def reset(self, seed: int | None = None) -> None:
        self.rng = np.random.default_rng(seed)
        self.last = 0.0

    def act(self, obs: Any, instruction: str) -> np.ndarray:
        assert self.rng is not None
        assert "wrist_image" not in obs
        shade = obs["image"].astype(float).mean((0, 1)) / 60 - 2
        assert np.allclose(shade, np.clip(obs["eef_pos"], -2, 2.25), atol=0.03)
        self.last = 0.5 * self.last + float(shade[0])
        chunk = self.rng.uniform(-1, 1, (self.card.chunk, 7)).astype(np.float32)
        chunk[:, 1] = np.tanh(self.last) + len(instruction) % 3 * 0.1
        return chunk


class Faulty(Expert):
    """An expert that fails at its k-th call in some episodes.

    Args:
        kind: "raise", "nan", "shape", "long" or "count".
        keys: the episodes, as "task/init_state" with commas between.
        call: counted from 0.
        batched: whether a batch with a bad episode fails as a whole ("raise") or only that answer is bad.
    """

    def __init__(self, kind: str = "raise", keys: str = "0/1", call: int = 2) -> None:
        super().__init__()
        pairs = [tuple(map(int, pair.split("/"))) for pair in keys.split(",")]
        self.kind, self.call = kind, int(call)
        self.seeds = {EpisodeKey("fake", task, state, 0).stream("policy") for task, state in pairs}

    def initial_memory(self, seed: int) -> Memory:
        memory = Memory(seed)
        memory.calls = 0  # type: ignore[attr-defined]
        return memory

    def act_batch(self, obs: Any, instructions: Any, memories: Any) -> list[np.ndarray]:
        answers = super().act_batch(obs, instructions, memories)
        for k, memory in enumerate(memories):
            memory.calls += 1
            if memory.seed in self.seeds and memory.calls == self.call + 1:
                answers = self._spoilt(answers, k)
        return answers

    def _spoilt(self, answers: list[np.ndarray], k: int) -> list[np.ndarray]:
        if self.kind == "raise":
            raise ValueError("the network\nexploded")
        if self.kind == "count":
            return answers[:-1]
        bad = {"nan": np.full(7, np.nan), "shape": np.zeros(5), "long": np.zeros((9, 7))}[self.kind]
        return [*answers[:k], bad, *answers[k + 1 :]]


class Remembering(BatchedPolicy):
    """Its actions tell how many calls its memory has seen, and from which batch sizes it was asked."""

    batches: list[int] = []  # noqa: RUF012 - read by tests in the same process

    def __init__(self) -> None:
        self.card = PolicyCard("remembering", reads=("state",), chunk=1)

    def initial_memory(self, seed: int) -> Memory:
        memory = Memory(seed)
        memory.calls = 0  # type: ignore[attr-defined]
        return memory

    def act_batch(self, obs: Any, instructions: Any, memories: Any) -> list[np.ndarray]:
        self.batches.append(len(obs))
        answers = []
        for o, memory in zip(obs, memories, strict=True):
            memory.calls += 1
            answers.append(np.array([*np.sign(-o["eef_pos"]) * 0.5, memory.calls / 100, memory.seed % 97 / 97, 0, 1]))
        return answers


class Counting(Expert):
    """An expert that writes into its actions how many calls its memory has seen, and the memory's seed."""

    def initial_memory(self, seed: int) -> Memory:
        memory = Memory(seed)
        memory.calls = 0  # type: ignore[attr-defined]
        return memory

    def _one(self, obs: Any, memory: Any) -> np.ndarray:
        memory.calls += 1
        chunk = super()._one(obs, memory)
        chunk[:, 3], chunk[:, 4] = memory.calls / 100, memory.seed % 9973 / 9973
        return chunk


class PlainFaulty(Policy):
    """A plain policy that raises at every third call."""

    card = PolicyCard("plain-faulty", reads=("state",))

    def reset(self, seed: int | None = None) -> None:
        self.calls = 0
        self.bad = bool((seed or 0) % 2)

    def act(self, obs: Any, instruction: str) -> np.ndarray:
        self.calls += 1
        if self.bad and self.calls == 3:
            raise KeyError("weights")
        return np.zeros(7)


class Sized(Policy):
    """Wants pictures of a size that few protocols draw."""

    card = PolicyCard("sized", reads=("image",), image_sizes={"image": (99, 99)})

    def act(self, obs: Any, instruction: str) -> np.ndarray:
        return np.zeros(7)


class Foreign(Policy):
    """Acts in another benchmark."""

    card = PolicyCard("foreign", reads=("state",), benchmarks=("calvin",))

    def act(self, obs: Any, instruction: str) -> np.ndarray:
        return np.zeros(7)


# --- what tests ask for -----------------------------------------------------------------------------------------------


def request(out: Path | None, policy: str = "Expert", **changes: Any) -> Request:
    """A small run of the fake suite: two episodes of each of the three tasks, in this process unless said otherwise."""
    settings: dict[str, Any] = {"episodes": 2, "workers": 0, "out": out, "stall_seconds": 60.0, **changes}
    name = policy if ":" in policy or policy.islower() else f"tests.fakes:{policy}"
    return Request(name, settings.pop("suites", (SUITE_ADDRESS,)), **settings)


def outcomes(run: Run) -> list[dict[str, Any]]:
    """What must not depend on how a run was run."""
    return [record.outcome() for record in run.records]


def errors(run: Run) -> dict[str, str]:
    """Key to type of error, for the records that have one."""
    return {str(record.key): record.error.type for record in run.records if record.error is not None}


class Listener(Silent):
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.todo: list[EpisodeKey] = []
        self.begun: list[tuple[str, int]] = []
        self.records: list[EpisodeRecord] = []
        self.warnings: list[str] = []
        self.run: Run | None = None

    def planned(self, folder: Path, manifest: Any, todo: Any, done: Any) -> None:
        self.todo = list(todo)

    def started(self, key: EpisodeKey, worker: int) -> None:
        self.begun.append((str(key), worker))

    def finished(self, record: EpisodeRecord) -> None:
        self.records.append(record)

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def closed(self, run: Run) -> None:
        self.run = run


def leave(*_: Any) -> None:
    """In place of a worker: ends at once."""
    os._exit(7)


def _spend(seconds: float) -> None:
    """Burns time as a simulator would, on the CPU."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
