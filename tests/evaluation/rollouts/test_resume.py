"""A run can be stopped anywhere and gone on with."""

from pathlib import Path

import pytest

from tests import fakes
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.runs import EPISODES, load_run
from vvla_policies.evaluation.records.storage import RunFolder
from vvla_policies.evaluation.rollouts.evaluate import evaluate


def test_what_is_recorded_is_not_run_again(tmp_path: Path) -> None:
    first = evaluate(fakes.request(tmp_path, episodes=1))
    listener = fakes.Listener()
    second = evaluate(fakes.request(tmp_path, episodes=3), listener)
    assert len(first.records) == 3
    assert len(listener.records) == 6
    assert second.manifest.planned == len(second.records) == 9
    assert [session.episodes for session in second.manifest.sessions] == [3, 6]
    assert fakes.outcomes(second) == fakes.outcomes(evaluate(fakes.request(tmp_path / "whole", episodes=3)))
    third = fakes.Listener()
    evaluate(fakes.request(tmp_path, episodes=3, workers=2), third)
    assert third.todo == third.records == []


@pytest.mark.parametrize("at", ["manifest", "episodes"])
def test_a_death_while_the_folder_is_opened_hinders_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    class Death(BaseException):
        pass

    def die(*_: object) -> None:
        raise Death

    opened = Path.open
    with monkeypatch.context() as patch:
        if at == "manifest":
            patch.setattr(RunFolder, "_write_manifest", die)
        else:
            patch.setattr(Path, "open", lambda self, *a, **k: die() if self.name == EPISODES else opened(self, *a, **k))
        with pytest.raises(Death):
            evaluate(fakes.request(tmp_path))
    assert len(evaluate(fakes.request(tmp_path)).records) == 6


@pytest.mark.parametrize("cut", [1, 30])
def test_a_last_line_that_was_cut_off_is_run_again(tmp_path: Path, cut: int) -> None:
    whole = evaluate(fakes.request(tmp_path))
    path = tmp_path / EPISODES
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(load_run(tmp_path).records) == 5
    listener = fakes.Listener()
    again = evaluate(fakes.request(tmp_path), listener)
    assert len(listener.records) == 1
    (warning,) = listener.warnings
    assert "the last line was cut off" in warning
    assert fakes.outcomes(again) == fakes.outcomes(whole)
    assert len(path.read_text().splitlines()) == 6


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    evaluate(fakes.request(tmp_path))
    path = tmp_path / EPISODES
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], lines[2][:20] + "\n", *lines[3:]]))
    with pytest.raises(RecordError, match="line 3"):
        evaluate(fakes.request(tmp_path))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seed": 3}, "seed: 0, now 3"),
        ({"policy": "Looker"}, "policy: 'tests.fakes:Expert', now 'tests.fakes:Looker'"),
        ({"policy_options": {"noise": 0.5}}, "policy option 'noise': 'absent', now 0.5"),
        ({"protocol": "short"}, "fake: protocol name: 'plain', now 'short'"),
        ({"assets": "official"}, "fake: assets name: 'primitive', now 'official'"),
    ],
)
def test_another_run_in_the_folder_is_refused(tmp_path: Path, changes: dict[str, object], field: str) -> None:
    evaluate(fakes.request(tmp_path, episodes=1))
    with pytest.raises(RecordError) as caught:
        evaluate(fakes.request(tmp_path, **{"episodes": 1, **changes}))  # type: ignore[arg-type]
    assert field in str(caught.value)
    assert "--no-resume" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(load_run(tmp_path).records) == 3


def test_another_simulator_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate(fakes.request(tmp_path, episodes=1))
    monkeypatch.setenv(*fakes.Faults(provenance="2.0").item())
    with pytest.raises(RecordError, match=r"fake: point: '1.0', now '2.0'"):
        evaluate(fakes.request(tmp_path, episodes=2))


def test_starting_over_keeps_old_records_aside(tmp_path: Path) -> None:
    evaluate(fakes.request(tmp_path, episodes=1))
    old = (tmp_path / EPISODES).read_text()
    listener = fakes.Listener()
    run = evaluate(fakes.request(tmp_path, episodes=1, seed=5, resume=False), listener)
    assert {record.key.seed for record in run.records} == {5}
    (kept,) = tmp_path.glob(f"{EPISODES}.bak-*")
    assert kept.read_text() == old
    assert len(list(tmp_path.glob("actions.bak-*/*.npy"))) == 3
    assert len(run.manifest.sessions) == 1
    assert kept.name in listener.warnings[0]


def test_errors_are_run_again_only_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*fakes.Faults(at={"fake-t01-i00": {"kind": "raise", "step": 1}}).item())
    assert len(fakes.errors(evaluate(fakes.request(tmp_path)))) == 1
    monkeypatch.delenv(fakes.ENVIRONMENT)
    assert len(fakes.errors(evaluate(fakes.request(tmp_path)))) == 1
    mended = evaluate(fakes.request(tmp_path, retry_errors=True))
    assert not fakes.errors(mended)
    assert fakes.outcomes(mended) == fakes.outcomes(evaluate(fakes.request(tmp_path / "good")))
    assert fakes.outcomes(load_run(tmp_path)) == fakes.outcomes(mended)


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    manifest = evaluate(fakes.request(tmp_path, episodes=1)).manifest
    with RunFolder(tmp_path, manifest), pytest.raises(RecordError, match="is being written by process"):
        evaluate(fakes.request(tmp_path, episodes=1))
    evaluate(fakes.request(tmp_path, episodes=1))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match=r"cannot write .* choose another --out"):
        evaluate(fakes.request(tmp_path / "file" / "run"))
