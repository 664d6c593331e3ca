"""Writing the whole primitive asset folder."""

from __future__ import annotations

from pathlib import Path

from .catalogue import CATALOGUE


def build(folder: Path) -> None:
    """Write every primitive asset under `folder` (made if absent), at the relative paths LIBERO opens.

    Takes a few seconds, needs no network, and gives the same bytes every time.
    """
    for path, make in CATALOGUE.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        for name, content in make().items():
            (target.parent / name).parent.mkdir(parents=True, exist_ok=True)
            (target.parent / name).write_bytes(content)
