"""The smaller subcommands of `vvla`."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.fakes import SUITE_ADDRESS
from vvla_policies import __version__
from vvla_policies.cli import checks
from vvla_policies.cli.main import app
from vvla_policies.errors import SimulatorError
from vvla_policies.evaluation.rollouts.evaluate import Request, evaluate

runner = CliRunner()


def call(*arguments, code=0):
    result = runner.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    request = Request(
        "tests.fakes:Expert", (SUITE_ADDRESS,), {"noise": 0.9}, episodes=2, assets="primitive", workers=0, out=out
    )
    evaluate(request)
    return out


def test_version():
    assert call("--version").stdout.strip() == f"vvla-policies {__version__}"


def test_every_command_has_help_with_one_line_that_says_what_it_does():
    for line in ("eval", "table", "videos", "replay", "merge", "policies", "suites", "doctor", "assets"):
        text = call(line, "--help").stdout
        assert "Usage:" in text
        assert len(text.strip().splitlines()) > 3


def test_policies_and_suites_say_where_they_come_from():
    policies = call("policies").stdout
    assert "noop" in policies
    assert "vvla-policies" in policies
    suites = call("suites").stdout
    assert "libero stands for libero_spatial, libero_object, libero_goal, libero_long" in suites


def test_table_prints_nothing_but_the_table(folder):
    rows = list(csv.DictReader(io.StringIO(call("table", folder, "--format", "csv", "--per", "task").stdout)))
    assert [row["task"] for row in rows] == ["0", "1", "2", ""]
    assert call("table", folder, "-f", "latex").stdout.startswith("\\begin{tabular}")
    assert call("table", folder, "-f", "markdown", "--per", "run").stdout.startswith("| fake")


def test_a_run_named_twice_stands_in_the_table_once(folder):
    assert call("table", folder, folder, "-f", "csv").stdout == call("table", folder, "-f", "csv").stdout


def test_table_of_no_run_is_one_clear_line(tmp_path):
    result = call("table", tmp_path, code=1)
    assert result.stderr.strip() == f"error: {tmp_path} is not a run folder: it has no run.json"


def test_replay_says_same(folder):
    assert call("replay", folder, "fake-t00-i01-s0").stdout.startswith("Same: fake-t00-i01-s0 (reach goal 0)")


def test_replay_says_what_is_different(folder, tmp_path):
    for name in ("run.json", "actions"):
        (tmp_path / name).symlink_to(folder / name)
    lines = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]
    (tmp_path / "episodes.jsonl").write_text("".join(json.dumps({**d, "steps": d["steps"] + 1}) + "\n" for d in lines))
    said = call("replay", tmp_path, "fake-t00-i01-s0", code=1).stdout
    assert said.startswith("Different: fake-t00-i01-s0")
    assert "  steps: " in said


def test_replay_of_an_unknown_episode_shows_what_keys_look_like(folder):
    assert "its keys look like 'fake-t00-i00-s0'" in call("replay", folder, "fake-0", code=1).stderr


def test_videos_of_named_episodes(folder):
    said = call("videos", folder, "fake-t01-i00-s0", "--stride", 10, "--size", 64).stdout
    assert said.startswith("1 video and contact-fake.png: ")


def test_videos_of_nothing_say_so(folder):
    assert "No videos" in call("videos", folder, "--which", "0").stdout


def test_merge_refuses_a_folder_in_use(folder):
    assert "holds a run already" in call("merge", folder, "--out", folder, code=1).stderr


def test_assets_of_an_unknown_benchmark(tmp_path):
    said = call("assets", "import", "robocasa", tmp_path, code=1).stderr
    assert "unknown benchmark 'robocasa'. Known: libero, calvin." in said


def test_assets_from_a_wrong_folder(tmp_path):
    result = call("assets", "import", "libero", tmp_path, code=1)
    assert "no LIBERO asset folder" in result.stderr


# --- doctor --------------------------------------------------------------------------------------------------------


class Works:
    backend, name, milliseconds, on_gpu = "osmesa", "llvmpipe", 12.0, False


@pytest.fixture
def healthy(monkeypatch, tmp_path):
    monkeypatch.setattr("vvla_policies.envs.rendering.choose", lambda: Works)
    monkeypatch.setattr("vvla_policies.envs.libero.assets.status", list)
    monkeypatch.setattr(checks, "packages", lambda: iter(()))
    monkeypatch.setenv("VVLA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("healthy")
def test_doctor_of_a_good_machine(tmp_path):
    said = call("doctor").stdout
    assert "Ready." in said
    assert "osmesa, llvmpipe: 12.0 ms per frame" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("healthy")
def test_doctor_without_a_renderer(monkeypatch):
    def fail():
        raise SimulatorError("no OpenGL back end works; install libosmesa6")

    monkeypatch.setattr("vvla_policies.envs.rendering.choose", fail)
    said = call("doctor", code=1).stdout
    assert "install libosmesa6" in said
    assert "1 thing needs fixing" in said


@pytest.mark.usefixtures("healthy")
def test_doctor_with_folders_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VVLA_CACHE", str(tmp_path / "file" / "cache"))
    said = call("doctor", "--out", tmp_path / "file" / "results", code=1).stdout
    assert "set VVLA_CACHE to another folder" in said
    assert "use another --out" in said


@pytest.mark.parametrize(
    ("installed", "state", "remedy"),
    [
        ("3.3.2", "ok", ""),
        ("3.3.7", "note", "pip install 'mujoco==3.3.2'"),
        ("3.4.0", "fail", "pip install 'mujoco"),
        (None, "fail", "pip install 'vvla-policies[libero]'"),
    ],
)
def test_doctor_compares_packages_with_the_pins(monkeypatch, installed, state, remedy):
    def version(name):
        if name == "mujoco" and installed is None:
            raise checks.PackageNotFoundError(name)
        return installed if name == "mujoco" else real(name)

    real = checks.version
    monkeypatch.setattr(checks, "version", version)
    found = {finding.area: finding for finding in checks.packages()}
    mujoco = found.get("mujoco")
    if state == "ok":
        assert mujoco is None
        assert "mujoco 3.3.2" in found["packages"].detail
    else:
        assert mujoco is not None
        assert mujoco.state == state
        assert mujoco.remedy.startswith(remedy)


def test_doctor_says_what_an_extra_is_for(monkeypatch):
    def version(name):
        if name in {"pybullet", "torch"}:
            raise checks.PackageNotFoundError(name)
        return real(name)

    real = checks.version
    monkeypatch.setattr(checks, "version", version)
    found = {finding.area: finding for finding in checks.packages()}
    assert found["calvin"].state == "note"
    assert found["calvin"].detail == "pybullet not installed (needs ==3.2.7); for CALVIN"
    assert found["calvin"].remedy == "pip install 'vvla-policies[calvin]'"
    assert "torch" in found["train"].detail
    assert "serve" not in found
