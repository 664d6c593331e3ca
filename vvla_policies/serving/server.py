"""`vvla serve`: a policy at a websocket address, in openpi's protocol.

On connection the server sends its metadata; each request is answered by `{"actions": float32 (T, 7), "server_timing":
{...}}`. An error is a line of text, after which that connection is closed (openpi does the same); nobody else notices.
What a policy remembers belongs to the connection, and begins anew with a request that says `reset` or `seed`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import http
import itertools
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from vvla_policies import __version__
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.rollouts.hosting import PolicyHost, Question
from vvla_policies.observation import CAMERAS, Observation
from vvla_policies.policy import PolicyCard
from vvla_policies.serving.batching import Batcher
from vvla_policies.serving.formats import actions_in, read_request
from vvla_policies.serving.wire import WireError, decode, encode

_log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_SILENCE_SECONDS = 20.0  # then a client is pinged, and dropped if it stays silent as long again


@dataclass(frozen=True)
class Settings:
    """How a policy is served.

    Attributes:
        host: address to listen on; the default is reached from this machine only.
        port: to listen on; 0 for a free one.
        token: if not empty, what clients must send as `Authorization: Api-Key TOKEN`.
        megabytes: largest request.
        clients: most connections at a time.
        batch_size: most requests in one call of the policy.
        batch_seconds: how long a call waits for requests of other clients.
    """

    host: str = LOOPBACK
    port: int = 8000
    token: str = ""
    megabytes: float = 16.0
    clients: int = 64
    batch_size: int = 16
    batch_seconds: float = 0.005

    def __post_init__(self) -> None:
        if self.megabytes <= 0 or self.clients < 1 or self.batch_size < 1 or self.batch_seconds < 0:
            raise VvlaError(f"limits of a server must be positive: {self}")


class PolicyServer:
    """Serves a policy until it is cancelled.

    Args:
        host: the policy.
        settings: where, to whom, and how much.
    """

    def __init__(self, host: PolicyHost, settings: Settings) -> None:
        self._card = host.card
        self._settings = settings
        self._batcher = Batcher(host, settings.batch_size, settings.batch_seconds)
        self._numbers = itertools.count()
        self._clients: set[int] = set()
        self._greeting = encode(metadata(host.card))

    async def run(self, ready: Callable[[int], None] = lambda port: None) -> None:
        """Listens and answers.

        Args:
            ready: is told the port, once clients can connect.

        Raises:
            VvlaError: the address cannot be listened on.
        """
        answering = asyncio.create_task(self._batcher.run())
        try:
            async with await self._listen() as server:
                ready(next(iter(server.sockets)).getsockname()[1])
                await answering
        finally:
            answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering

    async def _listen(self) -> Server:
        settings = self._settings
        try:
            return await serve(
                self._connected,
                settings.host,
                settings.port,
                process_request=self._admit,
                compression=None,
                max_size=int(settings.megabytes * 2**20),
                max_queue=2,
                origins=[None],  # browsers say where a page comes from: none may use a policy behind its user's back
                ping_interval=_SILENCE_SECONDS,
                ping_timeout=_SILENCE_SECONDS,
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            where = f"{settings.host}:{settings.port}"
            raise VvlaError(f"cannot listen on {where}: {reason}; choose another --port") from error

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a handshake; None lets it pass."""
        if request.path == "/healthz":
            return connection.respond(http.HTTPStatus.OK, "OK\n")
        given = request.headers.get("Authorization", "").encode(errors="replace")
        if self._settings.token and not hmac.compare_digest(given, f"Api-Key {self._settings.token}".encode()):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "send the header Authorization: Api-Key TOKEN\n")
        if len(self._clients) >= self._settings.clients:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many clients\n")
        return None

    async def _connected(self, connection: ServerConnection) -> None:
        """One client, from greeting to farewell."""
        slot = next(self._numbers)
        self._clients.add(slot)
        try:
            await connection.send(self._greeting)
            await self._converse(connection, slot)
        except ConnectionClosed:
            _log.debug("client %d is gone", slot)
        finally:
            self._clients.discard(slot)
            await self._batcher.end(slot)

    async def _converse(self, connection: ServerConnection, slot: int) -> None:
        begun, last = False, 0.0
        async for message in connection:
            start = time.perf_counter()
            try:
                reply = await self._reply(message, slot, begun, last)
            except VvlaError as error:
                await connection.send(f"error: {error}")
                code = CloseCode.INVALID_DATA if isinstance(error, WireError) else CloseCode.INTERNAL_ERROR
                await connection.close(code, "the reason stands in the message before")
                return
            await connection.send(reply)
            begun, last = True, (time.perf_counter() - start) * 1000

    async def _reply(self, message: str | bytes, slot: int, begun: bool, last: float) -> bytes:
        query = read_request(decode(message))
        check_reads(self._card, query.observation)
        if query.seed is not None or not begun:
            await self._batcher.begin(slot, query.seed or 0)
        answer = await self._batcher.ask(Question(slot, query.observation, query.instruction))
        timing = {"infer_ms": answer.infer_ms, "queue_ms": answer.queue_ms, "batch": answer.batch}
        if last:
            timing["prev_total_ms"] = last
        return encode({"actions": actions_in(answer.actions, query.format), "server_timing": timing})


def metadata(card: PolicyCard) -> dict[str, Any]:
    """What a client is told on connection; `format` and `card` are what openpi's servers do not have."""
    return {"server": f"vvla-policies {__version__}", "format": "vvla", "card": card.to_json()}


def check_reads(card: PolicyCard, obs: Observation) -> None:
    """Compares what a policy reads with what a request holds, so that a batch is never spoilt by one client.

    Raises:
        WireError: a key is missing, or a picture is not of the size that the card names.
    """
    missing = [key for key in card.reads if key not in obs]
    if missing:
        raise WireError(f"policy '{card.name}' reads {', '.join(missing)}, which the request lacks")
    for camera in set(CAMERAS) & set(card.image_sizes) & set(card.reads):
        shape, wanted = obs[camera].shape[:2], tuple(card.image_sizes[camera])  # type: ignore[literal-required]
        if shape != wanted:
            raise WireError(f"policy '{card.name}' reads '{camera}' at {wanted}, the request has {shape}")


async def serve_policy(host: PolicyHost, settings: Settings, ready: Callable[[int], None] = lambda port: None) -> None:
    """Serves a policy and closes it in the end; see `PolicyServer`."""
    try:
        await PolicyServer(host, settings).run(ready)
    finally:
        host.close()
