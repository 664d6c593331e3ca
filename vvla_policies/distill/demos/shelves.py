"""Where the demonstrations of a suite are kept, in its benchmark's own layout; one kind of shelf for each benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vvla_policies.distill.demos import calvin_files
from vvla_policies.distill.demos.calvin_layout import SPLIT, frame_path, read_annotations
from vvla_policies.distill.demos.calvin_recorder import CalvinRecorder
from vvla_policies.distill.demos.files import assemble, episodes_in, part_path, parts_of_task
from vvla_policies.distill.demos.inspection import contents
from vvla_policies.distill.demos.layout import SUFFIX, h5py_module
from vvla_policies.distill.demos.recorder import LiberoRecorder
from vvla_policies.distill.demos.recording import Recorder
from vvla_policies.envs.suite import Suite
from vvla_policies.evaluation.records.keys import EpisodeKey

EPISODES = "episodes"


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


class LiberoShelf:
    """LIBERO's hdf5 files, one for each task, in a folder for each suite.

    Args:
        suite: the suite.
        out: the folder of demonstrations.
    """

    size: int | None = 128
    recorder: type[Recorder] = LiberoRecorder

    def __init__(self, suite: Suite, out: Path) -> None:
        h5py_module()
        self._suite, self._out = suite, out

    def path(self, task: int) -> Path:
        """The file of a task's demonstrations, as LIBERO names it."""
        from vvla_policies.envs.libero.suites import FOLDERS

        name = self._suite.name
        return self._out / FOLDERS.get(name, name) / f"{self._suite.tasks[task].name}{SUFFIX}"

    def part(self, key: EpisodeKey) -> Path:
        """See `Shelf.part`."""
        return part_path(self._out / EPISODES, key)

    def held(self, task: int) -> Held:
        """See `Shelf.held`."""
        path, told = self.path(task), self._suite.tasks[task].instruction
        if not path.exists():
            return Held(told)
        inside = contents(path)
        return Held(told, tuple(episodes_in(path)), inside.steps, inside.bytes)

    def assemble(self, task: int) -> None:
        """See `Shelf.assemble`."""
        parts = parts_of_task(self._out / EPISODES, self._suite.name, task)
        if parts:
            assemble(self.path(task), parts)


class CalvinShelf:
    """CALVIN's folder, one for all tasks and scenes.

    Args:
        suite: the suite.
        out: the folder of demonstrations.
    """

    size: int | None = None
    recorder: type[Recorder] = CalvinRecorder

    def __init__(self, suite: Suite, out: Path) -> None:
        self._suite, self._out, self._split = suite, out, out / SPLIT

    def part(self, key: EpisodeKey) -> Path:
        """See `Shelf.part`."""
        return part_path(self._out / EPISODES, key, calvin_files.SUFFIX)

    def held(self, task: int) -> Held:
        """See `Shelf.held`."""
        start = str(EpisodeKey(self._suite.name, task, 0, 0)).rsplit("-", 2)[0] + "-"
        segments = [s for s in read_annotations(self._split).segments if s.episode.startswith(start)]
        demos = calvin_files.demonstrations(segments)
        frames = [frame_path(self._split, k) for s in segments for k in range(s.first, s.last + 1)]
        return Held(
            self._suite.tasks[task].instruction,
            tuple(demo[0].episode for demo in demos),
            tuple(demo[-1].last + 1 - demo[0].first for demo in demos),
            sum(path.stat().st_size for path in frames if path.exists()),
        )

    def assemble(self, task: int) -> None:
        """See `Shelf.assemble`."""
        parts = parts_of_task(self._out / EPISODES, self._suite.name, task, calvin_files.SUFFIX)
        if parts:
            calvin_files.assemble(self._split, parts)


def shelf_of(suite: Suite, out: Path) -> Shelf:
    """The shelf for a suite's demonstrations.

    Args:
        suite: the suite.
        out: the folder of demonstrations.
    """
    return CalvinShelf(suite, out) if suite.benchmark == "calvin" else LiberoShelf(suite, out)
