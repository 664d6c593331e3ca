"""Files of demonstrations: one per episode while a task is under way, one per task in the end, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vvla_policies.distill.demos.libero.layout import EPISODE, Demo, count_up, h5py_module, write_demo
from vvla_policies.errors import RecordError


def write_part(path: Path, demo: Demo, attributes: Mapping[str, Any]) -> None:
    """Writes a file with one demonstration; returns when it is on the disk.

    Args:
        path: the file.
        demo: the demonstration.
        attributes: of `data`.
    """
    with _replacing(path) as file:
        data = file.create_group("data")
        data.attrs.update(attributes)
        write_demo(data.create_group("demo_0"), demo)
        count_up(data)


def episodes_in(path: Path) -> dict[str, str]:
    """Episode key as text to group name ("demo_3") of the demonstrations in a file; {} if there is no file.

    Raises:
        RecordError: the file is damaged.
    """
    if not path.exists():
        return {}
    with opened(path) as file:
        data = file["data"]
        return {str(data[name].attrs.get(EPISODE, name)): name for name in data}


def assemble(target: Path, parts: Sequence[Path]) -> int:
    """Puts demonstrations of one task into its file, beside those that are there, then removes the parts.

    Demonstrations are numbered in the order of their episodes. The file is replaced in one go; if anything goes wrong,
    the old file and the parts stay.

    Args:
        target: the task's file.
        parts: files with one demonstration each.

    Returns:
        How many demonstrations the file holds now.

    Raises:
        RecordError: a file is damaged or cannot be written.
    """
    there = episodes_in(target)
    sources = {episode: (target, name) for episode, name in there.items()}
    for part in parts:
        sources |= {episode: (part, name) for episode, name in episodes_in(part).items() if episode not in there}
    if len(sources) > len(there):
        with _replacing(target) as file, contextlib.ExitStack() as stack:
            inputs = {path: stack.enter_context(opened(path)) for path in dict.fromkeys(p for p, _ in sources.values())}
            data = file.create_group("data")
            data.attrs.update(next(iter(inputs.values()))["data"].attrs)
            for number, episode in enumerate(sorted(sources, key=_order)):
                path, name = sources[episode]
                inputs[path].copy(f"data/{name}", data, f"demo_{number}")
            count_up(data)
    for part in parts:
        part.unlink(missing_ok=True)
    return len(sources)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The HDF5 file, for reading.

    Raises:
        RecordError: it cannot be read, or is no file of demonstrations.
    """
    try:
        file = h5py_module().File(path, "r")
    except OSError as error:
        raise RecordError(f"{path} cannot be read as a file of demonstrations: {error}") from error
    with file:
        if "data" not in file:
            raise RecordError(f"{path} is no file of demonstrations: it has no group 'data'")
        yield file


def _order(episode: str) -> tuple[int, ...]:
    """Seed before initial state: the order in which attempts are made.

    >>> sorted(["s-t00-i10-s0", "s-t00-i02-s0", "s-t00-i01-s1"], key=_order)
    ['s-t00-i02-s0', 's-t00-i10-s0', 's-t00-i01-s1']
    """
    numbers = [int(part[1:]) for part in episode.rsplit("-", 2)[1:] if part[1:].isdigit()]
    return tuple(reversed(numbers))


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Any]:
    """A new HDF5 file under a temporary name, moved into place when it is whole and on the disk."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py_module().File(temporary, "w") as file:
            yield file
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError as error:
        raise RecordError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another --out"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
