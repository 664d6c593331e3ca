"""What training reads, whatever the layout: demonstrations of one instruction, from a LIBERO file or a CALVIN folder.

`sources(path)` knows by a path's name which layout it is; a further one is another class, and a line in `LAYOUTS`.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.demos.calvin import layout as calvin_layout
from vvla_policies.distill.demos.calvin.files import demonstrations
from vvla_policies.distill.demos.calvin.layout import Segment, frame_path, read_annotations, scene_of
from vvla_policies.distill.demos.conversions import (
    PICTURES,
    actions_from_calvin,
    actions_from_file,
    flipped,
    gripper_commands,
    states_from_file,
    states_from_robot_obs,
)
from vvla_policies.distill.demos.libero.files import opened
from vvla_policies.distill.demos.libero.inspection import demo_names, instruction
from vvla_policies.distill.demos.libero.layout import FACTS, SUFFIX, drawn_steps
from vvla_policies.distill.lessons import calvin as calvin_lessons
from vvla_policies.distill.lessons import libero as libero_lessons
from vvla_policies.distill.lessons.truths import Truths
from vvla_policies.errors import RecordError
from vvla_policies.observation import CAMERAS

Arrays = dict[str, NDArray[Any]]
FORMAT = 2
_LOW = ("ee_pos", "ee_ori", "gripper_states", "joint_states")


@dataclass(frozen=True)
class Index:
    """What a source holds, without its frames.

    Attributes:
        demos: names of its demonstrations, in order.
        instruction: of all of them.
        shapes: the different shapes of pictures.
        facts: how it was made, {} for official data.
    """

    demos: tuple[str, ...]
    instruction: str
    shapes: frozenset[tuple[int, ...]]
    facts: dict[str, Any]


class Source(ABC):
    """Demonstrations of one instruction.

    Attributes:
        benchmark: "libero" or "calvin".
        delay: actions that lie before the first frame's own: 1 where a frame was seen after the action beside it.
        path: tells it from all others.
    """

    benchmark: ClassVar[str]
    delay: ClassVar[int]
    path: Path

    @abstractmethod
    def key(self) -> str:
        """A name for a folder, which changes when the demonstrations do."""

    @abstractmethod
    def index(self) -> Index:
        """What it holds."""

    @abstractmethod
    def numbers(self, demo: str) -> Arrays:
        """The state keys of an `Observation`, "actions" (N, 7), gripper +1 open, "disturbed" and "drawn" (N,)."""

    @abstractmethod
    def truths(self, demos: Sequence[str]) -> Truths:
        """What the simulator knows about the frames of some demonstrations, one after the other.

        Raises:
            RecordError: their task, scene or frames cannot be told.
            AssetsError: the assets that they were made with are not here.
        """

    @abstractmethod
    def pictures(self, demo: str, camera: str) -> NDArray[np.uint8]:
        """A camera's pictures, upright: uint8 (N, H, W, 3), of all steps."""


