"""Measurements on the fake suite, and the model of the engine against runs whose costs are known."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from vvla_policies.envs.manipulation import Outcome
from vvla_policies.envs.suite import EnvSettings

from tests import fakes
from vvla_policies.bench.costs import Costs, measure
from vvla_policies.bench.leaks import Usage, growth, watch
from vvla_policies.bench.model import Setup, episodes, predict, recommend
from vvla_policies.cli.main import app
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.runs import PHASES
from vvla_policies.evaluation.rollouts.evaluate import evaluate
from vvla_policies.evaluation.rollouts.request import Request

STEP, DRAW = 0.01, 0.02


class SleepingEnv(fakes.FakeEnv):
    """Takes its time without using the CPU, so that other programs hardly matter."""

    def _advance(self, action: np.ndarray) -> Outcome:
        time.sleep(STEP)
        return super()._advance(action)

    def _observe(self, cameras: tuple[str, ...]) -> object:
        time.sleep(DRAW)
        return super()._observe(cameras)


class SleepingSuite(fakes.FakeSuite):
    def make_env(self, settings: EnvSettings, task: int = 0) -> SleepingEnv:
        return SleepingEnv(settings, fakes.TASKS[task])


SUITE = SleepingSuite()
ADDRESS = "tests.bench.test_bench:SUITE"


def costs(**changes: object) -> Costs:
    known = Costs("s", "p", chunk=8, steps=80, cores=4, start=0.0, load=0.0, reset=1.0, step=0.01, draw=0.02,
                  transport=0.0, record=0.0, calls={1: 0.1, 2: 0.12})  # fmt: skip
    return replace(known, **changes)  # type: ignore[arg-type]


def test_measurements_are_what_the_environment_takes(tmp_path: Path) -> None:
    found = measure(Request("noop", (ADDRESS,)))
    assert STEP <= found.step < 10 * STEP
    assert DRAW <= found.draw < 10 * DRAW
    assert found.steps == fakes.STEPS
    assert found.floor_step is None
    assert set(found.calls) == {1, 2, 4, 8, 16}
    assert 0 < found.record < 1
    found.save(tmp_path / "a" / "costs.json")
    assert Costs.read(tmp_path / "a" / "costs.json") == found


@pytest.mark.parametrize("workers", [1, 2])
def test_the_model_is_right_about_runs(tmp_path: Path, workers: int) -> None:
    """Six episodes of 30 steps; what each piece took is read from the records, so that a busy machine does no harm."""
    run = evaluate(fakes.request(tmp_path, "noop", suites=(ADDRESS,), workers=workers))
    took = {phase: sum(r.seconds[phase] for r in run.records) for phase in PHASES}
    calls = sum(record.calls for record in run.records)
    known = costs(
        chunk=1, steps=fakes.STEPS, reset=took["reset"] / 6, step=took["physics"] / (6 * fakes.STEPS),
        draw=took["drawing"] / calls, transport=took["transport"] / calls, calls={1: took["policy"] / calls},
    )  # fmt: skip
    spent = max(sum(r.seconds["total"] for r in run.records if r.worker == w) for w in range(workers))
    expected = predict(known, Setup(1, workers, 1, cores=64), [record.key for record in run.records])
    assert expected.seconds == pytest.approx(spent, rel=0.25)


def test_one_worker_is_the_sum_of_its_parts() -> None:
    expected = predict(costs(), Setup(cores=4), episodes(3, tasks=1))
    # ten turns of 8 steps, ten pictures, ten calls
    assert expected.seconds == pytest.approx(3 * (1.0 + 80 * 0.01 + 10 * 0.02 + 10 * 0.1))
    assert expected.mean_batch == 1


def test_cores_and_the_policy_are_limits() -> None:
    many = episodes(400)
    one = predict(costs(), Setup(1, 1, 1, cores=64), many).episodes_per_hour
    few = predict(costs(), Setup(1, 16, 16, cores=4), many).episodes_per_hour
    enough = predict(costs(), Setup(1, 16, 16, cores=64), many).episodes_per_hour
    assert few < enough
    assert 4 * one < enough < 16 * one
    slow = costs(calls={1: 1.0})
    alone = predict(slow, Setup(1, 16, 1, cores=64), many)
    assert alone.episodes_per_hour == pytest.approx(3600 / 10, rel=0.05)  # ten calls of a second each
    assert alone.policy_busy > 0.95


def test_machines_multiply_until_the_record_or_the_episodes_end() -> None:
    many = episodes(1600)
    one, ten = (predict(costs(), Setup(n, 4, 4, cores=8), many).episodes_per_hour for n in (1, 10))
    assert ten == pytest.approx(10 * one, rel=0.05)
    slow_disk = predict(costs(record=1.0), Setup(64, 8, 8, cores=8), many).episodes_per_hour
    assert slow_disk == pytest.approx(3600, rel=0.05)


def test_calls_between_measured_sizes() -> None:
    measured = costs(calls={1: 0.1, 4: 0.4, 8: 0.6})
    assert [round(measured.call(size), 3) for size in (1, 2, 4, 6, 8, 16)] == [0.1, 0.2, 0.4, 0.5, 0.6, 1.0]
    assert costs(calls={1: 0.1}).call(3) == pytest.approx(0.3)


def test_the_recommendation_uses_the_machine() -> None:
    setup, expected = recommend(costs(cores=8), policy_on_cpu=False)
    assert 6 <= setup.workers <= 16
    assert expected.episodes_per_hour > 0


def test_a_file_that_holds_no_measurements(tmp_path: Path) -> None:
    with pytest.raises(VvlaError, match="make them with: vvla bench"):
        Costs.read(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(VvlaError, match="does not hold measurements"):
        Costs.read(tmp_path / "bad.json")


def test_memory_and_handles_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    held = []
    begin = fakes.FakeEnv._begin

    def leaking(self: fakes.FakeEnv, *key: int) -> Outcome:
        held.append(Path("/dev/null").open())  # noqa: SIM115 - the leak
        return begin(self, *key)

    monkeypatch.setattr(fakes.FakeEnv, "_begin", leaking)
    seen = list(watch(fakes.request(None, "noop"), 40))
    for file in held:
        file.close()
    assert [use.episodes for use in seen] == [1, *range(4, 41, 4)]
    assert growth(seen)[1] == pytest.approx(100)
    assert growth([Usage(k, 50, 9) for k in range(10)]) == (0, 0)


def test_the_command(tmp_path: Path) -> None:
    arguments = ["bench", "--suite", fakes.SUITE_ADDRESS, "--policy", "tests.fakes:Remembering"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "costs.json")])
    assert result.exit_code == 0, result.output
    assert "policy, a call for 16" in result.output
    assert "--workers" in result.output
    assert Costs.read(tmp_path / "costs.json").suite == "fake"
    planned = ["plan", "--nodes", "5", "--episodes", "40", "--measurements", str(tmp_path / "costs.json")]
    result = CliRunner().invoke(app, planned)
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.stdout.splitlines()[1:5]] == ["1", "2", "4", "5"]
    result = CliRunner().invoke(app, [*arguments, "--episodes", "4"])
    assert result.exit_code == 0, result.output
    assert "file handles" in result.output
    result = CliRunner().invoke(app, ["bench", "--suite", fakes.SUITE_ADDRESS, "--policy", "tests.fakes:Expert"])
    assert result.exit_code == 1
    assert "the simulator's own state" in result.stderr
