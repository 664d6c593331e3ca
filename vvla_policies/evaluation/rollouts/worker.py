"""What runs beside the simulator: one environment, one episode at a time, told what to do message by message."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vvla_policies.envs.suite import EnvSettings, load_suite
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.boundary import Crash, attempt
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeError
from vvla_policies.evaluation.rollouts.transport import Board
from vvla_policies.observation import Observation
from vvla_policies.policy import ActionChunk

if TYPE_CHECKING:
    from vvla_policies.envs.manipulation import ManipulationEnv, Outcome


@dataclass(frozen=True)
class Scene:
    """A suite under the conditions of a run: all that a worker must know to build its environments.

    Attributes:
        address: the name that `load_suite` takes.
        settings: protocol, assets, cameras.
        privileged: whether the policy is shown the simulator's own state.
        witness: makes what watches the episodes in the worker, None for nothing; it is pickled.
    """

    address: str
    settings: EnvSettings
    privileged: bool = False
    witness: Callable[[ManipulationEnv], Witness] | None = None


class Witness(Protocol):
    """Sees every step of an episode beside the simulator, and may keep what it saw; an exception ends the episode."""

    def begin(self, key: EpisodeKey) -> None:
        """An episode has begun; whatever came before it is over."""

    def step(self, action: NDArray[np.float64], outcome: Outcome) -> None:
        """See `ManipulationEnv.watcher`."""

    def end(self, outcome: Outcome) -> None:
        """The episode is over and has not been recorded yet."""


@dataclass(frozen=True)
class Begin:
    """To the worker: begin this episode, giving up any other."""

    scene: Scene
    key: EpisodeKey


@dataclass(frozen=True)
class Continue:
    """To the worker: execute these actions.

    Attributes:
        chunk: (T, 7).
        looks: whether the pictures after them will be read.
    """

    chunk: ActionChunk
    looks: bool = True


@dataclass(frozen=True)
class Ready:
    """From the worker: it has started."""


@dataclass(frozen=True)
class Turn:
    """From the worker: how the episode stands; unless it is over, the policy is asked for actions.

    Attributes:
        outcome: of the last chunk.
        executed: actions of the last chunk that were executed.
        fixtures: hash of the fixtures' places.
        seconds: wall time of the episode so far in "reset", "physics", "drawing".
        observation: what the policy is shown; what went through shared memory is missing. None when it is over.
    """

    outcome: Outcome
    executed: int
    fixtures: str
    seconds: dict[str, float]
    observation: Observation | None


@dataclass(frozen=True)
class Failed:
    """From the worker: the environment raised an exception.

    Attributes:
        error: what it was.
        building: it could not even be built.
        user: it is the user's to mend.
        seconds: as in `Turn`.
    """

    error: EpisodeError
    building: bool
    user: bool
    seconds: dict[str, float]


Order = Begin | Continue
Message = Ready | Turn | Failed


class Stage:
    """An environment, kept as long as its suite lasts, and the episode in it.

    Args:
        publish: what is done with an observation before it is sent; returns what is left to send.
    """

    def __init__(self, publish: Callable[[Observation, EnvSettings], Observation] = lambda obs, settings: obs) -> None:
        self._publish = publish
        self._scene: Scene | None = None
        self._env: ManipulationEnv | None = None
        self._witness: Witness | None = None
        self._fixtures = ""
        self._building = False

    def obey(self, order: Order) -> Turn | Failed:
        """Does what it is told; an exception of the environment becomes a message."""
        self._building = False
        done = attempt(lambda: self._do(order))
        if not isinstance(done, Crash):
            return done
        seconds = dict(self._env.seconds) if self._env is not None else {}
        attempt(self.close)  # what raised is not trusted with another episode
        return Failed(done.error, self._building, isinstance(done.exception, VvlaError), seconds)

    def close(self) -> None:
        """Closes the environment."""
        env, self._env = self._env, None
        if env is not None:
            env.close()

    def _do(self, order: Order) -> Turn:
        if isinstance(order, Begin):
            return self._begin(*self._prepared(order), order.key)
        assert self._env is not None
        return self._turn(self._env, *self._env.run(order.chunk), order.looks)

    def _prepared(self, order: Begin) -> tuple[ManipulationEnv, float]:
        """The environment for an episode and the seconds it took to build."""
        start = time.perf_counter()
        if self._env is not None and self._scene == order.scene:
            return self._env, 0.0
        self._building = True
        self.close()
        self._scene = order.scene
        self._env = load_suite(order.scene.address).make_env(order.scene.settings, order.key.task)
        self._witness = order.scene.witness(self._env) if order.scene.witness is not None else None
        self._building = False
        return self._env, time.perf_counter() - start

    def _begin(self, env: ManipulationEnv, spent: float, key: EpisodeKey) -> Turn:
        env.seconds.update(dict.fromkeys(env.seconds, 0.0))
        env.watcher = None
        outcome = env.start(key.task, key.init_state, key.stream("env"))
        env.seconds["reset"] += spent
        if self._witness is not None:
            self._witness.begin(key)
            env.watcher = self._witness.step
        self._fixtures = env.fixtures_hash()
        return self._turn(env, outcome, 0)

    def _turn(self, env: ManipulationEnv, outcome: Outcome, executed: int, looks: bool = True) -> Turn:
        assert self._scene is not None
        observation = None
        if outcome.over and self._witness is not None:
            self._witness.end(outcome)
        if not outcome.over:
            observation = self._publish(env.observe(looks or outcome.renewed), self._scene.settings)
            if self._scene.privileged:
                observation["privileged"] = env.privileged()
        return Turn(outcome, executed, self._fixtures, dict(env.seconds), observation)


def serve(pipe: Connection, board_name: str) -> None:
    """The worker process: obeys until the pipe closes.

    Args:
        pipe: to the main process.
        board_name: of the shared memory for observations.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the main process ends its workers
    _unblock_signals()
    threading.Thread(target=_follow_parent, daemon=True).start()
    board = Board(name=board_name)

    def publish(observation: Observation, settings: EnvSettings) -> Observation:
        board.write(observation, settings)
        return {}

    stage = Stage(publish)
    try:
        pipe.send(Ready())
        while True:
            pipe.send(stage.obey(pipe.recv()))
    except (EOFError, ConnectionError):
        stage.close()
        board.close()


def _unblock_signals() -> None:
    """The main process holds signals back while it starts a worker, which inherits that."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def _follow_parent() -> None:
    """Ends this process when its parent is gone, even if a simulator hangs."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