@dataclass(frozen=True)
class LiberoFile(Source):
    """A file in LIBERO's layout, which is of one task."""

    path: Path
    benchmark = "libero"
    delay = 1

    def key(self) -> str:
        """By the file's name, size and time of change."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise RecordError(f"{self.path} cannot be read as a file of demonstrations: {error.strerror}") from error
        return _key(self.path.name.removesuffix(SUFFIX), f"{self.path.name} {found.st_size} {found.st_mtime_ns}")

    def index(self) -> Index:
        """From the groups and attributes of the file."""
        with opened(self.path) as file:
            data = file["data"]
            demos = [name for name in demo_names(data) if data[name]["actions"].shape[0] > 0]
            shapes = {data[name]["obs"][PICTURES[camera]].shape[1:] for name in demos for camera in CAMERAS}
            told, facts = instruction(self.path, data.attrs), json.loads(data.attrs.get(FACTS, "{}"))
        return Index(tuple(demos), told, frozenset(shapes), facts)

    def numbers(self, demo: str) -> Arrays:
        """See `Source.numbers`."""
        with opened(self.path) as file:
            group = file["data"][demo]
            actions = actions_from_file(group["actions"][()])
            states = states_from_file({name: group["obs"][name][()] for name in _LOW}, gripper_commands(actions))
            disturbed = group["disturbed"][()] != 0 if "disturbed" in group else np.zeros(len(actions), dtype=bool)
            drawn = drawn_steps(group)
        return {**states, "actions": actions, "disturbed": disturbed, "drawn": drawn}

    def pictures(self, demo: str, camera: str) -> NDArray[np.uint8]:
        """See `Source.pictures`."""
        with opened(self.path) as file:
            return flipped(file["data"][demo]["obs"][PICTURES[camera]][()])

    def truths(self, demos: Sequence[str]) -> Truths:
        """See `Source.truths`."""
        return libero_lessons.read_truths(self.path, demos)


@dataclass(frozen=True)
class CalvinPhrase(Source):
    """The segments of a CALVIN folder that have one instruction.

    Attributes:
        split: the folder, such as `training`.
        phrase: the instruction.
        segments: demonstration to its segments, in order.
        facts: how they were made.
    """

    split: Path
    phrase: str
    segments: Mapping[str, tuple[Segment, ...]]
    facts: Mapping[str, Any]
    benchmark = "calvin"
    delay = 0

    @property
    def path(self) -> Path:  # type: ignore[override]
        """No file: the folder and the phrase."""
        return self.split / "_".join(self.phrase.split()).replace("/", "_")

    def key(self) -> str:
        """By the frames' numbers, and sizes and times of change of each demonstration's first frame."""
        stamps = []
        for segments in self.segments.values():
            first = frame_path(self.split, segments[0].first)
            try:
                found = first.stat()
            except OSError as error:
                raise _unreadable(first, error) from error
            stamps.append((segments[0].first, segments[-1].last, found.st_size, found.st_mtime_ns))
        return _key(self.path.name, f"calvin {self.phrase} {stamps}")

    def index(self) -> Index:
        """Shapes are those of the first frame."""
        names = tuple(self.segments)
        frame = self._frame(self.segments[names[0]][0].first, calvin_layout.PICTURES.values())
        return Index(names, self.phrase, frozenset(picture.shape for picture in frame), dict(self.facts))

    def numbers(self, demo: str) -> Arrays:
        """See `Source.numbers`."""
        numbers = self._numbers(demo)
        read = [self._frame(k, ("robot_obs", "rel_actions")) for k in numbers]
        pushed = {k for segment in self.segments[demo] for k in segment.disturbed}
        return {
            **states_from_robot_obs(np.stack([robot_obs for robot_obs, _ in read])),
            "actions": actions_from_calvin(np.stack([actions for _, actions in read])),
            "disturbed": np.array([k in pushed for k in numbers]),
            "drawn": np.array([calvin_layout.is_drawn(self.split, k) for k in numbers]),
        }

    def pictures(self, demo: str, camera: str) -> NDArray[np.uint8]:
        """See `Source.pictures`."""
        name = calvin_layout.PICTURES[camera]
        return np.stack([self._frame(k, (name,))[0] for k in self._numbers(demo)])

    def states(self, demo: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """CALVIN's `robot_obs` (N, 15) and `scene_obs` (N, 24)."""
        rows = [self._frame(k, ("robot_obs", "scene_obs")) for k in self._numbers(demo)]
        robot, scene = (np.stack(column).astype(np.float64) for column in zip(*rows, strict=True))
        return robot, scene

    def task(self, demo: str) -> str:
        """A demonstration's task, by its name in CALVIN's files."""
        return self.segments[demo][0].task

    def scene(self, demo: str) -> str:
        """The scene of a demonstration, "A" to "D".

        Raises:
            RecordError: the folder does not say.
        """
        return scene_of(self.split, self.segments[demo][0])

    def truths(self, demos: Sequence[str]) -> Truths:
        """See `Source.truths`."""
        told = (calvin_lessons.Recorded(self.scene(demo), self.task(demo), *self.states(demo)) for demo in demos)
        return calvin_lessons.read_truths(told, self.facts.get("assets", {}).get("name", "auto"))

    def _numbers(self, demo: str) -> list[int]:
        return [k for segment in self.segments[demo] for k in range(segment.first, segment.last + 1)]

    def _frame(self, number: int, names: Any) -> list[NDArray[Any]]:
        path = frame_path(self.split, number)
        try:
            with np.load(path, allow_pickle=False) as frame:
                return [frame[name] for name in names]
        except (OSError, KeyError, ValueError) as error:
            raise _unreadable(path, error) from error


def sources(path: Path) -> list[Source]:
    """All demonstrations at a path.

    Args:
        path: one of `inspection.find_files`.

    Raises:
        RecordError: CALVIN's annotations cannot be read, or hold nothing.
    """
    return next((made(path) for ending, made in LAYOUTS.items() if path.name.endswith(ending)), [LiberoFile(path)])


def _calvin_folder(path: Path) -> list[Source]:
    split = path.parent.parent
    there = read_annotations(split)
    if not there.segments:
        raise RecordError(f"{path} names no demonstrations")
    facts = [json.loads(text) for text in there.facts.values()]
    phrases: dict[str, dict[str, tuple[Segment, ...]]] = {}
    for demo in demonstrations(there.segments):
        name = f"{demo[0].task}_{demo[0].first:07d}"
        phrases.setdefault(demo[0].instruction, {})[name] = tuple(demo)
    return [CalvinPhrase(split, phrase, found, facts[0] if facts else {}) for phrase, found in phrases.items()]


LAYOUTS: dict[str, Callable[[Path], list[Source]]] = {
    calvin_layout.ANNOTATIONS.rpartition("/")[2]: _calvin_folder,
    ".hdf5": lambda path: [LiberoFile(path)],
}
"""Ending of a path's name to what is there."""


def _key(name: str, stamp: str) -> str:
    return f"{name[:80]}-{hashlib.sha256(f'{FORMAT} {stamp}'.encode()).hexdigest()[:12]}"


def _unreadable(path: Path, error: Exception) -> RecordError:
    return RecordError(f"{path} cannot be read as a frame of CALVIN's data: {error}")
