"""LIBERO's files in their place: `shelves.Shelf`."""

from __future__ import annotations

from pathlib import Path

from vvla_policies.distill.demos.findings import Held
from vvla_policies.distill.demos.libero.files import assemble, episodes_in
from vvla_policies.distill.demos.libero.inspection import contents
from vvla_policies.distill.demos.libero.layout import SUFFIX, h5py_module
from vvla_policies.distill.demos.libero.recorder import LiberoRecorder
from vvla_policies.distill.demos.parts import EPISODES, part_path, parts_of_task
from vvla_policies.distill.demos.recording import Recorder
from vvla_policies.envs.suite import Suite
from vvla_policies.evaluation.records.keys import EpisodeKey


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
