"""Numbers that papers report (`results/published.yaml`), read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

from vvla_policies.errors import MissingExtraError, RecordError

CELLS = {"libero": 4, "calvin_abc_d": 5}
MEANS = {"libero": "average", "calvin_abc_d": "length"}
STATUSES = ("own paper", "third party", "official page", "project page")
KNOWN = {"method", "arxiv", "cells", "average", "length", "status", "source", "data", "differs", "flag", "note"}
ROUNDING = {"libero": 0.1, "calvin_abc_d": 0.0075}
"""How far a printed mean may be from that of the printed cells, both rounded."""


@dataclass(frozen=True)
class Published:
    """One row that a paper reports.

    Attributes:
        benchmark: "libero" or "calvin_abc_d".
        method: its name.
        arxiv: id of its paper, "" if it was not seen.
        cells: percent; LIBERO: Spatial, Object, Goal, Long; CALVIN: chains with at least 1 to 5 subtasks done.
        mean: as printed; LIBERO: percent, CALVIN: average length; None where none is printed.
        status: one of `STATUSES`.
        source: where the number was read.
        data: what it was trained on, where that sets it apart.
        differs: why the row does not compare with others.
        flag: why the mean does not follow from the cells.
        note: what else to know.
    """

    benchmark: str
    method: str
    arxiv: str
    cells: tuple[float | None, ...]
    mean: float | None
    status: str
    source: str
    data: str = ""
    differs: tuple[str, ...] = ()
    flag: str = ""
    note: str = ""

    @property
    def mean_of_cells(self) -> float | None:
        """What the cells come to; None if one is missing."""
        known = [cell for cell in self.cells if cell is not None]
        if len(known) < len(self.cells):
            return None
        return sum(known) / (4 if self.benchmark == "libero" else 100)

    @property
    def consistent(self) -> bool:
        """Whether the printed mean is that of the cells, within rounding; True where either is missing."""
        if self.mean is None or self.mean_of_cells is None:
            return True
        return isclose(self.mean, self.mean_of_cells, rel_tol=0, abs_tol=ROUNDING[self.benchmark] + 1e-9)


def load_published(path: Path) -> list[Published]:
    """Reads the file; rows keep its order.

    Raises:
        MissingExtraError: PyYAML is not installed.
        RecordError: the file is absent or says something that is not understood.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("report", "PyYAML") from error
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RecordError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict) or set(data) - set(CELLS):
        raise RecordError(f"{path}: expected the benchmarks {', '.join(CELLS)}")
    return [_row(path, benchmark, row) for benchmark, rows in data.items() for row in rows]


def _row(path: Path, benchmark: str, row: Mapping[str, Any]) -> Published:
    where = f"{path}: {benchmark}: {row.get('method', row)}"
    unknown = set(row) - KNOWN
    if unknown:
        raise RecordError(f"{where}: unknown field '{min(unknown)}'")
    try:
        found = Published(
            benchmark=benchmark,
            method=row["method"],
            arxiv=_arxiv(row["arxiv"]),
            cells=_numbers(row["cells"]),
            mean=row[MEANS[benchmark]],
            status=row["status"],
            source=row["source"],
            data=row.get("data", ""),
            differs=tuple(row.get("differs", ())),
            flag=row.get("flag", ""),
            note=row.get("note", ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{where}: {type(error).__name__} {error}") from error
    _check(where, found)
    return found


def _check(where: str, row: Published) -> None:
    if len(row.cells) != CELLS[row.benchmark]:
        raise RecordError(f"{where}: expected {CELLS[row.benchmark]} cells, got {len(row.cells)}")
    if row.status not in STATUSES:
        raise RecordError(f"{where}: status '{row.status}' is none of {', '.join(STATUSES)}")
    if row.consistent == bool(row.flag):
        mean = row.mean_of_cells
        told = (
            "a flag, though its mean follows from the cells" if row.flag else f"{row.mean}, but the cells give {mean}"
        )
        raise RecordError(f"{where}: has {told}; mend the numbers or the flag")


def _arxiv(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError("arxiv: put the id in quotes, YAML takes it for a number")
    return value


def _numbers(cells: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(None if cell is None else float(cell) for cell in cells)
