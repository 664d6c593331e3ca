"""A server in a thread, and messages for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from websockets.sync.client import ClientConnection, connect

from vvla_policies.evaluation.rollouts.hosting import PolicyHost
from vvla_policies.serving.server import Settings, serve_policy
from vvla_policies.serving.wire import decode, encode


@contextlib.contextmanager
def served(policy: str, settings: Settings | None = None, **options: Any) -> Iterator[str]:
    """The address of a server that lasts as long as the context."""
    given = settings or Settings(port=0)
    host = PolicyHost(policy if ":" in policy else f"tests.fakes:{policy}", options)
    ports: list[int] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    def listening(port: int) -> None:
        ports.append(port)
        ready.set()

    task = loop.create_task(serve_policy(host, given, listening))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield f"ws://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
        assert not thread.is_alive()


def dial(url: str, **headers: str) -> tuple[ClientConnection, dict[str, Any]]:
    """A bare connection and what the server said first."""
    connection = connect(url, compression=None, additional_headers=headers or None, proxy=None).__enter__()
    return connection, decode(connection.recv(timeout=10))


def ask(connection: ClientConnection, message: dict[str, Any]) -> dict[str, Any]:
    connection.send(encode(message))
    answer = connection.recv(timeout=10)
    assert isinstance(answer, bytes), answer
    return decode(answer)


def observation(k: int = 0) -> dict[str, Any]:
    """Of the fake environment, for policies that read the state."""
    place = np.array([k / 10, -k / 10, 0], np.float32)
    return {
        "eef_pos": place,
        "eef_quat": np.array([1, 0, 0, 0], np.float32),
        "gripper_qpos": np.zeros(2, np.float32),
        "gripper_command": np.ones(1, np.float32),
        "joint_pos": np.zeros(7, np.float32),
        "state": np.array([*place, 0, 0, 0, 0, 0], np.float32),
    }
