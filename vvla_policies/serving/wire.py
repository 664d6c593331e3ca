"""Messages as bytes: msgpack, with numpy arrays as openpi's client writes them.

An array is the map {b"__ndarray__": True, b"data": bytes, b"dtype": "<f4", b"shape": [2, 3]}, a numpy scalar
{b"__npgeneric__": True, b"data": number, b"dtype": "<f4"}. Nothing else than numbers, text, bytes, lists and maps can
be sent, so nothing that is received can run code.
"""

from __future__ import annotations

import math
from typing import Any

import msgpack
import numpy as np

from vvla_policies.errors import VvlaError

_KINDS = "biuf"  # booleans, integers, floats: no objects, no records, no text


class WireError(VvlaError):
    """A message that is not of the protocol."""


def encode(message: Any) -> bytes:
    """A message as bytes.

    Args:
        message: numbers, text, bytes, None, numpy arrays and scalars, and lists and dictionaries of them.

    Raises:
        WireError: it holds something else.
    """
    try:
        return bytes(msgpack.packb(message, default=_plain))
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(f"cannot be sent: {error}") from error


def decode(data: bytes | str) -> Any:
    """A message from bytes; arrays are new and writable.

    Raises:
        WireError: text, cut short, or an array whose size is not what it says.
    """
    if isinstance(data, str):
        raise WireError("expected bytes (msgpack), got text")
    try:
        return msgpack.unpackb(data, object_hook=_numpy)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WireError(f"not a msgpack message: {reason}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic) and value.dtype.kind in _KINDS:
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"{type(value).__name__} {getattr(value, 'dtype', '')}".strip())


def _numpy(found: dict[Any, Any]) -> Any:
    if b"__ndarray__" in found:
        dtype, shape, data = _dtype(found), found.get(b"shape"), found.get(b"data")
        if not isinstance(shape, list) or not all(type(edge) is int and edge >= 0 for edge in shape):
            raise ValueError(f"an array of shape {shape}")
        if not isinstance(data, bytes) or len(data) != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"an array {shape} of {dtype} that does not hold so many bytes")
        return np.frombuffer(data, dtype).reshape(shape).copy()
    if b"__npgeneric__" in found:
        return _dtype(found).type(found.get(b"data"))
    return found


def _dtype(found: dict[Any, Any]) -> np.dtype[Any]:
    name = found.get(b"dtype")
    dtype = np.dtype(name) if isinstance(name, str) else None
    if dtype is None or dtype.kind not in _KINDS or dtype.subdtype is not None:
        raise ValueError(f"an array of {name!r}")
    return dtype
