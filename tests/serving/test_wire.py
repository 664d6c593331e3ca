"""Bytes on the wire, in both directions, against openpi's published client where it is installed."""

import msgpack
import numpy as np
import pytest

from vvla_policies.serving.wire import WireError, decode, encode

MESSAGE = {
    "observation/image": np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
    "observation/state": np.linspace(0, 1, 8),
    "flag": np.array([True, False]),
    "scalar": np.float32(0.5),
    "prompt": "öffne die Schublade",
    "nested": {"list": [1, 2.5, None], "empty": np.zeros((0, 7), np.float32)},
}


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
    return a == b and type(a) is type(b)


def test_round_trip():
    assert same(decode(encode(MESSAGE)), MESSAGE)


def test_arrays_are_new_and_writable():
    array = decode(encode(np.zeros(3)))
    array[0] = 1.0


def test_an_array_is_written_as_openpi_writes_it():
    found = msgpack.unpackb(encode(np.array([[1, 2]], "<i2")))
    assert found == {b"__ndarray__": True, b"data": b"\x01\x00\x02\x00", b"dtype": "<i2", b"shape": [1, 2]}


def test_both_ways_with_the_published_client():
    theirs = pytest.importorskip("openpi_client.msgpack_numpy", reason="pip install --no-deps openpi-client")
    assert encode(MESSAGE) == theirs.packb(MESSAGE)
    assert same(decode(theirs.packb(MESSAGE)), MESSAGE)
    assert same(theirs.unpackb(encode(MESSAGE)), MESSAGE)


@pytest.mark.parametrize("value", [np.array([object()]), np.array(["a"]), np.zeros(2, complex), {1, 2}, 2**70])
def test_what_cannot_be_sent(value):
    with pytest.raises(WireError, match="cannot be sent"):
        encode({"x": value})


def array(**changes):
    fields = {b"__ndarray__": True, b"data": bytes(8), b"dtype": "<f4", b"shape": [2], **changes}
    return msgpack.packb({k if isinstance(k, bytes) else k.encode(): v for k, v in fields.items()})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"garbage that is long enough",
        encode(MESSAGE)[:-5],
        encode(MESSAGE) + b"\x00",
        b"\x91" * 5000,
        array(data=bytes(7)),
        array(data="text"),
        array(shape=[-2]),
        array(shape=[2**40, 2**40]),
        array(shape="2"),
        array(dtype="O"),
        array(dtype="|V8"),
        array(dtype="nonsense"),
        array(dtype=3),
        msgpack.packb({b"__npgeneric__": True, b"dtype": "<f4", b"data": "x"}),
        "text",
    ],
)
def test_what_is_no_message(data):
    with pytest.raises(WireError):
        decode(data)
