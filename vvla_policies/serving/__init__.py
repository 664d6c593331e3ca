"""Policies over a websocket, in openpi's protocol: `vvla serve` hands ours out, `ws://host:port` brings others' in.

wire.py       messages as bytes: msgpack with numpy arrays
formats.py    what a request holds: this package's observations, or openpi's LIBERO keys
batching.py   requests of several clients become one call of the policy
server.py     connections, limits, errors
client.py     a policy behind an address, and the connections to it
"""

from vvla_policies.errors import MissingExtraError

try:
    import msgpack as _msgpack  # noqa: F401 - only whether it is there
    import websockets as _websockets  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtraError("serve", str(error.name)) from error
