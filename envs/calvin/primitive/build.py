"""Writing the whole primitive asset folder."""

from __future__ import annotations

import os
from pathlib import Path

from .robot import robot
from .table import TABLES, table
from .things import blocks, floor


def build(folder: Path) -> None:
    """Writes every primitive asset under `folder` (made if absent), where the official ones are.

    Takes a second, needs no network, and gives the same bytes every time.
    """
    models = {f"calvin_table_{name}/urdf": table(name) for name in TABLES}
    models |= {"blocks": blocks(), "plane": floor(), "franka_panda": robot()}
    for place, files in models.items():
        for name, content in files.items():
            target = Path(os.path.normpath(folder / place / name))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
