"""`vvla-eval` on the fake suite: what it prints, writes and exits with."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner
from vvla_policies.envs.protocol import PROTOCOLS

from tests.fakes import SUITE_ADDRESS, FakeSuite
from vvla_policies.cli.evaluate import single
from vvla_policies.cli.main import app
from vvla_policies.evaluation.records.runs import load_run

runner = CliRunner()
EXPERT = ("--policy", "tests.fakes:Expert", "--suite", SUITE_ADDRESS, "--episodes", "2", "--workers", "0")
VVLA_EVAL = (sys.executable, "-c", "from vvla_policies.cli.evaluate import main; main()")


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "run"


def call(*arguments, code=0):
    result = runner.invoke(single, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def one_line(result) -> str:
    (line,) = result.stderr.strip().splitlines()
    assert "Traceback" not in result.output
    return line


def test_a_run_prints_its_table_where_time_went_and_where_it_is(out):
    result = call(*EXPERT, "--out", out)
    lines = result.stdout.strip().splitlines()
    assert lines[0].split()[:2] == ["Suite", "Success"]
    assert "Wilson" in result.stdout
    assert lines[-2].startswith("6 episodes in ")
    for phase in ("physics", "drawing", "policy", "transport", "reset"):
        assert f"{phase} " in lines[-2]
    assert lines[-1].endswith(str(out))
    assert {path.name for path in out.glob("table.*")} == {"table.md", "table.csv", "table.tex"}


def test_without_a_terminal_each_episode_is_a_line(out):
    result = call(*EXPERT, "--out", out)
    lines = result.stderr.strip().splitlines()
    assert lines[0].startswith("tests.fakes:Expert on tests.fakes:SUITE: 6 episodes to run")
    assert len(lines) == 7
    assert lines[-1].startswith("[6/6] fake-t")
    assert "\x1b" not in result.output


def test_the_same_command_runs_nothing_again(out):
    call(*EXPERT, "--out", out)
    before = (out / "episodes.jsonl").read_bytes()
    assert "Nothing was left to run." in call(*EXPERT, "--out", out).stdout
    assert (out / "episodes.jsonl").read_bytes() == before
    call(*EXPERT, "--out", out, "--no-resume")
    assert (out / "episodes.jsonl").read_bytes() != before


def test_all_phrases_are_a_protocol_of_their_own(out, monkeypatch):
    line = one_line(call(*EXPERT, "--out", out, "--phrases", "all", code=1))
    assert "suite 'fake' has one phrase for each task: --phrases all is for CALVIN's suites" in line
    assert "unknown choice of phrases 'al'" in one_line(call(*EXPERT, "--out", out, "--phrases", "al", code=1))
    monkeypatch.setattr(FakeSuite, "phrased", True)
    assert "in all its phrases" in call(*EXPERT, "--out", out, "--phrases", "all").stdout
    (entry,) = load_run(out).manifest.suites.values()
    assert (entry.protocol["name"], entry.protocol["phrases"]) == ("plain_all_phrases", "all")
    assert "protocol name: 'plain_all_phrases', now 'plain'" in one_line(call(*EXPERT, "--out", out, code=1))


def test_tasks_and_options_reach_the_run(out):
    call(*EXPERT, "--out", out, "--tasks", "0,2", "--option", "chunk=4", "--option", "noise=0.1", "--seed", 5)
    run = load_run(out)
    assert {record.key.task for record in run.records} == {0, 2}
    assert run.manifest.policy["options"] == {"chunk": 4, "noise": 0.1}
    assert run.manifest.seed == 5


def test_episodes_with_errors_give_exit_code_3(out):
    policy = ("--policy", "tests.fakes:Faulty", "--suite", SUITE_ADDRESS, "--episodes", "2", "--workers", "0")
    result = call(*policy, "--out", out, code=3)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: 1 episode of 6 ended in an error")
    assert "episodes.jsonl" in last
    assert "1 of 6 episodes ended in an error" in result.stdout
    rows = list(csv.DictReader((out / "table.csv").open()))
    assert [row["errors"] for row in rows if row["task"] == ""] == ["1"]


def test_videos_are_drawn_afterwards(out):
    result = call(*EXPERT, "--out", out, "--assets", "primitive", "--tasks", "0", "--videos", "1")
    assert "1 video and contact-fake.png" in result.stdout
    assert [path.name for path in (out / "videos").glob("*.mp4")] == ["fake-t00-i00-s0.mp4"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--suite", "libero_gaol"), "Did you mean 'libero_goal'"),
        (("--policy", "noopp"), "Did you mean 'noop'"),
        (("--policy", "tests.fakes:Nobody"), "has no 'Nobody'"),
        (("--policy", "no_such_module:Policy"), "no module 'no_such_module'"),
        (("--protocol", "openvlaa"), "unknown protocol 'openvlaa'"),
        (("--tasks", "3"), "there is no task 3"),
        (("--tasks", "x"), "expected numbers and ranges"),
        (("--option", "speed=3"), "takes no option ['speed']"),
        (("--checkpoint", "w.pt"), "takes no option ['checkpoint']"),
        (("--shard", "0/2"), "from 1 to n"),
        (("--videos", "some"), "none, failures, all"),
    ],
)
def test_bad_input_is_one_clear_line(out, change, said):
    line = one_line(call(*EXPERT, "--out", out, *change, code=1))
    assert line.startswith("error: ")
    assert said in line
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    line = one_line(call(*EXPERT, "--out", tmp_path / "file" / "run", code=1))
    assert str(tmp_path / "file") in line


def test_the_folder_of_another_run_is_refused(out):
    call(*EXPERT, "--out", out)
    line = one_line(call(*EXPERT, "--out", out, "--seed", 1, code=1))
    assert "seed" in line


def test_checkpoint_is_named_once(out):
    line = one_line(call(*EXPERT, "--out", out, "--checkpoint", "a", "--option", "checkpoint=b", code=1))
    assert "not both" in line


def test_shards_merge_to_the_whole(tmp_path):
    whole, parts = tmp_path / "whole", [tmp_path / "1", tmp_path / "2"]
    call(*EXPERT, "--out", whole)
    for number, part in enumerate(parts, start=1):
        call(*EXPERT, "--out", part, "--shard", f"{number}/2")
    merged = tmp_path / "merged"
    result = runner.invoke(app, ["merge", *map(str, parts), "--out", str(merged)])
    assert result.exit_code == 0, result.output
    assert "6 of 6 episodes" in result.stdout
    assert [r.outcome() for r in load_run(merged).records] == [r.outcome() for r in load_run(whole).records]


def test_help_names_every_protocol():
    shown = call("--help").stdout
    assert all(name in shown for name in PROTOCOLS)
    assert "Exit codes" in shown


def test_vvla_eval_is_vvla_eval(out):
    result = runner.invoke(app, ["eval", *EXPERT, "--out", str(out)])
    assert result.exit_code == 0, result.output


# --- real processes ------------------------------------------------------------------------------------------------


def environment(**more):
    repository = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": repository, "COLUMNS": "100", **more}


def test_a_policy_of_the_current_folder_is_found_also_by_workers(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from tests.fakes import FakeSuite\n"
        "from vvla_policies import Policy, PolicyCard\n"
        "SUITE = FakeSuite()\n"
        "class Still(Policy):\n"
        "    card = PolicyCard(name='still', reads=('state',))\n"
        "    def act(self, obs, instruction):\n"
        "        return np.zeros(7)\n"
    )
    command = (*VVLA_EVAL, "--policy", "mine:Still", "--suite", "mine:SUITE", "--episodes", "1", "--workers", "1")
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "results").iterdir()
    assert len(load_run(folder).records) == 3


def test_ctrl_c_says_how_to_go_on(tmp_path):
    out = tmp_path / "run"
    command = (*VVLA_EVAL, *EXPERT[:-1], "1", "--out", str(out))
    slow = {"FAKES": json.dumps({"step_seconds": 0.05})}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(**slow), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("[1/6]"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stdout + stderr
    assert stderr.strip().splitlines()[-1].startswith("stopped; what is recorded stays in")
    recorded = len(load_run(out).records)
    assert 1 <= recorded < 6
    lines = [json.loads(line) for line in (out / "episodes.jsonl").read_text().splitlines()]
    assert len(lines) == recorded
    call(*EXPERT, "--out", out)
    assert len(load_run(out).records) == 6
