"""What looking at demonstrations tells, and running them again; the same of LIBERO's and of CALVIN's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Held:
    """The demonstrations of a task that are in their place.

    Attributes:
        instruction: of the task.
        episodes: keys as text.
        steps: of each.
        bytes: on the disk.
    """

    instruction: str
    episodes: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()
    bytes: int = 0


@dataclass(frozen=True)
class Contents:
    """A file of demonstrations at a glance.

    Attributes:
        path: the file.
        instruction: the task in words.
        steps: length of each demonstration, in the file's order.
        size: (height, width) of the pictures, px.
        disturbed: share of steps that are not the expert's own, None if the file does not say.
        made: the `vvla` attribute, {} for other files.
        bytes: on the disk.
    """

    path: Path
    instruction: str
    steps: tuple[int, ...]
    size: tuple[int, int]
    disturbed: float | None
    made: dict[str, Any]
    bytes: int


@dataclass(frozen=True)
class Verified:
    """What came of running a demonstration again.

    Attributes:
        demo: name of its group, in CALVIN the episode's key.
        success: the goal is reached at the last action.
        same: the start and all states in between are those of the file, bit for bit.
        deviation: the largest difference of any entry of any state.
    """

    demo: str
    success: bool
    same: bool
    deviation: float
