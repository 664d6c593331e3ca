"""Ctrl-C and SIGTERM during a run: they end it, but never in the middle of a record."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While it is entered, SIGINT raises `KeyboardInterrupt` and SIGTERM `SystemExit(143)`, if need be a little later.

    Outside the main thread, where Python delivers no signals, it does nothing; ignored signals stay ignored.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._put_off = False
        self._pending: int | None = None

    def __enter__(self) -> Interrupts:  # noqa: PYI034 - a class that nobody subclasses
        if threading.current_thread() is threading.main_thread():
            wanted = [number for number in _NUMBERS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._arrived) for number in wanted}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """What is done in here is finished before an interrupt is raised."""
        self._put_off = True
        try:
            yield
        finally:
            self._put_off = False
            if self._pending is not None:
                _leave(self._pending)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._put_off:
            self._pending = number
        else:
            _leave(number)


def _leave(number: int) -> None:
    if number == signal.SIGTERM:
        sys.exit(128 + number)
    raise KeyboardInterrupt
