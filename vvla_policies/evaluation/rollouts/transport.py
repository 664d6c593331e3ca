"""How observations reach the policy from another process: arrays through shared memory, the rest through a pipe."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.envs.suite import EnvSettings
from vvla_policies.observation import CAMERAS, STATE_SHAPES, Observation

_ALIGNMENT = 64


@dataclass(frozen=True)
class Field:
    """Where one array of an observation lies in the block.

    Attributes:
        key: its observation key.
        shape: of the array.
        dtype: of the array.
        offset: in bytes.
    """

    key: str
    shape: tuple[int, ...]
    dtype: str
    offset: int

    @property
    def size(self) -> int:
        """In bytes."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


def layout(settings: EnvSettings) -> tuple[Field, ...]:
    """Where the arrays of an environment's observations lie; both sides work it out from the same settings."""
    return _layout(tuple((camera, settings.protocol.size(camera)) for camera in CAMERAS if camera in settings.cameras))


@functools.lru_cache
def _layout(pictures: tuple[tuple[str, tuple[int, int]], ...]) -> tuple[Field, ...]:
    arrays: list[tuple[str, tuple[int, ...], str]] = [
        *((camera, (*size, 3), "uint8") for camera, size in pictures),
        *((key, shape, "float32") for key, shape in STATE_SHAPES.items()),
    ]
    fields: list[Field] = []
    offset = 0
    for key, shape, dtype in arrays:
        fields.append(Field(key, shape, dtype, offset))
        offset += -(-fields[-1].size // _ALIGNMENT) * _ALIGNMENT
    return tuple(fields)


def block_size(settings: Iterable[EnvSettings]) -> int:
    """Bytes that hold an observation under any of these settings."""
    return max(max(f.offset + f.size for f in layout(s)) for s in settings)


class Board:
    """A block of shared memory with room for one observation.

    The side that makes it also removes it. Who writes next is settled by the messages on the pipe: the worker writes
    before it asks, and the main process has copied all before it answers.

    Args:
        size: in bytes, to make one.
        name: to open one that was made by another process.
    """

    def __init__(self, size: int = 0, name: str | None = None) -> None:
        self._owner = name is None
        self._memory = SharedMemory(name=name, create=self._owner, size=size)

    @property
    def name(self) -> str:
        """What the other side opens it by."""
        return self._memory.name

    def write(self, observation: Observation, settings: EnvSettings) -> None:
        """Puts the arrays of an observation on the board.

        Raises:
            ValueError: an array has another shape or type than the environment's settings promise.
        """
        for field in layout(settings):
            array: NDArray[Any] = observation[field.key]  # type: ignore[literal-required]
            if array.shape != field.shape or array.dtype != field.dtype:
                raise ValueError(
                    f"the environment's '{field.key}' is {array.dtype} {array.shape}, "
                    f"but should be {field.dtype} {field.shape}"
                )
            self._view(field)[...] = array

    def read(self, settings: EnvSettings) -> Observation:
        """A copy of the observation on the board."""
        return {f.key: self._view(f).copy() for f in layout(settings)}  # type: ignore[return-value]

    def close(self) -> None:
        """Lets go of the block; its owner removes it."""
        self._memory.close()
        if self._owner:
            self._memory.unlink()

    def _view(self, field: Field) -> NDArray[Any]:
        return np.ndarray(field.shape, field.dtype, buffer=self._memory.buf, offset=field.offset)
