"""Whole batches of windows, gathered at once from cached demonstrations.

    data = CachedWindows(cached(files, cache), Windows(history=2, future=8), readings, spacing=8)
    loader = DataLoader(data, batch_sampler=Batches(SeededOrder(len(data)), 64, count=1000), collate_fn=tensors)

A window is what `dataset.DemoDataset` gives, at the model's picture size, with two additions: its frames may lie
`spacing` steps apart, as they do for a policy that executes several actions without looking, and each frame of the
history has its own picture ahead. Windows without a valid action, or whose frames were not all drawn, are left out.
What a batch holds depends on its numbers, the seed and the epoch alone.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vvla_policies.distill.data.augmentation import jittered, roamed, shifted
from vvla_policies.distill.data.cache import CachedFile
from vvla_policies.distill.data.dataset import Number, SeededOrder, Windows
from vvla_policies.distill.data.moments import moving, next_waypoints
from vvla_policies.errors import RecordError
from vvla_policies.inputs import Inputs, picture

Batch = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Reading:
    """How one network sees the windows.

    Attributes:
        inputs: its convention.
        name: before the keys of what it reads: "" or "teacher_".
        shift: most pixels by which each frame of the two cameras is shifted, edges repeated; drawn for each frame.
        jitter: how much the colours of each window's pictures change, see `jittered`; 0 for not at all.
        roam: most pixels by which all third-person pictures of a window are shifted sideways, together with where the
            hand is and where things are, as if all of it stood elsewhere; needs `CachedWindows.camera`. Of several
            networks that roam, all see a window in the same place.
        ahead: also give the pictures this many steps after each frame of the history, as they are; 0 for none.
    """

    inputs: Inputs
    name: str = ""
    shift: tuple[int, int] = (0, 0)
    jitter: float = 0.0
    roam: int = 0
    ahead: int = 0


class CachedWindows(torch.utils.data.Dataset[Batch]):
    """Windows of cached demonstrations; PyTorch's loader asks it for whole batches.

    Args:
        files: `cache.cached`.
        windows: which part of a demonstration an item is; its `ahead` is not used, see `Reading`.
        readings: how networks see it.
        spacing: steps from one frame of the history to the next.
        demos: file to the names of its demonstrations that are used; None for all: for hold-outs.
        seed: of the shifts.

    Attributes:
        instructions: the different ones, sorted; "task" in a batch counts in them.
        extra: further arrays, one row for each item, that batches hold by these names.
        lessons: further entries of a batch, made anew from its (epoch, item) pairs, int64 (B, 2); None for none.
        camera: float (3, 4), of the states' positions (m) to places in the third-person picture (edges, from its upper
            left corner), homogeneous; for `Reading.roam`.
        seconds: spent gathering so far.

    Raises:
        RecordError: there is nothing to read.
    """

    def __init__(
        self,
        files: Sequence[CachedFile],
        windows: Windows,
        readings: Sequence[Reading],
        spacing: int = 1,
        demos: Mapping[Path, Sequence[str]] | None = None,
        seed: int = 0,
    ) -> None:
        self.windows, self.readings, self.spacing, self.seed = windows, tuple(readings), spacing, seed
        self.extra: dict[str, NDArray[Any]] = {}
        self.lessons: Callable[[NDArray[np.int64]], Batch] | None = None
        self.camera: NDArray[np.float64] | None = None
        self.seconds = 0.0
        self.instructions = sorted({file.instruction for file in files})
        self._files = tuple(files)
        self._first = np.cumsum([0, *(sum(file.lengths) for file in files)])
        if len({file.origin.benchmark for file in files}) > 1:
            raise RecordError("demonstrations of different benchmarks do not go together: train on one of them")
        self._lag = min(windows.lag, files[0].origin.delay) if files else 0
        self._demos = self._index(demos)
        if not len(self._demos):
            raise RecordError(f"no demonstration to read in {len(self._files)} files")
        numbers = [file.numbers() for file in files]
        self._drawn = np.concatenate([one["drawn"] for one in numbers])
        pictures = np.cumsum([0, *self._drawn])  # before each frame
        self._picture, self._first_picture = pictures[1:] - 1, pictures[self._first[:-1]]
        self._actions = np.concatenate([one["actions"] for one in numbers])
        self._disturbed = np.concatenate([one["disturbed"] for one in numbers])
        every = [length for file in files for length in file.lengths]
        counts = moving(self._actions, every) if windows.skip_idle else np.ones(len(self._actions), dtype=np.bool_)
        before, after = -np.arange(windows.history * spacing, 0, -1), len(counts) + np.arange(windows.future)
        self._counting = np.concatenate([before, np.flatnonzero(counts), after])
        self._ends, self._frames = self._items()
        if not len(self):
            raise RecordError(f"no frame has an action to learn and pictures of all frames read, {spacing} steps apart")
        self._hand = np.concatenate([one["eef_pos"] for one in numbers]).astype(np.float32)
        self._waypoint = next_waypoints(self._actions[:, 6], every)
        self._read_in()

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def demos(self) -> int:
        """Demonstrations that are used."""
        return len(self._demos)

    def tasks(self) -> NDArray[np.int64]:
        """The number of each item's instruction, (len(self),)."""
        return np.repeat(self._demos[:, 2], np.diff(self._ends, prepend=0))

    def states(self) -> NDArray[np.float32]:
        """Proprioception of all frames that are used, as the first network reads it: (N, 8)."""
        rows = np.concatenate([np.arange(start, start + length) for start, length, _ in self._demos])
        return self._states[self.readings[0].name][rows]

    def item_states(self) -> NDArray[np.float32]:
        """Proprioception in the frame that each item is about, as the first network reads it: (len(self), 8)."""
        return self._states[self.readings[0].name][self._among_all(np.arange(len(self)))]

    def place(self, number: int) -> tuple[str, str, int]:
        """File, group ("demo_3") and frame that an item is about."""
        row = self._demos[int(np.searchsorted(self._ends, number, side="right"))]
        at = int(np.searchsorted(self._first, row[0], side="right")) - 1
        file = self._files[at]
        starts = np.cumsum([0, *file.lengths]) + self._first[at]
        return (
            str(file.source),
            file.demos[int(np.searchsorted(starts, row[0]))],
            int(self._frame(np.array([number]))[0]),
        )

    def rows(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where items (n) are: (n, 2), the number of the file and the row in its arrays."""
        return self._located(self._among_all(index))

    def waypoint_rows(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Likewise, where the frames of their next waypoints are."""
        return self._located(self._waypoint[self._among_all(index)])

    def with_readings(self, readings: Sequence[Reading]) -> CachedWindows:
        """The same windows, seen by other networks."""
        other = copy.copy(self)
        other.readings, other.extra = tuple(readings), {}
        other._read_in()  # noqa: SLF001 - one of its kind
        return other

    def drop_reading(self, name: str) -> None:
        """Leaves a network's view out of batches."""
        self.readings = tuple(reading for reading in self.readings if reading.name != name)

    def identity(self) -> dict[str, Any]:
        """What decides which windows these are, as plain data."""
        digest = hashlib.sha256(self._demos.tobytes() + self._actions.tobytes()).hexdigest()
        return {
            "files": [file.folder.name for file in self._files],
            "demos": digest,
            "windows": asdict(self.windows),
            "spacing": self.spacing,
        }

    def __getitem__(self, number: Number) -> Batch:
        """A batch of one."""
        return self.__getitems__([number])

    def __getitems__(self, numbers: Sequence[Number]) -> Batch:
        """A batch.

        Args:
            numbers: B items, or (epoch, number) as `SeededOrder` gives them: each epoch has its own shifts.

        Returns:
            For each reading, with its name before the key: "pictures" uint8 (B, history, 2, edge, edge, 3),
            "state" float32 (B, history, 8), and with `ahead` "pictures_ahead" of the pictures' shape;
            "ahead_valid" bool (B, history), False where there is no such picture or frame;
            "actions" float32 (B, history, future, 7), gripper +1 open; [b, h, k] is executed k steps after frame h;
            "actions_valid" bool (B, history, future); "waypoint" float32 (B, history, 3), where the hand will be when
            the gripper next opens or closes (or at the end), from where it is, m, in the robot's base frame;
            "task" int64 (B,), "index" int64 (B,);
            `extra`, and what `lessons` makes.
        """
        began = time.perf_counter()
        pairs = np.array([n if isinstance(n, tuple) else (0, n) for n in numbers], dtype=np.int64)
        index = pairs[:, 1]
        if index.min() < 0 or index.max() >= len(self):
            raise IndexError(f"item {index.max()} of {len(self)}")
        rng = np.random.default_rng([self.seed, *pairs[0].tolist()])
        start, length, task = self._demos[np.searchsorted(self._ends, index, side="right")].T[:, :, None]
        steps = np.arange(self.windows.history) - (self.windows.history - 1)
        frames = self._frame(index)[:, None] + self.spacing * steps
        batch: Batch = {"task": task[:, 0], "index": index}
        batch |= {name: rows[index] for name, rows in self.extra.items()}
        across: NDArray[np.float64] | None = None  # how far each window roams, of the most that it may
        for reading in self.readings:
            batch |= self._read(reading, frames, start, length, rng)
            if reading.roam:
                assert self.camera is not None
                if across is None:
                    across = rng.integers(-reading.roam, reading.roam + 1, len(index)) / reading.roam
                draws = np.rint(across * reading.roam).astype(np.int64)
                batch |= roamed(batch, reading.name, draws, self.camera)
        batch |= self._labels(frames, start, length)
        batch |= self.lessons(pairs) if self.lessons else {}
        self.seconds += time.perf_counter() - began
        return batch

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pictures": {}, "_states": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._read_in()

    def _read_in(self) -> None:
        """States into memory, pictures as memory maps."""
        files = self._files
        self._states = {r.name: np.concatenate([file.states(r.inputs) for file in files]) for r in self.readings}
        self._pictures = {r.name: [file.pictures(r.inputs) for file in files] for r in self.readings}

    def _index(self, chosen: Mapping[Path, Sequence[str]] | None) -> NDArray[np.int64]:
        """First frame (of all files' in a row), frames and task of each demonstration."""
        rows = []
        for first, file in zip(self._first, self._files, strict=False):
            task, at = self.instructions.index(file.instruction), int(first)
            for name, length in zip(file.demos, file.lengths, strict=True):
                if (chosen is None or name in chosen[file.source]) and length > self._lag:
                    rows.append((at, length, task))
                at += length
        return np.array(rows, dtype=np.int64).reshape(-1, 3)

    def _items(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many items there are up to each demonstration's end, and the frame in it that each item is about."""
        back = self.spacing * np.arange(self.windows.history)
        found = []
        for start, length, _ in self._demos:
            about = np.arange(0, length - self._lag, self.windows.stride)
            frames = about[:, None] - back
            taught = self._wanted(frames, np.array([start]), np.array([length]))[1].any(axis=(1, 2))
            found.append(about[taught & self._drawn[start + np.maximum(frames, 0)].all(axis=1)])
        return np.cumsum([len(one) for one in found]), np.concatenate(found)

    def _wanted(
        self, frames: NDArray[Any], start: NDArray[Any], length: NDArray[Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Rows of the actions of frames (B, S), and which of them are there and to be learnt: both (B, S, future)."""
        first = (start + frames)[..., None] + self._lag
        rows = self._counting[np.searchsorted(self._counting, first) + np.arange(self.windows.future)]
        inside = np.clip(rows, start[..., None], (start + length)[..., None] - 1)
        taught: NDArray[np.bool_] = (rows == inside) & (frames >= 0)[:, :, None]
        if self.windows.skip_disturbed:
            taught &= ~self._disturbed[inside]
        return inside, taught

    def _among_all(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The frame that each item is about, counted through all files."""
        start: NDArray[np.int64] = self._demos[np.searchsorted(self._ends, index, side="right"), 0]
        return start + self._frame(index)

    def _located(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of the file, and row in it, of frames (n) that are counted through all files: (n, 2)."""
        owner = np.searchsorted(self._first, frames, side="right") - 1
        return np.stack([owner, frames - self._first[owner]], axis=1)

    def _frame(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The frame in its demonstration that each item is about."""
        frames: NDArray[np.int64] = self._frames[index]
        return frames

    def _read(
        self,
        reading: Reading,
        frames: NDArray[Any],
        start: NDArray[Any],
        length: NDArray[Any],
        rng: np.random.Generator,
    ) -> Batch:
        there = start + np.clip(frames, 0, length - 1)
        seen = self._gather(reading, there)
        for camera, pad in enumerate(reading.shift):
            if pad:
                seen[:, :, camera] = shifted(seen[:, :, camera], pad, rng)
        seen = jittered(seen, reading.jitter, rng) if reading.jitter else seen
        found = {"pictures": seen, "state": self._states[reading.name][there]}
        if reading.ahead:
            later = frames + reading.ahead
            found["pictures_ahead"] = self._gather(reading, start + np.clip(later, 0, length - 1))
            found["ahead_valid"] = (frames >= 0) & (later < length) & self._drawn[start + np.clip(later, 0, length - 1)]
        return {reading.name + key: value for key, value in found.items()}

    def _gather(self, reading: Reading, frames: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Pictures of frames (B, S), counted through all files, or the last before them that were drawn.

        Returns:
            (B, S, 2, edge, edge, 3).
        """
        edge = reading.inputs.size
        flat = frames.ravel()
        out = np.empty((len(flat), 2, edge, edge, 3), dtype=np.uint8)
        owners = np.searchsorted(self._first, flat, side="right") - 1
        for owner in np.unique(owners):
            rows = np.flatnonzero(owners == owner)
            at = self._picture[flat[rows]] - self._first_picture[owner]
            stored = self._pictures[reading.name][owner][at]
            out[rows] = stored if stored.shape[2] == edge else _enlarged(stored, edge)
        return out.reshape(*frames.shape, 2, edge, edge, 3)

    def _labels(self, frames: NDArray[Any], start: NDArray[Any], length: NDArray[Any]) -> Batch:
        there, valid = self._wanted(frames, start, length)
        now = (start + np.clip(frames, 0, length - 1)).astype(np.int64)
        waypoint = self._hand[self._waypoint[now]] - self._hand[now]
        return {"actions": self._actions[there], "actions_valid": valid, "waypoint": waypoint}


class Batches:
    """Batches of an order that goes on for ever, epoch after epoch: a batch sampler.

    Args:
        order: of the items; its epochs follow one another without a gap.
        size: of every batch.
        count: of batches.
    """

    def __init__(self, order: SeededOrder, size: int, count: int) -> None:
        self._order, self._size, self._count = order, size, count
        self.batch_size, self.drop_last = size, False  # accelerate asks

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        self._order.epoch = 0
        items = (pair for _ in iter(int, 1) for pair in self._order)
        for _ in range(self._count):
            yield [next(items) for _ in range(self._size)]


def tensors(batch: Batch) -> dict[str, Tensor]:
    """A batch as PyTorch takes it; shares memory."""
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in batch.items()}


def _enlarged(stored: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    """Pictures (n, 2, e, e, 3) at another size."""
    view = Inputs(size=edge)
    return np.stack([np.stack([picture(one, view) for one in pair]) for pair in stored])
