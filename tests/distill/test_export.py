"""Demonstrations for LeRobot: what is asked of its environment, and what goes wrong."""

import json
import sys

import numpy as np
import pytest

from vvla_policies.distill.demos.export import export_lerobot
from vvla_policies.errors import RecordError

h5py = pytest.importorskip("h5py")


@pytest.fixture
def demos(tmp_path):
    for task, count in (("open_the_door", 3), ("close_the_door", 1)):
        with h5py.File(tmp_path / f"{task}_demo.hdf5", "w") as file:
            data = file.create_group("data")
            data.attrs["vvla"] = json.dumps({"instruction": task.replace("_", " ")})
            for k in range(count):
                data.create_group(f"demo_{k}")["actions"] = np.zeros((4, 7))
    return tmp_path


@pytest.fixture
def recorder(tmp_path):
    """In place of an interpreter: keeps plan and arguments and says what LeRobot's side would say."""
    script = tmp_path / "python"
    kept = [f'cp "$2" "{tmp_path}/plan.json"', f'echo "$@" > "{tmp_path}/arguments"']
    lines = ["#!/bin/sh", *kept, "echo noise", 'echo "3 demonstrations: open the door"']
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o755)
    return str(script)


def test_the_plan_names_files_demonstrations_and_instructions(demos, recorder, tmp_path):
    said = []
    assert export_lerobot(demos, tmp_path / "out", 2, recorder, said.append) == 3
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert [(entry["instruction"], entry["demos"]) for entry in plan] == [
        ("close the door", ["demo_0"]),
        ("open the door", ["demo_0", "demo_1"]),
    ]
    assert said == ["3 demonstrations: open the door"]
    assert "--size" not in (tmp_path / "arguments").read_text()


def test_pictures_can_be_made_smaller(demos, recorder, tmp_path):
    export_lerobot(demos, tmp_path / "out", None, recorder, print, 64)
    assert (tmp_path / "arguments").read_text().endswith("--size 64\n")


def test_a_folder_that_exists_is_left_alone(demos, recorder):
    with pytest.raises(RecordError, match="exists"):
        export_lerobot(demos, demos, None, recorder, print)


def test_what_went_wrong_over_there_is_one_line(demos, tmp_path):
    with pytest.raises(RecordError, match=r"LeRobot's code ended with: (ModuleNotFoundError|KeyError)"):
        export_lerobot(demos, tmp_path / "out", None, sys.executable, print)
    with pytest.raises(RecordError, match="cannot start /no/python"):
        export_lerobot(demos, tmp_path / "out", None, "/no/python", print)
