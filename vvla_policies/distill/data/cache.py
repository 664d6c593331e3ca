"""Demonstrations as training reads them: pictures of the model's size in memory-mapped arrays, and the numbers.

A training reads every frame many times. Unpacking and resizing it each time costs more than a small network's step, so
it is done once, into a folder for each source of demonstrations (a LIBERO file, a phrase of a CALVIN folder):

    <cache>/<task>-<key>/index.json          names, lengths, instruction
                         numbers.npz         proprioception and actions, in this package's conventions
                         pictures-64.npy     uint8 (D, 2, 64, 64, 3), third-person first; one file for each view

Of N steps, D have pictures: all, unless they were made by `vvla demos --every`.

The key stands for the files' names, sizes and times of change. Folders and files are moved into place when they are
whole.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.data.sources import Source, sources
from vvla_policies.distill.demos.conversions import STATES
from vvla_policies.distill.telling import Note
from vvla_policies.errors import RecordError
from vvla_policies.inputs import Inputs, picture, proprioception
from vvla_policies.observation import CAMERAS, Observation

INDEX, NUMBERS = "index.json", "numbers.npz"


@dataclass(frozen=True)
class CachedFile:
    """A source of demonstrations, unpacked.

    Attributes:
        origin: the source.
        folder: where its arrays are.
        demos: names of its groups, in order.
        lengths: frames of each.
        instruction: of its task.
        size: edge of its pictures if all are square and alike, else 0.
        facts: how it was made (the `vvla` attribute).
    """

    origin: Source
    folder: Path
    demos: tuple[str, ...]
    lengths: tuple[int, ...]
    instruction: str
    size: int
    facts: dict[str, Any]

    @property
    def source(self) -> Path:
        """Tells it from all others."""
        return self.origin.path

    def numbers(self) -> dict[str, NDArray[Any]]:
        """As `Source.numbers`, all demonstrations in a row."""
        with np.load(self.folder / NUMBERS) as stored:
            return {name: stored[name] for name in stored.files}

    def states(self, inputs: Inputs) -> NDArray[np.float32]:
        """Proprioception in a model's convention: float32 (N, 8)."""
        path = self.folder / f"states-{inputs.rotation}-{inputs.gripper}.npy"
        if not path.exists():
            numbers = self.numbers()
            each = (cast("Observation", {key: numbers[key][k] for key in STATES}) for k in range(sum(self.lengths)))
            rows = [proprioception(obs, inputs) for obs in each]
            make_whole(path, lambda work: np.save(work, np.stack(rows)))
        states: NDArray[np.float32] = np.load(path)
        return states

    def stored_size(self, inputs: Inputs) -> int:
        """Edge of the pictures kept for a model: what it reads, or the file's own if that is less."""
        return min(self.size, inputs.size) if self.size else inputs.size

    def pictures(self, inputs: Inputs) -> NDArray[np.uint8]:
        """The pictures of steps that have some, memory-mapped: uint8 (D, 2, edge, edge, 3), see `stored_size`."""
        view = Inputs(size=self.stored_size(inputs), raw=inputs.raw)
        path = self.folder / f"pictures-{view.size}{'-raw' if view.raw else ''}.npy"
        if not path.exists():
            make_whole(path, lambda work: self._draw(work, view))
        mapped: NDArray[np.uint8] = np.load(path, mmap_mode="r")
        return mapped

    def _draw(self, path: Path, view: Inputs) -> None:
        drawn = np.split(self.numbers()["drawn"], np.cumsum(self.lengths)[:-1])
        shape = (sum(int(one.sum()) for one in drawn), 2, view.size, view.size, 3)
        target = np.lib.format.open_memmap(path, "w+", dtype=np.uint8, shape=shape)
        first = 0
        for name, there in zip(self.demos, map(np.flatnonzero, drawn), strict=True):
            for number, camera in enumerate(CAMERAS):
                frames = self.origin.pictures(name, camera)
                for k, step in enumerate(there):
                    target[first + k, number] = picture(frames[step], view)
            first += len(there)
        target.flush()


def cached(paths: Sequence[Path], cache: Path, report: Note = lambda _: None) -> list[CachedFile]:
    """Opens files of demonstrations through the cache.

    Args:
        paths: the files, `inspection.find_files`.
        cache: folder of all that is cached; made if absent.
        report: hears of each source that is unpacked.

    Raises:
        RecordError: a file is damaged or is changed meanwhile, or the cache cannot be written.
    """
    found = []
    for origin in (source for path in paths for source in sources(path)):
        folder = cache / origin.key()
        if not (folder / INDEX).exists():
            report(f"unpacking {origin.path.name}")
            _unpack(origin, folder)
        told = json.loads((folder / INDEX).read_text())
        found.append(
            CachedFile(
                origin, folder, tuple(told["demos"]), tuple(told["lengths"]), told["instruction"], told["size"],
                told["facts"],
            )
        )  # fmt: skip
    return found


def _unpack(origin: Source, folder: Path) -> None:
    """The index and the numbers of a source."""
    try:
        held = origin.index()
        numbers = [origin.numbers(name) for name in held.demos]
    except (KeyError, ValueError, OSError) as error:
        raise RecordError(f"{origin.path} is no whole file of demonstrations: {error}") from error
    if not held.demos:
        raise RecordError(f"{origin.path} holds no demonstrations")
    wrong = [shape for shape in held.shapes if len(shape) != 3 or shape[2] != 3]
    if wrong:
        raise RecordError(f"{origin.path} holds pictures of shape {wrong[0]}, not (height, width, 3)")
    height, width = next(iter(held.shapes))[:2]
    index = {
        "demos": held.demos,
        "lengths": [len(one["actions"]) for one in numbers],
        "instruction": held.instruction,
        "size": int(height) if len(held.shapes) == 1 and height == width else 0,
        "facts": held.facts,
    }
    joined = {name: np.concatenate([one[name] for one in numbers]) for name in numbers[0]}

    def fill(work: Path) -> None:
        work.mkdir()
        np.savez(work / NUMBERS, **joined)  # type: ignore[arg-type]
        (work / INDEX).write_text(json.dumps(index))

    make_whole(folder, fill)


def make_whole(path: Path, fill: Callable[[Path], None]) -> None:
    """Makes a file or folder under a temporary name and moves it into place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=path.parent) as room:
            work = Path(room, path.name)
            fill(work)
            if work.is_dir() and path.exists():  # made by another process, or left without an index
                shutil.rmtree(path)
            work.replace(path)
    except OSError as error:
        raise RecordError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another --cache"
        ) from error
