"""Collecting on a fake suite: which episodes are run, and what survives an interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from vvla_policies.baselines.replay import ReplayPolicy

from tests import demo_fakes, fakes
from vvla_policies.cli.main import app
from vvla_policies.distill.data.dataset import DemoDataset, Windows
from vvla_policies.distill.demos.collect import DemoRequest, collect, held_of
from vvla_policies.distill.demos.disturbance import Pushes, disturbed_steps
from vvla_policies.distill.demos.inspection import contact_sheet, find_files
from vvla_policies.distill.demos.libero import files
from vvla_policies.distill.demos.libero.inspection import contents
from vvla_policies.distill.demos.summary import summary
from vvla_policies.distill.demos.verify import verify
from vvla_policies.errors import RecordError, VvlaError
from vvla_policies.evaluation.records.keys import parse_key
from vvla_policies.evaluation.records.runs import EpisodeRecord

h5py = pytest.importorskip("h5py")
REPOSITORY = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
from tests.distill.test_collect import request
from vvla_policies.distill.demos.collect import collect
if __name__ == "__main__":
    collect(request(Path(sys.argv[1]), workers=2, per_task=6))
"""


def request(out, **changes):
    settings = {
        "suites": (demo_fakes.ADDRESS,), "out": out, "tasks": (0, 1), "per_task": 4, "policy": "tests.fakes:Expert",
        "policy_options": {"noise": 2.5}, "size": 16, "protocol": "plain", "workers": 0, "attempts": 60,
    }  # fmt: skip
    return DemoRequest(**{**settings, **changes})


def episodes(out):
    return {path.name: sorted(files.episodes_in(path)) for path in find_files(out)}


def test_each_task_gets_its_demonstrations_from_its_first_attempts(tmp_path):
    run = collect(request(tmp_path))
    for task in (0, 1):
        records = [record for record in run.records if record.task == task]
        assert sum(record.success for record in records) == 4
        last = max(records, key=lambda record: (record.key.seed, record.key.init_state))
        assert last.success, "no attempt after the one that made the task complete"
    assert any(not record.success for record in run.records), "the fake expert should fail now and then"
    successes = {str(record.key) for record in run.records if record.success}
    assert {episode for held in episodes(tmp_path).values() for episode in held} == successes
    assert not list((tmp_path / "episodes" / "parts").iterdir())


def test_what_comes_out_does_not_depend_on_workers_or_sittings(tmp_path):
    collect(request(tmp_path / "one"))
    collect(request(tmp_path / "two", workers=2))
    for count in (1, 3, 4):
        collect(request(tmp_path / "three", per_task=count))
    assert episodes(tmp_path / "one") == episodes(tmp_path / "two") == episodes(tmp_path / "three")
    one, three = (h5py.File(find_files(tmp_path / name)[0]) for name in ("one", "three"))
    with one, three:
        for name in one["data"]:
            assert np.array_equal(one["data"][name]["states"], three["data"][name]["states"])
            assert one["data"][name].attrs["vvla_episode"] == three["data"][name].attrs["vvla_episode"]


