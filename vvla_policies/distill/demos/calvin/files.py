"""CALVIN demonstrations on the disk: a file for each while its task is under way, a file for each frame in the end.

The frames of a demonstration count only when the annotations name them, and these are replaced in one go: after an
interruption at any moment every demonstration is in a part of its own, or in the annotations.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.demos.calvin.layout import (
    DRAWN,
    FRAME,
    Annotations,
    Segment,
    frame_path,
    parts_of,
    read_annotations,
    write_annotations,
    write_whole,
)
from vvla_policies.errors import RecordError

TOLD = "demo.json"
SUFFIX = ".zip"


@dataclass(frozen=True)
class CalvinDemo:
    """One demonstration.

    Attributes:
        episode: the episode's key as text.
        suite: name.
        task: name.
        instruction: in words.
        frames: name to array (N, ...), see `layout.FRAME`.
        drawn: bool (N,), False where pictures were left out.
        disturbed: bool (N,).
        facts: how it was made.
    """

    episode: str
    suite: str
    task: str
    instruction: str
    frames: Mapping[str, NDArray[Any]]
    drawn: NDArray[np.bool_]
    disturbed: NDArray[np.bool_]
    facts: Mapping[str, Any]


def write_part(path: Path, demo: CalvinDemo) -> None:
    """Writes a file with one demonstration: each frame as it will stand in the folder; returns when it is on the disk.

    Raises:
        RecordError: it cannot be written.
    """
    told = {
        "episode": demo.episode,
        "suite": demo.suite,
        "task": demo.task,
        "instruction": demo.instruction,
        "disturbed": np.flatnonzero(demo.disturbed).tolist(),
        "facts": json.dumps(demo.facts),
    }
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(TOLD, json.dumps(told))
        for k in range(len(demo.frames["actions"])):
            frame, stored = io.BytesIO(), {name: demo.frames[name][k].astype(kind) for name, kind in FRAME.items()}
            stored |= {} if demo.drawn[k] else {DRAWN: np.array(False)}
            np.savez_compressed(frame, **stored)
            archive.writestr(f"{k:05d}.npz", frame.getvalue())
    write_whole(path, whole.getvalue())


def assemble(split: Path, parts: Sequence[Path]) -> None:
    """Puts demonstrations into a split's folder, beside those that are there, then removes the parts.

    Args:
        split: the folder.
        parts: files with one demonstration each.

    Raises:
        RecordError: a file is damaged or cannot be written.
    """
    there = read_annotations(split)
    segments, facts = list(there.segments), dict(there.facts)
    known, number = {segment.episode for segment in segments}, there.next_frame
    for part in parts:
        told, frames = _read_part(part)
        if told["episode"] in known:
            continue
        _write_frames(split, number, frames)
        pushed = [number + k for k in told["disturbed"]]
        for first, last in parts_of(number, len(frames)):
            inside = tuple(k for k in pushed if first <= k <= last)
            segments.append(Segment(first, last, told["instruction"], told["task"], told["episode"], inside))
        facts[told["suite"]] = told["facts"]
        number += len(frames)
    if len(segments) > len(there.segments):
        os.sync()  # all frames at once, before the annotations name them: one by one takes 16 ms each
        whole = [(demo[0].first, demo[-1].last) for demo in demonstrations(segments)]
        write_annotations(split, Annotations(tuple(segments), facts), whole)
    for part in parts:
        part.unlink(missing_ok=True)


def demonstrations(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments that follow one another in the same episode of ours, together; others by themselves."""
    numbered = enumerate(segments)
    groups = groupby(numbered, key=lambda pair: (pair[1].episode, -1 if pair[1].episode else pair[0]))
    return [[segment for _, segment in group] for _, group in groups]


def _write_frames(split: Path, first: int, frames: Sequence[bytes]) -> None:
    try:
        split.mkdir(parents=True, exist_ok=True)
        for k, frame in enumerate(frames):
            frame_path(split, first + k).write_bytes(frame)
    except OSError as error:
        raise RecordError(f"cannot write {split}: {error.strerror}; free space or choose another --out") from error


def _read_part(path: Path) -> tuple[dict[str, Any], list[bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name != TOLD)
            return json.loads(archive.read(TOLD)), [archive.read(name) for name in names]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise RecordError(
            f"{path} cannot be read as a demonstration: {error}; remove it to have it made again"
        ) from error
