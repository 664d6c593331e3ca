"""Policies whose packages clash with ours: a server script in an environment of its own, spoken to over a websocket.

    vvla-eval --policy pi05 --suite libero_goal          # uv makes the environment on first use, then starts the script
    vvla-eval --policy pi05 --option python=/path/to/venv/bin/python ...      # an environment made by hand

The script is started with the policy and ends with it, also when this process is killed. Several evaluations can share
one that was started by hand: `uv run serve_openpi.py ... --port 8000` and `--policy ws://127.0.0.1:8000`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from vvla_policies.envs.store import cache_root

from vvla_policies.errors import PolicyError
from vvla_policies.policy import PolicyCard
from vvla_policies.serving.client import RemotePolicy

SERVERS = Path(__file__).parent / "servers"
START_SECONDS = 3600.0
"""How long an environment may take to be made, and weights to be fetched and loaded."""

_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")  # of our environment, not of theirs
_END_SECONDS = 5.0


def libero_card(name: str, checkpoint: str, chunk: int, reads: tuple[str, ...], **facts: Any) -> PolicyCard:
    """The card of someone else's policy for LIBERO.

    Args:
        name: in tables.
        checkpoint: where its weights come from; recorded as the fingerprint of the weights.
        chunk: actions that are executed before it is asked again.
        reads: observation keys.
        **facts: what else a reader should know; recorded with every run.
    """
    notes = {
        "checkpoint": checkpoint,
        "pictures": "the renderer's turned by 180 degrees",
        "actions": "LIBERO's relative controller command, gripper in robosuite's sign (-1 open) on the wire",
        "tried": "written against the public code; its weights were never opened by the authors of this package",
        **facts,
    }
    return PolicyCard(name, checkpoint, reads, chunk=chunk, benchmarks=("libero",), trained_on="official", notes=notes)


class IsolatedPolicy(RemotePolicy):
    """A policy in an environment of its own.

    Args:
        card: what it is.
        script: file below `servers/`.
        arguments: option of the script to value; empty ones are left out.
        python: interpreter of an environment that has the script's packages; None to have uv make one.
        steps: actions of each chunk that are executed; None for the card's.
        start_seconds: how long it may take until it answers.

    Raises:
        PolicyError: no uv, or the script ended; names its log.
    """

    def __init__(
        self,
        card: PolicyCard,
        script: str | Path,
        arguments: Mapping[str, str | None],
        python: str | None = None,
        steps: int | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._server = Server(card.name, SERVERS / script, arguments, python)
        try:
            url = self._server.wait(start_seconds)
            super().__init__(url, steps, card=card)
        except BaseException:
            self._server.stop()
            raise

    def close(self) -> None:
        """Closes the connections and ends the script."""
        super().close()
        self._server.stop()


class Server:
    """A running script.

    Attributes:
        log: what it prints.
    """

    def __init__(self, name: str, script: Path, arguments: Mapping[str, str | None], python: str | None) -> None:
        self._name = name
        self._port = _free_port()
        command = [*interpreter(name, python), str(script), "--port", str(self._port), "--until-stdin-closes"]
        for option, value in arguments.items():
            command += [f"--{option}", str(value)] if value else []
        self.log = cache_root() / "servers" / f"{name}-{self._port}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = self._start(command, log)

    def wait(self, seconds: float) -> str:
        """The address, once it answers.

        Raises:
            PolicyError: it ended or takes too long.
        """
        until, pause = time.monotonic() + seconds, 0.05
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise PolicyError(f"policy '{self._name}': its server ended: {self._last_line()}; see {self.log}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return f"ws://127.0.0.1:{self._port}"
            time.sleep(pause)
            pause = min(2 * pause, 1.0)
        raise PolicyError(f"policy '{self._name}': its server does not answer after {seconds:.0f} s; see {self.log}")

    def stop(self) -> None:
        """Ends the script and all it has started."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # the script ends with its standard input
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _start(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        env = foreign_environment()
        try:
            return subprocess.Popen(  # noqa: S603 - our own script, by the interpreter that the user named
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=env, start_new_session=True
            )
        except OSError as error:
            raise PolicyError(f"policy '{self._name}': cannot start {command[0]}: {error.strerror}") from error

    def _last_line(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self._process.returncode}"


def foreign_environment() -> dict[str, str]:
    """This process's environment variables without those that belong to its own packages."""
    return {name: value for name, value in os.environ.items() if name not in _FOREIGN}


def interpreter(name: str, python: str | None) -> list[str]:
    """The beginning of a script's command: a given interpreter, or uv, which makes the environment.

    Raises:
        PolicyError: there is no uv.
    """
    if python is not None:
        return [python]
    beside = Path(sys.executable).with_name("uv")
    uv = shutil.which("uv") or (str(beside) if beside.is_file() else None)
    if uv is None:
        raise PolicyError(
            f"'{name}' needs an environment of its own, which uv makes; run: pip install uv, or name one that has its "
            "packages: --option python=PATH (vvla demos export: --python PATH)"
        )
    return [uv, "run", "--no-project", "--script"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
