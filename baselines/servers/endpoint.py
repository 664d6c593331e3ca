"""The socket of the server scripts: openpi's websocket protocol, with numpy, msgpack and websockets only.

A script makes `begin(seed) -> act(request) -> actions` and calls `main`. Requests have openpi's LIBERO keys
(`observation/image`, `observation/wrist_image`, `observation/state`, `prompt`); actions are (T, 7) with robosuite's
gripper sign (-1 opens). `reset` or `seed` in a request begins an episode, and so does a new connection. One request is
answered at a time, whoever asks.
"""

from __future__ import annotations

import argparse
import http
import os
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import msgpack
import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

Act = Callable[[Mapping[str, Any]], Any]
Begin = Callable[[int], Act]
Build = Callable[[argparse.Namespace], "tuple[Begin, Mapping[str, Any]]"]

MOST_BYTES = 2**26


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that all scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=8000, help="on this machine's loopback address")
    parser.add_argument("--checkpoint", required=True, help="folder, hub id or address of the weights")
    parser.add_argument("--device", default="", help="where the script can choose: cpu, cuda ...")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the process that started this one")
    return parser


def main(parser: argparse.ArgumentParser, build: Build) -> None:
    """Loads the policy and serves it for ever.

    Args:
        parser: from `arguments`, with the script's own options.
        build: the options to `begin`, and what clients are told on connection.
    """
    options = parser.parse_args()
    if options.until_stdin_closes:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    begin, metadata = build(options)
    with listen(begin, metadata, options.port) as server:
        server.serve_forever()


def listen(begin: Begin, metadata: Mapping[str, Any], port: int) -> Any:
    """A server of `websockets.sync`, to be entered and told to `serve_forever`."""
    turn = threading.Lock()

    def converse(connection: ServerConnection) -> None:
        act: Act | None = None
        connection.send(pack(metadata))
        try:
            for message in connection:
                request = unpack(message)
                with turn:
                    if act is None or request.get("reset") or "seed" in request:
                        act = begin(int(request.get("seed") or 0))
                    actions = act(request)
                connection.send(pack({"actions": np.asarray(actions, np.float32)}))
        except ConnectionClosed:
            pass
        except Exception:  # noqa: BLE001 - whatever the policy raises is told to the client, as openpi's server does
            connection.send(traceback.format_exc())
            connection.close(1011)

    return serve(converse, "127.0.0.1", port, process_request=_health, compression=None, max_size=MOST_BYTES)


def pack(message: Any) -> bytes:
    """Msgpack with arrays as openpi's client writes them."""
    return bytes(msgpack.packb(message, default=_plain))


def unpack(data: str | bytes) -> dict[Any, Any]:
    """The inverse of `pack`, for a request.

    Raises:
        TypeError: it is no map.
    """
    found = msgpack.unpackb(data, object_hook=_numpy) if isinstance(data, bytes) else None
    if not isinstance(found, dict):
        raise TypeError("expected a map (msgpack)")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"cannot send {type(value).__name__}")


def _numpy(found: dict[Any, Any]) -> Any:
    if b"__ndarray__" in found:
        return np.frombuffer(found[b"data"], np.dtype(found[b"dtype"])).reshape(found[b"shape"]).copy()
    if b"__npgeneric__" in found:
        return np.dtype(found[b"dtype"]).type(found[b"data"])
    return found


def _health(connection: ServerConnection, request: Any) -> Any:
    return connection.respond(http.HTTPStatus.OK, "OK\n") if request.path == "/healthz" else None


def _end_with_stdin() -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock would be in the way of an ordinary end
        pass
    os._exit(0)
