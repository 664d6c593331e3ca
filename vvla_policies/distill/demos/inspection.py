"""What files of demonstrations hold: a row per file, and a contact sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vvla_policies.distill.conversions import PICTURES, flipped
from vvla_policies.distill.demos import calvin_inspection
from vvla_policies.distill.demos.calvin_layout import ANNOTATIONS, VALIDATION
from vvla_policies.distill.demos.files import opened
from vvla_policies.distill.demos.findings import Contents
from vvla_policies.distill.demos.layout import FACTS, SUFFIX
from vvla_policies.errors import RecordError

if TYPE_CHECKING:
    from PIL import Image

SHEET_ROWS = 25
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


def contents(path: Path) -> Contents:
    """Looks into a file.

    Raises:
        RecordError: it is no file of demonstrations.
    """
    with opened(path) as file:
        data = file["data"]
        names = demo_names(data)
        if not names:
            raise RecordError(f"{path} holds no demonstrations")
        steps = tuple(int(data[name]["actions"].shape[0]) for name in names)
        pushed = [data[name]["disturbed"][()].mean() for name in names if "disturbed" in data[name]]
        shape = data[names[0]]["obs"][PICTURES["image"]].shape
        return Contents(
            path=path,
            instruction=instruction(path, data.attrs),
            steps=steps,
            size=(shape[1], shape[2]),
            disturbed=float(np.average(pushed, weights=steps)) if len(pushed) == len(steps) else None,
            made=json.loads(data.attrs.get(FACTS, "{}")),
            bytes=path.stat().st_size,
        )


def survey(path: Path) -> list[Contents]:
    """Looks into what `find_files` found: a LIBERO file, which is one task's, or the tasks of a CALVIN folder.

    Raises:
        RecordError: it is neither.
    """
    return calvin_inspection.survey(path) if path.name == Path(ANNOTATIONS).name else [contents(path)]


def demo_names(data: Any) -> list[str]:
    """The groups of a file's demonstrations, in the order of their numbers."""
    return sorted((name for name in data if name.startswith("demo_")), key=lambda name: int(name[5:]))


def instruction(path: Path, attributes: Any) -> str:
    """The instruction that evaluation gives for the file's task.

    Args:
        path: of the file; "<task>_demo.hdf5", as LIBERO names them, tells the task.
        attributes: of `data`; what they say counts only where the name does not tell.
    """
    from vvla_policies.envs.libero.suites import instruction_of

    made = json.loads(attributes.get(FACTS, "{}"))
    if "instruction" in made:
        return str(made["instruction"])
    if path.name.endswith(SUFFIX) and "_" in path.name.removesuffix(SUFFIX):
        return instruction_of(path.name.removesuffix(SUFFIX))
    told = json.loads(attributes.get("problem_info", "{}")).get("language_instruction", "")
    return "".join(told).strip().strip('"')


def contact_sheet(path: Path, title: str = "") -> Image.Image:
    """A row for each of the file's first demonstrations (CALVIN: tasks): pictures from the first to the last step.

    Raises:
        RecordError: it is no file of demonstrations.
    """
    from vvla_policies.evaluation.reports import captions

    if path.name == Path(ANNOTATIONS).name:
        return captions.contact_sheet(title or path.parents[1].name, calvin_inspection.sheet_rows(path, COLUMNS))
    with opened(path) as file:
        data = file["data"]
        told = instruction(path, data.attrs)
        rows = []
        for name in demo_names(data)[:SHEET_ROWS]:
            count = data[name]["actions"].shape[0]
            at = np.linspace(0, count - 1, COLUMNS).round().astype(int)
            shown = [flipped(data[name]["obs"][PICTURES["image"]][k]) for k in at]
            shown.append(flipped(data[name]["obs"][PICTURES["wrist_image"]][at[COLUMNS // 2]]))
            rows.append((shown, captions.Caption(told, f"{path.parent.name}/{name}, {count} steps", "")))
    return captions.contact_sheet(title or path.name.removesuffix(SUFFIX), rows)
