"""Windows of demonstrations, for training: LIBERO's official files and those of `vvla demos` alike.

    data = DemoDataset(find_files(Path("demos")), Windows(history=7, future=3), shift={"image": 10, "wrist_image": 4})
    loader = torch.utils.data.DataLoader(data, batch_size=32, sampler=SeededOrder(len(data)), num_workers=4)

A dataset is a list of places in files: nothing but an index is kept in memory, and each process opens the files for
itself. Items are numpy arrays in this package's conventions; PyTorch's loader makes tensors of them. What an item is
depends on its number, the seed and the epoch alone: not on the loader's workers, nor on the order.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.data.augmentation import shifted
from vvla_policies.distill.demos.conversions import (
    PICTURES,
    Alignment,
    actions_from_file,
    flipped,
    gripper_commands,
    states_from_file,
)
from vvla_policies.distill.demos.libero.files import opened
from vvla_policies.distill.demos.libero.inspection import demo_names, instruction
from vvla_policies.distill.demos.libero.layout import drawn_steps, h5py_module
from vvla_policies.errors import RecordError
from vvla_policies.observation import CAMERAS

Number = int | tuple[int, int]
OPEN_FILES = 64
_LOW = ("ee_pos", "ee_ori", "gripper_states", "joint_states")


@dataclass(frozen=True)
class Windows:
    """Which part of a demonstration an item is.

    An item is about a frame t, the last of its history. Before a demonstration's first frame that frame is repeated,
    after its end the last frame and the last action are.

    Attributes:
        history: frames up to t, t included.
        future: actions from each frame of the history on, the frame's own first.
        ahead: frames after t.
        stride: t is every so many frames.
        alignment: which action is a frame's own.
        skip_disturbed: mark actions that are not the expert's own (`vvla demos --noise`) as invalid.
        skip_idle: pass over actions that do nothing (`moments.moving`): a frame's actions are the next ones that do
            something. `CachedWindows` alone reads it.
    """

    history: int = 1
    future: int = 1
    ahead: int = 0
    stride: int = 1
    alignment: Alignment = "causal"
    skip_disturbed: bool = False
    skip_idle: bool = False

    def __post_init__(self) -> None:
        if min(self.history, self.future, self.stride) < 1 or self.ahead < 0:
            raise ValueError(f"history, future and stride must be at least 1, ahead at least 0: {self}")

    @property
    def lag(self) -> int:
        """How many actions of a file lie before the first frame's own."""
        return 1 if self.alignment == "causal" else 0


@dataclass(frozen=True)
class _Demo:
    """Where a demonstration is, and how many frames of it have an action of their own."""

    file: int
    name: str
    frames: int


@dataclass
class _Handles:
    """Open files of one process, the latest used ones; never taken along into another process."""

    process: int = 0
    files: OrderedDict[int, Any] = field(default_factory=OrderedDict)


