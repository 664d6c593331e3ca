"""Where the demonstrations of a suite are kept, in its benchmark's own layout; one kind of shelf for each benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from vvla_policies.distill.demos.calvin.shelf import CalvinShelf
from vvla_policies.distill.demos.findings import Held
from vvla_policies.distill.demos.libero.shelf import LiberoShelf
from vvla_policies.distill.demos.recording import Recorder
from vvla_policies.envs.suite import Suite
from vvla_policies.evaluation.records.keys import EpisodeKey


class Shelf(Protocol):
    """What `collect` asks of a layout.

    Attributes:
        size: height and width of the pictures where the user names none, px; None for the protocol's.
        recorder: what watches the episodes.
    """

    size: int | None
    recorder: type[Recorder]

    def part(self, key: EpisodeKey) -> Path:
        """Where an episode's demonstration is until its task is done."""

    def held(self, task: int) -> Held:
        """What is in its place of a task."""

    def assemble(self, task: int) -> None:
        """Puts the parts of a task in their place."""


def shelf_of(suite: Suite, out: Path) -> Shelf:
    """The shelf for a suite's demonstrations.

    Args:
        suite: the suite.
        out: the folder of demonstrations.
    """
    return CalvinShelf(suite, out) if suite.benchmark == "calvin" else LiberoShelf(suite, out)
