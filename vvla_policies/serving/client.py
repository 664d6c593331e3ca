"""A policy behind `ws://host:port`: ours (`vvla serve`), or any that speaks openpi's protocol.

Each episode under way has a connection of its own, because servers keep what they remember by connection. The requests
of a batch are all sent before the first answer is awaited, so that the server can answer them in one call.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NoReturn, cast

import numpy as np
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from vvla_policies.errors import LostPolicyError, PolicyError
from vvla_policies.observation import Observation
from vvla_policies.policy import ActionChunk, BatchedPolicy, Memory, PolicyCard
from vvla_policies.serving.formats import OPENPI_SIZE, Format, actions_in, write_request
from vvla_policies.serving.wire import WireError, decode, encode

TOKEN = "VVLA_TOKEN"  # noqa: S105 - the name of an environment variable
"""Environment variable with the token that the server asks for; an option would be written into records."""

OPENPI_STEPS = 5
"""Actions of a chunk that openpi's LIBERO example executes before it asks again (`replan_steps`)."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
MOST_LOSSES = 5
"""Answers that may be lost one after the other before the policy is given up."""

_MOST_BYTES = 2**26


class RemoteMemory(Memory):
    """One episode: the connection it uses, once it has asked for the first time."""

    connection: ClientConnection | None = None
    give_back: Any = None  # what returns the connection to the policy when this memory is gone


class RemotePolicy(BatchedPolicy):
    """A policy served over a websocket (`--policy ws://host:port`).

    Args:
        url: ws://host:port or wss://...
        steps: how many actions of each chunk are executed; default all, or 5 for a server that does not say (openpi).
        timeout: seconds an answer may take; the first one may include compilation.
        patience: seconds to go on trying to connect, at growing intervals.
        card: what the policy is, whatever the server says; None for the server's own card, or else openpi's keys.

    Raises:
        PolicyError: no server, or it does not speak the protocol.
    """

    def __init__(
        self,
        url: str,
        steps: int | None = None,
        timeout: float = 600.0,
        patience: float = 30.0,
        card: PolicyCard | None = None,
    ) -> None:
        self._url, self._timeout, self._patience = url, float(timeout), float(patience)
        self._free: list[ClientConnection] = []
        self._all: weakref.WeakSet[ClientConnection] = weakref.WeakSet()
        self._losses = 0
        connection, greeting = self._connect()
        self._free.append(connection)
        self._format: Format = "vvla" if greeting.get("format") == "vvla" else "openpi"
        self._size: int | None = greeting.get("image_size", OPENPI_SIZE)
        self.card = _with_steps(_named(card, greeting) or _card(greeting, url), None if steps is None else int(steps))

    def initial_memory(self, seed: int) -> RemoteMemory:
        """A fresh episode; its first request tells the server so."""
        return RemoteMemory(seed)

    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> list[ActionChunk]:
        """Sends all requests, then collects the answers.

        Raises:
            LostPolicyError: the connection broke; the episodes can be begun again.
            PolicyError: the server answered with an error.
        """
        episodes = cast("Sequence[RemoteMemory]", memories)
        try:
            for request in zip(obs, instructions, episodes, strict=True):
                self._send(*request)
            answers = [self._receive(memory) for memory in episodes]
        except (ConnectionClosed, OSError) as error:
            self._drop(episodes)
            self._lose(error)
        except PolicyError:
            self._drop(episodes)
            raise
        self._losses = 0
        return answers

    def close(self) -> None:
        """Closes all connections."""
        self._free.clear()
        for connection in list(self._all):
            connection.close()

    def _send(self, obs: Observation, instruction: str, memory: RemoteMemory) -> None:
        request = write_request(obs, instruction, self._format, self._size)
        if memory.connection is None:
            request |= {"reset": True, "seed": memory.seed}
            memory.connection = self._take()
            memory.give_back = weakref.finalize(memory, self._free.append, memory.connection)
            memory.give_back.atexit = False
        memory.connection.send(encode(request))

    def _receive(self, memory: RemoteMemory) -> ActionChunk:
        assert memory.connection is not None
        answer = memory.connection.recv(timeout=self._timeout)
        if isinstance(answer, str):
            raise PolicyError(f"policy '{self.card.name}' at {self._url} answered: {_last_line(answer)}")
        try:
            actions = np.asarray(decode(answer)["actions"], np.float32)
        except (WireError, TypeError, KeyError, ValueError) as error:
            raise PolicyError(f"{self._url} answered without actions (T, 7): {error}") from error
        if actions.ndim == 1:
            actions = actions[None]
        return actions_in(actions[: self.card.chunk], self._format)

    def _take(self) -> ClientConnection:
        """A connection that no episode uses, or a new one."""
        while self._free:
            connection = self._free.pop()
            try:
                connection.ping()
            except ConnectionClosed:
                continue
            return connection
        return self._connect()[0]

    def _connect(self) -> tuple[ClientConnection, Mapping[str, Any]]:
        """A new connection and the server's metadata, tried again with growing pauses while there is no server."""
        until, pause = time.monotonic() + self._patience, FIRST_PAUSE
        while True:
            try:
                connection, greeting = _open(self._url)
            except (OSError, ConnectionClosed, InvalidHandshake) as error:
                if isinstance(error, InvalidStatus) and error.response.status_code not in (502, 503, 504):
                    raise PolicyError(f"{self._url} refuses: {_reason(error)}") from error
                if time.monotonic() + pause > until:
                    raise PolicyError(f"no policy answers at {self._url}: {_reason(error)}") from error
            except InvalidURI as error:
                raise PolicyError(f"'{self._url}' is no address; expected ws://host:port") from error
            else:
                self._all.add(connection)
                return connection, greeting
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _drop(self, episodes: Sequence[RemoteMemory]) -> None:
        """Gives up episodes after a failure: answers may still be on their way through their connections."""
        for memory in episodes:
            if memory.connection is not None:
                memory.give_back.detach()
                memory.connection.close()
                memory.connection = None

    def _lose(self, error: Exception) -> NoReturn:
        self._losses += 1
        lost = f"the connection to {self._url} broke: {_reason(error)}"
        raise (LostPolicyError if self._losses <= MOST_LOSSES else PolicyError)(lost) from error


