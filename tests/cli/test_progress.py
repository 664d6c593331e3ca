"""The live table and the plain lines, on consoles of several sizes."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.fakes import SUITE_ADDRESS
from vvla_policies.cli.progress import Progress
from vvla_policies.evaluation.rollouts.evaluate import Request, evaluate


def watched(console: Console, out: Path) -> Progress:
    progress = Progress(console, "expert on fake")
    evaluate(Request("tests.fakes:Expert", (SUITE_ADDRESS,), episodes=2, workers=0, out=out), progress)
    return progress


def drawn(progress: Progress, width: int, height: int) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(progress)
    return console.file.getvalue()


@pytest.fixture
def done(tmp_path) -> Progress:
    return watched(Console(file=io.StringIO(), width=100), tmp_path / "run")


def test_the_live_table_shows_each_task_and_the_whole(done):
    text = drawn(done, 100, 40)
    lines = text.splitlines()
    assert [line.split()[0:2] for line in lines[1:4]] == [["fake", str(k)] for k in range(3)]
    assert lines[1].split()[-3:-1] == ["100", "%"]
    assert "6/6" in lines[-1]
    assert "episodes/min" in lines[-1]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_live_table_fits_the_terminal(done, width):
    assert max(map(len, drawn(done, width, 40).splitlines())) <= width


def test_a_low_terminal_shows_running_tasks_and_counts_the_rest(done):
    running = next(r.key for r in done.tally.session if r.key.task == 2)
    done.tally.start(running, 0)
    text = drawn(done, 100, 7)
    assert "fake 2" in text
    assert "more tasks" in text
    assert len(text.splitlines()) <= 7


def test_on_a_terminal_there_are_no_lines_for_episodes(tmp_path):
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)
    watched(console, tmp_path / "run")
    assert "[6/6]" not in console.file.getvalue()


def test_recorded_episodes_count_but_not_for_the_pace(tmp_path):
    watched(Console(file=io.StringIO()), tmp_path / "run")
    again = watched(Console(file=io.StringIO()), tmp_path / "run")
    assert again.tally.done.total() == 6
    assert again.tally.session == []


def test_warnings_are_lines(done):
    console = Console(file=io.StringIO(), width=40)
    Progress(console, "x").warning("a [long] warning " + "that is not broken " * 5)
    assert len(console.file.getvalue().splitlines()) == 1
    assert "[long]" in console.file.getvalue()
