"""What a file of LIBERO's layout holds, and pictures of its first demonstrations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.demos.conversions import PICTURES, flipped
from vvla_policies.distill.demos.findings import Contents
from vvla_policies.distill.demos.libero.files import opened
from vvla_policies.distill.demos.libero.layout import FACTS, SUFFIX, drawn_steps
from vvla_policies.errors import RecordError

if TYPE_CHECKING:
    from vvla_policies.evaluation.reports import captions

SHEET_ROWS = 25


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


def sheet_rows(path: Path, columns: int) -> list[tuple[list[NDArray[np.uint8]], captions.Caption]]:
    """For each of the first demonstrations pictures from the first to the last step, and the wrist's from its middle.

    Args:
        path: of the file.
        columns: third-person pictures.
    """
    from vvla_policies.evaluation.reports import captions

    with opened(path) as file:
        data, rows = file["data"], []
        told = instruction(path, data.attrs)
        for name in demo_names(data)[:SHEET_ROWS]:
            count, there = data[name]["actions"].shape[0], np.flatnonzero(drawn_steps(data[name]))
            at = there[np.linspace(0, len(there) - 1, columns).round().astype(int)]
            shown = [flipped(data[name]["obs"][PICTURES["image"]][k]) for k in at]
            shown.append(flipped(data[name]["obs"][PICTURES["wrist_image"]][at[columns // 2]]))
            rows.append((shown, captions.Caption(told, f"{path.parent.name}/{name}, {count} steps", "")))
    return rows