def _open(url: str) -> tuple[ClientConnection, Mapping[str, Any]]:
    token = os.environ.get(TOKEN)
    connecting = connect(
        url,
        additional_headers={"Authorization": f"Api-Key {token}"} if token else None,
        compression=None,
        max_size=_MOST_BYTES,
        ping_interval=None,  # openpi's server does not answer pings while it computes
        proxy=None,
        close_timeout=1,
    )
    connection = connecting.__enter__()  # it outlives this function; `close` is its end
    try:
        return connection, _metadata(connection.recv(timeout=10))
    except (WireError, TimeoutError) as error:
        connection.close()
        raise PolicyError(f"{url} does not speak openpi's protocol: {error or 'no metadata in 10 s'}") from error


def _metadata(greeting: str | bytes) -> Mapping[str, Any]:
    found = decode(greeting)
    if not isinstance(found, dict):
        raise WireError(f"expected a map, got {type(found).__name__}")
    return found


def _card(greeting: Mapping[str, Any], url: str) -> PolicyCard:
    """The server's card; for one that sends none, what openpi's LIBERO servers are."""
    given = greeting.get("card")
    if given is None:
        notes = {"url": url, "metadata": {k: v for k, v in greeting.items() if isinstance(v, str | int | float)}}
        return PolicyCard("openpi", chunk=OPENPI_STEPS, benchmarks=("libero",), trained_on="official", notes=notes)
    known = {field.name for field in fields(PolicyCard)}
    try:
        given = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items() if key in known
        }
        sizes = {camera: tuple(size) for camera, size in given.get("image_sizes", {}).items()}
        return PolicyCard(**{**given, "image_sizes": sizes})
    except (TypeError, AttributeError, ValueError) as error:
        raise PolicyError(f"{url} sent no valid card: {error}") from error


def _named(card: PolicyCard | None, greeting: Mapping[str, Any]) -> PolicyCard | None:
    """The card at hand, with chunk and weights (their fingerprint) as the server that has loaded them names them."""
    kinds = {"chunk": int, "weights": str}
    said: dict[str, Any] = {key: greeting[key] for key, kind in kinds.items() if isinstance(greeting.get(key), kind)}
    return None if card is None else replace(card, **said)


def _with_steps(card: PolicyCard, steps: int | None) -> PolicyCard:
    if steps is None:
        return card
    if not steps >= 1:
        raise PolicyError(f"--option steps must be at least 1, got {steps}")
    return replace(card, chunk=steps, notes={**card.notes, "steps": steps})


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else "an error without a word"


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        body = (error.response.body or b"").decode(errors="replace").strip()
        return f"HTTP {error.response.status_code} {_last_line(body) if body else ''}".strip()
    return " ".join(str(error).split()) or type(error).__name__
