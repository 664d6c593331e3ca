"""CALVIN's files in their place: `shelves.Shelf`."""

from __future__ import annotations

from pathlib import Path

from vvla_policies.distill.demos.calvin.files import SUFFIX, assemble, demonstrations
from vvla_policies.distill.demos.calvin.layout import SPLIT, frame_path, read_annotations
from vvla_policies.distill.demos.calvin.recorder import CalvinRecorder
from vvla_policies.distill.demos.findings import Held
from vvla_policies.distill.demos.parts import EPISODES, part_path, parts_of_task
from vvla_policies.distill.demos.recording import Recorder
from vvla_policies.envs.suite import Suite
from vvla_policies.evaluation.records.keys import EpisodeKey


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
        return part_path(self._out / EPISODES, key, SUFFIX)

    def held(self, task: int) -> Held:
        """See `Shelf.held`."""
        start = str(EpisodeKey(self._suite.name, task, 0, 0)).rsplit("-", 2)[0] + "-"
        segments = [s for s in read_annotations(self._split).segments if s.episode.startswith(start)]
        demos = demonstrations(segments)
        frames = [frame_path(self._split, k) for s in segments for k in range(s.first, s.last + 1)]
        return Held(
            self._suite.tasks[task].instruction,
            tuple(demo[0].episode for demo in demos),
            tuple(demo[-1].last + 1 - demo[0].first for demo in demos),
            sum(path.stat().st_size for path in frames if path.exists()),
        )

    def assemble(self, task: int) -> None:
        """See `Shelf.assemble`."""
        parts = parts_of_task(self._out / EPISODES, self._suite.name, task, SUFFIX)
        if parts:
            assemble(self._split, parts)
