"""`vvla leaderboard` and `vvla report`."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.evaluation.made import four
from vvla_policies.cli.main import app

RESULTS = Path(__file__).parents[2] / "results"
runner = CliRunner()


def call(*arguments, code=0):
    result = runner.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "mine"
    made = four(folder, policy="mine")
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(made.manifest.to_json(), default=str))
    (folder / "episodes.jsonl").write_text("".join(json.dumps(r.to_json()) + "\n" for r in made.records))
    return folder


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    shutil.copy(RESULTS / "published.yaml", folder)
    return folder


def test_leaderboard_is_made_checked_and_made_again(results, run):
    assert "Wrote LEADERBOARD.md, leaderboard.html, reported.csv" in call("leaderboard", "--results", results).stdout
    call("leaderboard", "--results", results, "--check")
    said = call("leaderboard", "--results", results, "--add", run, "--check", code=1)
    assert "measured.csv" in said.stderr
    assert "run: vvla leaderboard" in said.stderr
    call("leaderboard", "--results", results)
    call("leaderboard", "--results", results, "--check")
    assert "| mine " in (results / "LEADERBOARD.md").read_text()


def test_leaderboard_of_nothing_is_one_clear_line(tmp_path):
    assert "holds neither" in call("leaderboard", "--results", tmp_path, code=1).stderr


def test_report_goes_beside_the_run(run):
    said = call("report", run).stdout
    assert said.strip() == f"Report: {run / 'report' / 'index.html'}"
    assert "mine on libero" in (run / "report" / "index.html").read_text()


def test_report_of_a_run_named_twice_is_that_of_one(run, tmp_path):
    call("report", run, run, "--out", tmp_path / "page")
    assert "from 1 run:" in (tmp_path / "page" / "index.html").read_text()


def test_report_of_no_run_is_one_clear_line(tmp_path):
    assert "has no run.json" in call("report", tmp_path, code=1).stderr
