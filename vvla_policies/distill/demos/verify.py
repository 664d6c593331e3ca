"""Do the recorded actions, from the recorded start, lead through the recorded states again, to success?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vvla_policies.distill.demos.calvin import verify as calvin
from vvla_policies.distill.demos.findings import Verified
from vvla_policies.distill.demos.inspection import is_calvin
from vvla_policies.distill.demos.libero import verify as libero


def verify(path: Path, most: int | None = None) -> Iterator[Verified]:
    """Runs the demonstrations of a file again, drawing nothing.

    Args:
        path: a file that `collect` made; for CALVIN the annotations.
        most: only so many of each task.

    Raises:
        RecordError: the file was made otherwise, or with other assets than those here.
    """
    return (calvin if is_calvin(path) else libero).verify(path, most)
