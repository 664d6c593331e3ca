"""What a folder of CALVIN demonstrations holds: a row for each task, and pictures of one demonstration of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.demos.calvin.files import demonstrations
from vvla_policies.distill.demos.calvin.layout import (
    PICTURES,
    Annotations,
    Segment,
    frame_path,
    is_drawn,
    read_annotations,
)
from vvla_policies.distill.demos.findings import Contents
from vvla_policies.errors import RecordError

if TYPE_CHECKING:
    from vvla_policies.evaluation.reports import captions


def survey(path: Path) -> list[Contents]:
    """The tasks of a folder, in alphabetical order.

    Args:
        path: of the annotations.

    Raises:
        RecordError: they cannot be read, or a frame is missing.
    """
    split, there = path.parents[1], read_annotations(path.parents[1])
    made = [json.loads(text) for text in there.facts.values()]
    rows = []
    for task, demos in _by_task(there).items():
        steps = tuple(demo[-1].last + 1 - demo[0].first for demo in demos)
        pushed = sum(len(segment.disturbed) for demo in demos for segment in demo)
        rows.append(
            Contents(
                path=split / task,
                instruction=demos[0][0].instruction,
                steps=steps,
                size=_frame(split, demos[0][0].first)["image"].shape[:2],
                disturbed=pushed / sum(steps) if made else None,
                made=made[0] if made else {},
                bytes=sum(_bytes(split, segment) for demo in demos for segment in demo),
            )
        )
    return rows


def sheet_rows(path: Path, columns: int) -> list[tuple[list[NDArray[np.uint8]], captions.Caption]]:
    """For each task pictures of its first demonstration, and the wrist's from its middle.

    Args:
        path: of the annotations.
        columns: third-person pictures.
    """
    from vvla_policies.evaluation.reports import captions

    split, rows = path.parents[1], []
    for task, demos in _by_task(read_annotations(path.parents[1])).items():
        first, last = demos[0][0].first, demos[0][-1].last
        drawn = [k for k in range(first, last + 1) if is_drawn(split, k)]
        at = np.array(drawn)[np.linspace(0, len(drawn) - 1, columns).round().astype(int)]
        shown = [_frame(split, int(k))["image"] for k in at]
        shown.append(_frame(split, int(at[columns // 2]))["wrist_image"])
        rows.append((shown, captions.Caption(demos[0][0].instruction, f"{task}, {last + 1 - first} steps", "")))
    return rows


def _by_task(there: Annotations) -> dict[str, list[list[Segment]]]:
    tasks: dict[str, list[list[Segment]]] = {}
    for demo in demonstrations(there.segments):
        tasks.setdefault(demo[0].task, []).append(demo)
    return dict(sorted(tasks.items()))


def _bytes(split: Path, segment: Segment) -> int:
    paths = (frame_path(split, k) for k in range(segment.first, segment.last + 1))
    return sum(path.stat().st_size for path in paths if path.exists())


def _frame(split: Path, number: int) -> dict[str, NDArray[Any]]:
    path = frame_path(split, number)
    try:
        with np.load(path, allow_pickle=False) as frame:
            return {camera: frame[name] for camera, name in PICTURES.items()}
    except (OSError, KeyError, ValueError) as error:
        raise RecordError(f"{path} cannot be read as a frame of CALVIN's data: {error}") from error
