"""Where demonstrations are while their task is under way: a file for each episode, beside the run's records."""

from __future__ import annotations

from pathlib import Path

from vvla_policies.evaluation.records.keys import EpisodeKey

EPISODES = "episodes"
"""The folder of the run's records, below that of the demonstrations."""
PARTS = "parts"


def part_path(folder: Path, key: EpisodeKey, suffix: str = ".hdf5") -> Path:
    """Where the demonstration of an episode is until its task is done.

    Args:
        folder: of the run's records.
        key: of the episode.
        suffix: of the file.
    """
    return folder / PARTS / f"{key}{suffix}"


def parts_of_task(folder: Path, suite: str, task: int, suffix: str = ".hdf5") -> list[Path]:
    """The demonstrations of a task that are under way.

    Args:
        folder: of the run's records.
        suite: name.
        task: number.
        suffix: of the files.
    """
    example = part_path(folder, EpisodeKey(suite, task, 0, 0), suffix)
    return sorted(example.parent.glob(f"{example.stem.rsplit('-', 2)[0]}-*{suffix}"))