def test_a_finished_folder_is_left_alone(tmp_path):
    collect(request(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in find_files(tmp_path)}
    listener = fakes.Listener()
    collect(request(tmp_path), listener)
    assert not listener.records
    assert {path: path.stat().st_mtime_ns for path in find_files(tmp_path)} == before


def test_a_lost_file_is_made_again(tmp_path):
    collect(request(tmp_path))
    before = episodes(tmp_path)
    find_files(tmp_path)[0].unlink()
    collect(request(tmp_path))
    assert episodes(tmp_path) == before


def test_contents_of_a_file(tmp_path):
    run = collect(request(tmp_path, tasks=(0,), size=20))
    (path,) = find_files(tmp_path)
    with h5py.File(path) as file:
        data = file["data"]
        assert data.attrs["num_demos"] == 4
        assert data.attrs["total"] == sum(data[name].attrs["num_samples"] for name in data)
        assert data.attrs["tag"] == "libero-v1"
        for name in data:
            group = data[name]
            key = parse_key(group.attrs["vvla_episode"], "fake")
            count = group.attrs["num_samples"]
            assert count == run.record(key).steps
            assert np.array_equal(group.attrs["init_state"], group["states"][0])
            assert np.array_equal(group["rewards"], [0] * (count - 1) + [1])
            assert np.array_equal(group["dones"], group["rewards"])
            executed = np.clip(run.actions(key), -1, 1)
            assert np.array_equal(group["actions"][:, :6], executed[:, :6])
            assert np.array_equal(group["actions"][:, 6], 0 - executed[:, 6])
            # states are before, observations after each action
            assert np.array_equal(group["states"][1:, 1:4], group["obs/ee_pos"][:-1])
            shade = np.clip((group["obs/ee_pos"][()] + 2) * 60, 0, 255).astype(np.uint8)
            assert np.array_equal(group["obs/agentview_rgb"][:, -1, 0], shade), "stored upside down"
            assert not group["obs/agentview_rgb"][:, 0].any()
            assert group["obs/eye_in_hand_rgb"].shape == (count, 20, 20, 3)
    item = DemoDataset([path], Windows(history=2, future=3))[1]
    assert item["image"][0, 0, 0, 0] > 0
    assert item["instruction"] == "reach goal 0"


def test_pictures_of_every_third_step_are_those_of_all_steps(tmp_path):
    collect(request(tmp_path / "all", tasks=(0,), size=20))
    collect(request(tmp_path / "some", tasks=(0,), size=20, every=3))
    (whole,), (thin,) = find_files(tmp_path / "all"), find_files(tmp_path / "some")
    with h5py.File(whole) as one, h5py.File(thin) as other:
        assert list(one["data"]) == list(other["data"])
        for name in one["data"]:
            full, part = one["data"][name], other["data"][name]
            drawn = np.arange(len(full["actions"])) % 3 == 0
            assert np.array_equal(part["drawn"], drawn)
            assert "drawn" not in full
            assert np.array_equal(full["actions"], part["actions"])
            for picture in ("obs/agentview_rgb", "obs/eye_in_hand_rgb"):
                assert np.array_equal(part[picture][()][drawn], full[picture][()][drawn])
                assert not part[picture][()][~drawn].any()
    assert all(seen.success and seen.same for seen in verify(thin))
    assert contact_sheet(thin).size == contact_sheet(whole).size
    with pytest.raises(VvlaError, match="--every"):
        DemoDataset([thin])
    assert "20x20, 1 in 3" in CliRunner().invoke(app, ["demos", "inspect", "--no-sheet", str(thin)]).output


def test_demonstrations_succeed_again_through_the_same_states(tmp_path):
    collect(request(tmp_path, noise=0.4))
    for path in find_files(tmp_path):
        seen = list(verify(path))
        assert len(seen) == 4
        assert all(one.success and one.same for one in seen)
    with h5py.File(path, "a") as file:
        file["data/demo_1/states"][2, 1] += 1e-9
    assert [one.same for one in verify(path)] == [True, False, True, True]


def test_the_runs_folder_can_be_replayed_by_the_policy(tmp_path):
    run = collect(request(tmp_path, noise=0.4))
    policy = ReplayPolicy(tmp_path / "episodes")
    for record in run.records:
        memory = policy.initial_memory(record.key.stream("policy"))
        assert np.array_equal(memory.actions, run.actions(record.key))


def test_pushed_steps_are_marked(tmp_path):
    run = collect(request(tmp_path, noise=0.5, tasks=(0,), per_task=5))
    (path,) = find_files(tmp_path)
    with h5py.File(path) as file:
        for group in file["data"].values():
            key = parse_key(group.attrs["vvla_episode"], "fake")
            expected = disturbed_steps(key.stream("policy"), run.actions(key), 0.5)
            assert np.array_equal(group["disturbed"][()].astype(bool), expected)


def test_pushes_come_in_stretches_and_spare_the_gripper():
    offsets = Pushes(1, 0.3).draw(np.ones((4000, 7)))
    pushed = offsets.any(axis=1)
    assert 0.05 < pushed.mean() < 0.25
    assert not offsets[:, 6].any()
    assert 0.2 < offsets[pushed, :3].std() < 0.4
    changes = np.flatnonzero(np.diff(pushed.astype(int)))
    assert np.diff(changes).min() >= 1
    assert not disturbed_steps(1, np.ones((9, 7)), 0.0).any()


def test_some_grasps_are_made_to_miss():
    actions = np.ones((20, 7))
    actions[10:, 6] = -1
    drawn = np.array([Pushes(seed, 0.3).draw(actions) for seed in range(400)])
    missed = drawn[:, 10:13].any(axis=2).all(axis=1)
    assert 0.25 < missed.mean() < 0.5  # a quarter, and those that are pushed anyway
    assert (drawn[missed, 10, 2] > 0).mean() > 0.75
    assert not drawn[:, :, 6].any()


def test_other_settings_do_not_mix(tmp_path):
    collect(request(tmp_path, per_task=1))
    with pytest.raises(RecordError, match="another run"):
        collect(request(tmp_path, per_task=1, size=32))


def test_a_suite_without_a_simulator_is_one_line(tmp_path):
    with pytest.raises(VvlaError, match="recorded in LIBERO"):
        collect(request(tmp_path, suites=(fakes.SUITE_ADDRESS,)))


def test_attempts_end(tmp_path):
    run = collect(request(tmp_path, policy="tests.fakes:Remembering", policy_options={}, attempts=7, per_task=3))
    rows = summary(run, held_of(request(tmp_path)))
    assert all(row.attempts <= 7 for row in rows)
    assert [row.demos for row in rows] == [row.successes for row in rows]


def test_an_interrupted_assembly_keeps_the_old_file_and_the_parts(tmp_path, monkeypatch):
    collect(request(tmp_path, per_task=2, tasks=(0,)))
    (path,) = find_files(tmp_path)
    before = path.read_bytes()

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "count_up", fail)
    parts = tmp_path / "episodes" / "parts"
    parts.mkdir(exist_ok=True)
    with h5py.File(path) as old, h5py.File(parts / "fake-t00-i04-s9.hdf5", "w") as part:
        old.copy("data/demo_0", part.create_group("data"), "demo_0")
        part["data/demo_0"].attrs["vvla_episode"] = "fake-t00-i04-s9"
    with pytest.raises(KeyboardInterrupt):
        files.assemble(path, [parts / "fake-t00-i04-s9.hdf5"])
    assert path.read_bytes() == before
    assert [p.name for p in parts.iterdir()] == ["fake-t00-i04-s9.hdf5"]
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    monkeypatch.undo()
    assert files.assemble(path, [parts / "fake-t00-i04-s9.hdf5"]) == 3
    assert not list(parts.iterdir())


