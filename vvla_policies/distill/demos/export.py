"""Demonstrations in other projects' layouts, written by those projects' own code in environments of their own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vvla_policies.baselines.isolated import SERVERS, foreign_environment, interpreter
from vvla_policies.distill.demos.inspection import find_files
from vvla_policies.distill.demos.libero.files import opened
from vvla_policies.distill.demos.libero.inspection import demo_names, instruction
from vvla_policies.distill.demos.libero.layout import drawn_steps
from vvla_policies.errors import RecordError


def export_lerobot(
    path: Path,
    out: Path,
    per_file: int | None,
    python: str | None,
    say: Callable[[str], None],
    size: int | None = None,
) -> int:
    """Writes a LeRobot data set (github.com/huggingface/lerobot).

    Pictures turned by 180 degrees and the state (8,) with axis-angle, under the names of LeRobot's own LIBERO data;
    each frame with the action that was chosen when it was seen; gripper in robosuite's sign.

    Args:
        path: a file of demonstrations or a folder of such files.
        out: a folder that does not exist yet.
        per_file: at most so many of each file; None for all.
        python: interpreter of an environment with lerobot; None to have uv make one.
        say: hears what LeRobot's side prints.
        size: height and width of the pictures, px; None for the files' own.

    Returns:
        How many demonstrations were written.

    Raises:
        RecordError: no demonstrations, the folder exists, or LeRobot's code failed.
    """
    if out.exists():
        raise RecordError(f"{out} exists; LeRobot writes into a new folder only")
    plan = [_entry(file, per_file) for file in find_files(path)]
    with tempfile.TemporaryDirectory() as folder:
        paper = Path(folder) / "plan.json"
        paper.write_text(json.dumps(plan))
        script = str(SERVERS / "export_lerobot.py")
        command = [*interpreter("vvla demos export", python), script, str(paper), "--out", str(out)]
        _run(command + (["--size", str(size)] if size else []), say)
    return sum(len(entry["demos"]) for entry in plan)


def _entry(file: Path, per_file: int | None) -> dict[str, Any]:
    with opened(file) as demos:
        names = demo_names(demos["data"])[:per_file]
        if not all(drawn_steps(demos["data"][name]).all() for name in names):
            raise RecordError(f"{file} has pictures of some steps only (--every); LeRobot's layout needs all")
        return {"path": str(file.resolve()), "demos": names, "instruction": instruction(file, demos["data"].attrs)}


def _run(command: list[str], say: Callable[[str], None]) -> None:
    last = ""
    try:
        child = subprocess.Popen(  # noqa: S603 - our own script, by the interpreter that the user named
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=foreign_environment()
        )
    except OSError as error:
        raise RecordError(f"cannot start {command[0]}: {error.strerror}") from error
    with child:
        assert child.stdout is not None
        for line in child.stdout:
            last = line.strip() or last
            if "demonstrations: " in line:
                say(line.strip())
    if child.returncode:
        raise RecordError(f"LeRobot's code ended with: {last}")