class DemoDataset:
    """Windows of demonstrations as a map-style dataset.

    Args:
        files: of demonstrations, `inspection.find_files`.
        windows: which part of a demonstration an item is.
        cameras: which pictures to read.
        shift: camera to the most pixels by which each of its frames is shifted, edges repeated; drawn for each frame.
        demos: numbers of the demonstrations used in each file (by their order), None for all: for hold-outs.
        seed: of the shifts.

    Attributes:
        instructions: of each file.

    Raises:
        RecordError: a file is damaged, or there is nothing to read.
    """

    def __init__(
        self,
        files: Sequence[Path | str],
        windows: Windows | None = None,
        cameras: Sequence[str] = CAMERAS,
        shift: Mapping[str, int] | None = None,
        demos: range | None = None,
        seed: int = 0,
    ) -> None:
        self.files = tuple(Path(file) for file in files)
        self.windows = windows or Windows()
        self.cameras = tuple(cameras)
        self.shift = dict(shift or {})
        self.seed = seed
        self.instructions: list[str] = []
        self._demos: list[_Demo] = []
        for number, path in enumerate(self.files):
            self._index(number, path, demos)
        starts = [-(-demo.frames // self.windows.stride) for demo in self._demos]
        self._ends = np.cumsum(starts)
        self._handles = _Handles()
        if not len(self):
            raise RecordError(f"no demonstration to read in {len(self.files)} files")

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def place(self, number: int) -> tuple[Path, str, int]:
        """File, group ("demo_3") and frame that an item is about."""
        demo, frame = self._place(number)
        return self.files[demo.file], demo.name, frame

    def __getitem__(self, number: Number) -> dict[str, Any]:
        """An item.

        Args:
            number: of the item, or (epoch, number) as `SeededOrder` gives them: each epoch has its own shifts.

        Returns:
            With F = history + ahead frames, from t - history + 1 to t + ahead:
            cameras: uint8 (F, H, W, 3), upright;
            the state keys of an `Observation`: float32 (F, ...);
            "frame_valid": bool (F,), False where a frame is repeated;
            "actions": float32 (history, future, 7), gripper +1 open; [h, k] is executed k steps after frame h was seen;
            "actions_valid": bool (history, future), False where there is no such frame or action;
            "instruction": text; "index": the item's number.
        """
        epoch, index = number if isinstance(number, tuple) else (0, number)
        demo, frame = self._place(index)
        group = self._file(demo.file)["data"][demo.name]
        wanted = np.arange(frame - self.windows.history + 1, frame + self.windows.ahead + 1)
        there = np.clip(wanted, 0, len(group["actions"]) - 1)
        item: dict[str, Any] = {"frame_valid": wanted == there}
        rng = np.random.default_rng([self.seed, epoch, index])
        for camera in CAMERAS:
            if camera in self.cameras:
                item[camera] = self._pictures(group, camera, there, rng)
        return {
            **item,
            **_states(group, there),
            **self._labels(group, wanted[: self.windows.history]),
            "instruction": self.instructions[demo.file],
            "index": index,
        }

    def close(self) -> None:
        """Closes the files that this process has open."""
        if self._handles.process == os.getpid():
            for file in self._handles.files.values():
                file.close()
        self._handles = _Handles()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handles": _Handles()}

    def _index(self, number: int, path: Path, chosen: range | None) -> None:
        with opened(path) as file:
            data = file["data"]
            self.instructions.append(instruction(path, data.attrs))
            names = demo_names(data)
            for name in names if chosen is None else [n for k, n in enumerate(names) if k in chosen]:
                frames = data[name]["actions"].shape[0] - self.windows.lag
                if not drawn_steps(data[name]).all():
                    raise RecordError(f"{path} has pictures of some steps only (--every): read it by `CachedWindows`")
                if frames > 0:
                    self._demos.append(_Demo(number, name, frames))

    def _place(self, number: int) -> tuple[_Demo, int]:
        if not 0 <= number < len(self):
            raise IndexError(f"item {number} of {len(self)}")
        at = int(np.searchsorted(self._ends, number, side="right"))
        first = int(self._ends[at - 1]) if at else 0
        return self._demos[at], (number - first) * self.windows.stride

    def _file(self, number: int) -> Any:
        if self._handles.process != os.getpid():  # files must not be shared with the process this one was forked from
            self._handles = _Handles(os.getpid())
        files = self._handles.files
        if number not in files:
            files[number] = h5py_module().File(self.files[number], "r")
            if len(files) > OPEN_FILES:
                files.popitem(last=False)[1].close()
        files.move_to_end(number)
        return files[number]

    def _pictures(self, group: Any, camera: str, at: NDArray[Any], rng: np.random.Generator) -> NDArray[np.uint8]:
        frames = flipped(_rows(group["obs"][PICTURES[camera]], at))
        pad = self.shift.get(camera, 0)
        return shifted(frames, pad, rng) if pad else frames

    def _labels(self, group: Any, frames: NDArray[Any]) -> dict[str, NDArray[Any]]:
        wanted = frames[:, None] + self.windows.lag + np.arange(self.windows.future)
        there = np.clip(wanted, 0, len(group["actions"]) - 1)
        valid = (wanted == there) & (frames >= 0)[:, None]
        if self.windows.skip_disturbed and "disturbed" in group:
            valid &= _rows(group["disturbed"], there.ravel()).reshape(there.shape) == 0
        labels = actions_from_file(_rows(group["actions"], there.ravel()))
        return {"actions": labels.reshape(*there.shape, 7), "actions_valid": valid}


class SeededOrder:
    """The order of a dataset's items, another one in each epoch: a sampler for PyTorch's loader.

    It gives (epoch, number), so that loader processes that outlive an epoch know it too.

    Args:
        length: of the dataset.
        seed: of the order.
        epoch: the next one; set it to go on with a training that was stopped.
        groups: the group of each item, int (length,): all groups come equally often in an epoch, the small ones with
            repetitions, the large ones not with all of their items. None for every item once.
    """

    def __init__(self, length: int, seed: int = 0, epoch: int = 0, groups: NDArray[np.int64] | None = None) -> None:
        self._length = length
        self._seed = seed
        self._groups = [] if groups is None else [np.flatnonzero(groups == group) for group in np.unique(groups)]
        self.epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        rng = np.random.default_rng([self._seed, epoch])
        share = -(-self._length // max(1, len(self._groups)))
        chosen = [np.resize(rng.permutation(group), share) for group in self._groups]
        order = rng.permutation(np.concatenate(chosen) if chosen else self._length)[: self._length]
        return iter([(epoch, int(number)) for number in order])


def _states(group: Any, at: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
    low = {name: _rows(group["obs"][name], at) for name in _LOW}
    commands = gripper_commands(actions_from_file(group["actions"][: at.max() + 1]))
    return dict(states_from_file(low, commands[at]))


def _rows(stored: Any, at: NDArray[Any]) -> NDArray[Any]:
    """Rows of a stored array, in any order and with repetitions; what lies between them is read too."""
    first = int(at.min())
    read: NDArray[Any] = stored[first : int(at.max()) + 1][at - first]
    return read
