"""What demonstrations there are: their files, a row for each, and a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vvla_policies.distill.demos.calvin import inspection as calvin
from vvla_policies.distill.demos.calvin.layout import ANNOTATIONS, VALIDATION
from vvla_policies.distill.demos.findings import Contents
from vvla_policies.distill.demos.libero import inspection as libero
from vvla_policies.distill.demos.libero.layout import SUFFIX
from vvla_policies.errors import RecordError

if TYPE_CHECKING:
    from PIL import Image

COLUMNS = 4


def find_files(path: Path) -> list[Path]:
    """The files of demonstrations at a path: itself, or all below a folder, sorted.

    CALVIN's are the annotations of its splits; one named `validation` is left out, unless the path lies in it.

    Raises:
        RecordError: there are none.
    """
    if path.is_file():
        return [path]
    found = sorted(p for p in path.rglob(f"*{SUFFIX}") if not p.name.startswith("."))
    found += sorted(p for p in path.rglob(ANNOTATIONS) if VALIDATION not in p.relative_to(path).parts)
    if not found:
        raise RecordError(f"there are no demonstrations (*{SUFFIX} or {ANNOTATIONS}) in {path}")
    return found


def is_calvin(path: Path) -> bool:
    """Whether a file that `find_files` found is CALVIN's annotations, rather than one of LIBERO's."""
    return path.name == Path(ANNOTATIONS).name


def survey(path: Path) -> list[Contents]:
    """Looks into what `find_files` found: a LIBERO file, which is one task's, or the tasks of a CALVIN folder.

    Raises:
        RecordError: it is neither.
    """
    return calvin.survey(path) if is_calvin(path) else [libero.contents(path)]


def contact_sheet(path: Path, title: str = "") -> Image.Image:
    """A row for each of the file's first demonstrations (CALVIN: tasks): pictures from the first to the last step.

    Raises:
        RecordError: it is no file of demonstrations.
    """
    from vvla_policies.evaluation.reports import captions

    if is_calvin(path):
        return captions.contact_sheet(title or path.parents[1].name, calvin.sheet_rows(path, COLUMNS))
    return captions.contact_sheet(title or path.name.removesuffix(SUFFIX), libero.sheet_rows(path, COLUMNS))
