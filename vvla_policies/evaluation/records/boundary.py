"""Where exceptions of policies and simulators end: the one broad `except` of the harness."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from vvla_policies.evaluation.records.runs import EpisodeError

T = TypeVar("T")


@dataclass(frozen=True)
class Crash:
    """A call that raised.

    Attributes:
        exception: what it raised.
        error: the same as a record holds it.
    """

    exception: Exception
    error: EpisodeError


def attempt(call: Callable[[], T]) -> T | Crash:
    """Calls foreign code; an exception is returned, not raised. Ctrl-C and exits pass through.

    >>> attempt(lambda: 1)
    1
    >>> attempt(lambda: 1 / 0).error.message
    'division by zero'
    """
    try:
        return call()
    except Exception as exception:  # noqa: BLE001 - the episode boundary: what foreign code raises ends one episode only
        return Crash(exception, _described(exception))


def _described(exception: Exception) -> EpisodeError:
    lines = traceback.format_exception(type(exception), exception, exception.__traceback__)
    return EpisodeError(type(exception).__name__, " ".join(str(exception).split()), "".join(lines))
