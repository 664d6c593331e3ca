"""Places where an environment runs: a process of its own, or this one."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection

from vvla_policies.envs.suite import EnvSettings
from vvla_policies.evaluation.rollouts.transport import Board
from vvla_policies.evaluation.rollouts.worker import Begin, Message, Order, Ready, Stage, Turn, serve

SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
START_SECONDS = 120.0
_JOIN_SECONDS = 10.0
_spawn = multiprocessing.get_context("spawn")


class Slot(ABC):
    """A place for one environment. Each order is answered by one message, unless the slot is lost.

    Attributes:
        number: of the slot, from 0.
        busy: an answer is owed.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.busy = False

    @abstractmethod
    def send(self, order: Order) -> None:
        """Gives an order."""

    @abstractmethod
    def receive(self) -> Message | None:
        """The answer, waiting for it if need be; None if the slot is lost."""

    @abstractmethod
    def dismiss(self) -> None:
        """No more orders will come: the environment is closed, in the background."""

    @abstractmethod
    def close(self, *, kill: bool) -> None:
        """Frees everything; `kill` does not wait for the environment to be closed properly."""


class LocalSlot(Slot):
    """Runs episodes in this process: no concurrency, no protection, good for debugging."""

    def __init__(self, number: int = 0) -> None:
        super().__init__(number)
        self._stage = Stage()
        self._answer: Message | None = None

    def send(self, order: Order) -> None:
        """Carries the order out."""
        self._answer = self._stage.obey(order)
        self.busy = True

    def receive(self) -> Message | None:
        """The answer to the last order."""
        self.busy = False
        return self._answer

    def dismiss(self) -> None:
        """Closes the environment."""
        self._stage.close()

    def close(self, *, kill: bool) -> None:
        """Closes the environment."""
        del kill
        self._stage.close()


class RemoteSlot(Slot):
    """Runs episodes in a spawned process that dies with this one.

    Args:
        number: of the slot.
        size: bytes of the largest observation.

    Attributes:
        ready: the process has started up.
        lost: how it ended, in words, once `receive` or `overdue` noticed.
    """

    def __init__(self, number: int, size: int) -> None:
        super().__init__(number)
        self.ready = False
        self.lost = ""
        self._settings: EnvSettings | None = None
        self._since = 0.0
        self._board = Board(size)
        self.start()

    @property
    def pipe(self) -> Connection:
        """To wait for with `multiprocessing.connection.wait`."""
        return self._pipe

    def start(self) -> None:
        """Starts a process in this slot, with as many threads as one simulator needs: one."""
        self.ready, self.busy, self.lost = False, False, ""
        self._since = time.monotonic()
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(
            target=serve, args=(theirs, self._board.name), name=f"vvla-worker-{self.number}", daemon=True
        )
        with _signals_held_back(), _environment(dict.fromkeys(SINGLE_THREADED, "1")):
            self._process.start()
        theirs.close()

    def send(self, order: Order) -> None:
        """Gives an order; a lost process is noticed by `receive`."""
        if isinstance(order, Begin):
            self._settings = order.scene.settings
        self.busy = True
        self._since = time.monotonic()
        with contextlib.suppress(ConnectionError):
            self._pipe.send(order)

    def receive(self) -> Message | None:
        """The next message; None if the process is gone."""
        try:
            message: Message = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(_JOIN_SECONDS)
            self.lost = f"its worker process ended ({_exit_words(self._process.exitcode)})"
            return None
        self._since = time.monotonic()
        if isinstance(message, Ready):
            self.ready = True
            return message
        self.busy = False
        if isinstance(message, Turn) and message.observation is not None:
            assert self._settings is not None
            seen = self._board.read(self._settings)
            message = replace(message, observation={**seen, **message.observation})
        return message

    def overdue(self, stall_seconds: float) -> bool:
        """Whether an answer has been owed for too long."""
        limit = stall_seconds if self.ready else max(stall_seconds, START_SECONDS)
        if not self.busy or time.monotonic() - self._since <= limit:
            return False
        self.lost = f"its worker gave no answer for {limit:g} s"
        return True

    def restart(self) -> None:
        """Kills the process and starts another."""
        self._end(kill=True)
        self.start()

    def dismiss(self) -> None:
        """Closing the pipe tells the worker to finish."""
        self._pipe.close()

    def close(self, *, kill: bool) -> None:
        """Ends the process and removes the shared memory."""
        self._end(kill=kill)
        self._board.close()

    def _end(self, *, kill: bool) -> None:
        self._pipe.close()
        if not kill:
            self._process.join(_JOIN_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _exit_words(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """A process that is started in here is deaf to Ctrl-C and SIGTERM until it is ready (see `worker.serve`)."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment(defaults: dict[str, str]) -> Iterator[None]:
    """Environment variables for a child, where the user has set none."""
    added = [name for name in defaults if name not in os.environ]
    os.environ.update({name: defaults[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
