"""What stands where in a folder of CALVIN demonstrations: the benchmark's own layout (github mees/calvin, dataset/).

| file below `training/` | holds |
|---|---|
| `episode_<7 digits>.npz` | one frame, and the action that was chosen when it was seen; see `FRAME` |
| `ep_start_end_ids.npy` | int64 (n, 2): first and last frame of each stretch that was recorded in one go |
| `scene_info.npy` | of official data: which frames are of which scene |
| `lang_annotations/auto_lang_ann.npy` | which frames show which task; see `Annotations` |

Frames are what was seen *before* their action. Annotated segments have at most 64 frames, as in the official data; a
longer demonstration of ours has several of about the same length, one after the other.
"""

from __future__ import annotations

import io
import os
import pickle
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import RecordError

SPLIT, VALIDATION = "training", "validation"
STRETCHES = "ep_start_end_ids.npy"
SCENES = "scene_info.npy"
ANNOTATIONS = "lang_annotations/auto_lang_ann.npy"
LONGEST = 64
PICTURES = {"image": "rgb_static", "wrist_image": "rgb_gripper"}
"""Observation key to the name in a frame's file."""

FRAME: dict[str, Any] = {
    "rgb_static": np.uint8,
    "rgb_gripper": np.uint8,
    "robot_obs": np.float64,
    "scene_obs": np.float64,
    "actions": np.float32,
    "rel_actions": np.float32,
}
"""Arrays of a frame: pictures (200, 200, 3) and (84, 84, 3), upright; `robot_obs` (15,), `scene_obs` (24,); `actions`
(7,), where the tool is to go (m, rad, world frame); `rel_actions` (7,) in [-1, 1]; gripper +1 open, -1 close."""

DRAWN = "drawn"
"""Of ours, in frames that have black pictures because none were drawn (`--every`): False, bool ()."""

_OURS = "vvla"


@dataclass(frozen=True)
class Segment:
    """Frames that show a task.

    Attributes:
        first: number of its first frame.
        last: number of its last frame.
        instruction: a phrase.
        task: its name in CALVIN's files.
        episode: of ours, the episode's key; "" otherwise.
        disturbed: of ours, the frames whose action is not the expert's own.
    """

    first: int
    last: int
    instruction: str
    task: str
    episode: str = ""
    disturbed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Annotations:
    """All segments of a split.

    Attributes:
        segments: in the file's order.
        facts: of ours, suite to a JSON text on how its demonstrations were made.
    """

    segments: tuple[Segment, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def next_frame(self) -> int:
        """The first number that no segment uses."""
        return max((segment.last + 1 for segment in self.segments), default=0)


def frame_path(split: Path, number: int) -> Path:
    """The file of a frame."""
    return split / f"episode_{number:07d}.npz"


def is_drawn(split: Path, number: int) -> bool:
    """Whether a frame has pictures, see `DRAWN`.

    Raises:
        RecordError: it cannot be read.
    """
    path = frame_path(split, number)
    try:
        with np.load(path, allow_pickle=False) as frame:
            return DRAWN not in frame
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read as a frame of CALVIN's data: {error}") from error


def parts_of(first: int, count: int) -> list[tuple[int, int]]:
    """The frames of a demonstration as segments of at most `LONGEST`.

    >>> parts_of(100, 70)
    [(100, 134), (135, 169)]
    """
    ends = np.array_split(np.arange(first, first + count), -(-count // LONGEST))
    return [(int(part[0]), int(part[-1])) for part in ends]


def read_annotations(split: Path) -> Annotations:
    """The annotations of a split; none if it has no file of them.

    Raises:
        RecordError: the file is damaged, or holds more than plain data.
    """
    path = split / ANNOTATIONS
    if not path.exists():
        return Annotations()
    try:
        told = _load(path)
        language, info, ours = told["language"], told["info"], told.get(_OURS, {})
        spans = [(int(first), int(last)) for first, last in info["indx"]]
        phrases, tasks = list(map(str, language["ann"])), list(map(str, language["task"]))
        episodes = ours.get("episodes", [""] * len(spans))
        pushed = ours.get("disturbed", [()] * len(spans))
        rows = zip(spans, phrases, tasks, episodes, pushed, strict=True)
        segments = tuple(Segment(*span, phrase, task, key, tuple(at)) for span, phrase, task, key, at in rows)
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        raise RecordError(f"{path} cannot be read as CALVIN's annotations: {error}") from error
    return Annotations(segments, dict(ours.get("facts", {})))


def scene_of(split: Path, segment: Segment) -> str:
    """The scene of a segment, "A" to "D": ours name it in the episode, the official data in a file of its own.

    Raises:
        RecordError: neither does.
    """
    if segment.episode:
        return segment.episode.rsplit("-", 3)[0][-1].upper()
    path = split / SCENES
    try:
        for name, (first, last) in _load(path).items():
            if first <= segment.first <= last:
                return str(name)[-1]
    except (OSError, ValueError, TypeError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        raise RecordError(f"{path} does not say which scenes the frames are of: {error}") from error
    raise RecordError(f"{path} does not say which scene frame {segment.first} is of")


def write_annotations(split: Path, annotations: Annotations, stretches: Sequence[tuple[int, int]]) -> None:
    """Writes both indices of a split, each in one go; the annotations, which count, last.

    Args:
        split: the folder.
        annotations: all of them.
        stretches: first and last frames of what was recorded in one go.
    """
    segments = annotations.segments
    told = {
        "language": {"ann": [s.instruction for s in segments], "task": [s.task for s in segments]},
        "info": {"episodes": [], "indx": [(s.first, s.last) for s in segments]},
        _OURS: {
            "episodes": [s.episode for s in segments],
            "disturbed": [s.disturbed for s in segments],
            "facts": dict(annotations.facts),
        },
    }
    buffer = io.BytesIO()
    np.save(buffer, np.array(stretches, dtype=np.int64).reshape(-1, 2))
    write_whole(split / STRETCHES, buffer.getvalue())
    write_whole(split / ANNOTATIONS, _pickled(told))


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name, and moves it into place when it is on the disk.

    Raises:
        RecordError: it cannot be written.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=".", suffix=".tmp", dir=path.parent, delete=False) as file:
            temporary = file.name
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        raise RecordError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another --out"
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _pickled(told: Mapping[str, Any]) -> bytes:
    """A dictionary as `numpy.save` writes one, so that numpy 1 reads it too."""
    buffer = io.BytesIO()
    head = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(buffer, head)
    content = pickle.dumps(np.array(told, dtype=object), protocol=3)
    return buffer.getvalue() + content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def _load(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(file)
        if shape != () or kind != np.dtype(object):
            raise ValueError("it holds no dictionary")
        told: NDArray[Any] = _PlainUnpickler(file).load()
    return dict(told.item())


class _PlainUnpickler(pickle.Unpickler):
    """Knows how to make plain data and numpy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        from _codecs import encode

        from numpy._core import multiarray

        known = {"_reconstruct": multiarray._reconstruct, "scalar": multiarray.scalar}  # noqa: SLF001
        allowed = {
            **{(f"numpy.{core}.multiarray", key): value for core in ("core", "_core") for key, value in known.items()},
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): encode,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it may hold plain data only, not {module}.{name}")
        return allowed[module, name]