def successes(path):
    """The episodes that are recorded as successes; a last line that is being written is left out."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    records = [EpisodeRecord.from_json(json.loads(line)) for line in lines]
    return {str(record.key) for record in records if record.success}


@pytest.mark.parametrize("after", [1, 5, 9])
def test_a_killed_run_loses_no_demonstration_and_goes_on(tmp_path, after):
    out = tmp_path / "demos"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(out)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **dict([fakes.Faults(draw_seconds=0.02).item()])},
        start_new_session=True,
    )
    lines = out / "episodes" / "episodes.jsonl"
    deadline = time.monotonic() + 60
    while len(recorded := successes(lines)) < after and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(recorded) >= after
    recorded = successes(lines)
    survived = {path.stem for path in (out / "episodes" / "parts").glob("[!.]*.hdf5")}
    for path in out.rglob("*_demo.hdf5"):
        if not path.name.startswith("."):
            survived |= set(files.episodes_in(path))
    assert recorded <= survived
    for path in (out / "episodes" / "parts").glob("[!.]*.hdf5"):
        assert len(contents(path).steps) == 1
    collect(request(out, workers=0, per_task=6))
    collect(request(tmp_path / "whole", per_task=6))
    assert episodes(out) == episodes(tmp_path / "whole")
    assert not list(out.rglob("*.tmp"))


def test_the_command_line(tmp_path):
    runner, out = CliRunner(env={"COLUMNS": "160"}), tmp_path / "demos"
    expert = ["--policy", "tests.fakes:Expert", "--option", "noise=2.5", "--size", "32", "--workers", "0"]
    command = ["demos", "--suite", demo_fakes.ADDRESS, *expert, "--tasks", "0-1", "--out", str(out), "--attempts", "60"]
    result = runner.invoke(app, [*command, "--per-task", "2"])
    assert result.exit_code == 0, result.output
    assert "4 demonstrations" in result.output
    assert "demos/min" in result.output
    again = runner.invoke(app, [*command, "--per-task", "2"])
    assert "0 episodes to run" in again.output
    assert "demos/min" not in again.output
    shown = runner.invoke(app, ["demos", "inspect", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "32x32" in shown.output
    assert "reach goal 1" in shown.output
    assert sorted(path.name for path in (out / "fake").glob("*.png")) == ["task_0_demo.png", "task_1_demo.png"]
    verified = runner.invoke(app, ["demos", "verify", str(out)])
    assert verified.exit_code == 0, verified.output
    assert "all 4 demonstrations succeed again" in verified.output


def test_too_few_successes_are_said(tmp_path):
    runner = CliRunner(env={"COLUMNS": "160"})
    command = ["demos", "--suite", demo_fakes.ADDRESS, "--policy", "noop", "--per-task", "2", "--attempts", "3"]
    result = runner.invoke(app, [*command, "--tasks", "0", "--workers", "0", "--out", str(tmp_path)])
    assert result.exit_code == 3
    assert "fewer than 2 demonstrations: fake 0 (0)" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [([], "--suite"), (["--suite", demo_fakes.ADDRESS, "--starts", "elsewhere"], "fresh or official")],
)
def test_misuse_is_one_line(options, message):
    result = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["demos", *options])
    assert result.exit_code == 1
    assert message in result.output
