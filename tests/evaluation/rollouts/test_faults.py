"""What goes wrong in one episode is written into its record, and the others go on."""

from pathlib import Path

import pytest

from tests import fakes
from vvla_policies.errors import PolicyError, SimulatorError, VvlaError
from vvla_policies.evaluation.records.runs import EpisodeRecord
from vvla_policies.evaluation.rollouts.evaluate import evaluate


def _but(records: tuple[EpisodeRecord, ...], *keys: str) -> list[dict[str, object]]:
    return [record.outcome() for record in records if str(record.key) not in keys]


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("raise", "ValueError", "the network exploded"),
        ("nan", "PolicyError", "nan at action 0, entry 0"),
        ("shape", "PolicyError", "shape (5,)"),
        ("long", "PolicyError", "9 actions; its card says at most 1"),
        ("count", "PolicyError", "0 chunks for 1 episodes"),
    ],
)
def test_a_policy_that_fails(tmp_path: Path, kind: str, error: str, message: str) -> None:
    good = evaluate(fakes.request(tmp_path / "good", "Faulty", policy_options={"call": 99}))
    options = {"kind": kind, "keys": "0/1,1/0", "call": 2}
    workers = 3 if kind == "raise" else 0  # where a call for several episodes raises, each is run again on its own
    run = evaluate(fakes.request(tmp_path / "run", "Faulty", policy_options=options, workers=workers))
    bad = ("fake-t00-i01-s0", "fake-t01-i00-s0")
    assert fakes.errors(run) == dict.fromkeys(bad, error)
    assert _but(run.records, *bad) == _but(good.records, *bad)
    record = run.record(bad[0])
    assert record.error is not None
    assert message in record.error.message
    assert "\n" not in record.error.message
    assert "Traceback" in record.error.traceback
    assert (record.success, record.truncated, record.steps, record.calls) == (False, False, 2, 3)
    assert len(run.actions(record.key)) == 2


def test_a_plain_policy_that_fails(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, "PlainFaulty", episodes=5))
    found = fakes.errors(run)
    assert set(found.values()) == {"KeyError"}
    bad = {str(record.key) for record in run.records if record.key.stream("policy") % 2}
    assert set(found) == bad
    assert 0 < len(bad) < len(run.records)


@pytest.mark.parametrize("step", [0, 3])
@pytest.mark.parametrize("workers", [0, 2])
def test_an_environment_that_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, workers: int) -> None:
    good = evaluate(fakes.request(tmp_path / "good"))
    monkeypatch.setenv(*fakes.Faults(at={"fake-t01-i00": {"kind": "raise", "step": step}}).item())
    run = evaluate(fakes.request(tmp_path / "run", workers=workers))
    bad = "fake-t01-i00-s0"
    assert fakes.errors(run) == {bad: "RuntimeError"}
    assert _but(run.records, bad) == _but(good.records, bad)
    record = run.record(bad)
    assert record.error is not None
    assert record.error.message == "the simulator exploded"
    assert "in _maybe_fail" in record.error.traceback
    assert record.steps == step
    assert record.task_name == "task_1"
    assert record.instruction == "reach goal 1"


@pytest.mark.parametrize("kind", ["crash", "exit", "hang"])
def test_a_lost_worker_is_replaced_and_its_episode_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    good = evaluate(fakes.request(tmp_path / "good"))
    fault = {"kind": kind, "step": 4, "once": str(tmp_path / "marker")}
    monkeypatch.setenv(*fakes.Faults(at={"fake-t01-i01": fault}).item())
    run = evaluate(fakes.request(tmp_path / "run", workers=2, stall_seconds=1.0 if kind == "hang" else 60.0))
    assert fakes.outcomes(run) == fakes.outcomes(good)
    retries = {str(r.key): r.retries for r in run.records if r.retries}
    assert retries["fake-t01-i01-s0"] >= 1
    assert kind == "hang" or retries == {"fake-t01-i01-s0": 1}  # a slow machine's other workers may seem to hang, too


def test_an_episode_that_always_loses_its_worker_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = evaluate(fakes.request(tmp_path / "good"))
    monkeypatch.setenv(*fakes.Faults(at={"fake-t00-i01": {"kind": "crash", "step": 4}}).item())
    run = evaluate(fakes.request(tmp_path / "run", workers=1))
    bad = "fake-t00-i01-s0"
    assert fakes.errors(run) == {bad: "WorkerLost"}
    assert _but(run.records, bad) == _but(good.records, bad)
    error = run.record(bad).error
    assert error is not None
    assert error.message == "its worker process ended (SIGKILL), 3 times"


@pytest.mark.parametrize("workers", [0, 1])
def test_an_environment_that_cannot_be_built_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setenv(*fakes.Faults(build="no renderer: install one").item())
    with pytest.raises(VvlaError, match=r"^no renderer: install one$"):
        evaluate(fakes.request(tmp_path, workers=workers))


def test_workers_that_cannot_start_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vvla_policies.evaluation.rollouts.slots.serve", fakes.leave)
    with pytest.raises(SimulatorError, match=r"workers cannot start: its worker process ended \(exit code 7\)"):
        evaluate(fakes.request(tmp_path, workers=1))


@pytest.mark.parametrize(
    ("policy", "suite", "message"),
    [
        ("Sized", fakes.SUITE_ADDRESS, r"reads 'image' at 99x99 px, but protocol 'plain' draws 16x24 px"),
        ("Foreign", fakes.SUITE_ADDRESS, r"acts in calvin, but the suite belongs to fake"),
        ("Expert", "tests.fakes:BLIND", r"reads privileged, but the suite offers image, wrist_image, state"),
    ],
)
def test_a_policy_that_does_not_fit_is_found_out_before_the_first_episode(
    tmp_path: Path, policy: str, suite: str, message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        evaluate(fakes.request(tmp_path / "run", policy, suites=(suite,)))
    assert not (tmp_path / "run").exists()


def test_a_policy_that_fits_another_protocol(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, "Looker", protocol="large", tasks=(0,), workers=1))
    assert not fakes.errors(run)
