"""Recorded actions come out the same when they are run again, by the harness and by the policy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from vvla_policies.baselines.replay import ReplayPolicy

from tests import fakes
from vvla_policies import check_policy
from vvla_policies.errors import PolicyError, RecordError
from vvla_policies.evaluation.records.replay import replay_episode
from vvla_policies.evaluation.records.runs import SuiteEntry, load_run
from vvla_policies.evaluation.rollouts.evaluate import evaluate
from vvla_policies.observation import robosuite_gripper


def test_every_episode_comes_out_the_same(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, episodes=4, policy_options={"chunk": 3}))
    assert any(record.completed > 1 for record in run.records)
    for record in run.records:
        again, same = replay_episode(run, str(record.key))
        assert same
        assert again.outcome() == record.outcome()


def test_another_outcome_is_noticed(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, episodes=1, tasks=(0,)))
    record = run.records[0]
    assert not replay_episode(replace(run, records=(replace(record, steps=1),)), record.key).same
    assert not replay_episode(replace(run, records=(replace(record, fixtures="moved"),)), record.key).same


def test_an_episode_with_an_error_is_replayed_as_far_as_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*fakes.Faults(at={"fake-t00-i00": {"kind": "raise", "step": 3}}).item())
    run = evaluate(fakes.request(tmp_path, episodes=1, tasks=(0,)))
    monkeypatch.delenv(fakes.ENVIRONMENT)
    again, same = replay_episode(run, run.records[0].key)
    assert same
    assert again.steps == 3


def test_an_unknown_key_is_one_line(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, episodes=1))
    with pytest.raises(RecordError, match="its keys look like 'fake-t00-i00-s0'"):
        replay_episode(run, "fake-t09")


def test_damaged_actions_are_noticed(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, episodes=1))
    np.save(tmp_path / "actions" / "fake-t00-i00-s0.npy", np.zeros((3, 7), np.float32))
    with pytest.raises(RecordError, match="other hash"):
        replay_episode(load_run(tmp_path), run.records[0].key)


def test_other_assets_are_noticed(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, episodes=1))
    entry: SuiteEntry = replace(run.manifest.suites["fake"], assets={"name": "primitive", "fingerprint": "older"})
    other = replace(run, manifest=replace(run.manifest, suites={"fake": entry}))
    with pytest.raises(RecordError, match="primitive assets older"):
        replay_episode(other, run.records[0].key)


def test_the_policy_plays_a_run(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path / "run", episodes=3, tasks=(0, 1)))
    options = {"actions": str(tmp_path / "run"), "chunk": 4}
    again = evaluate(fakes.request(tmp_path / "again", "replay", episodes=3, tasks=(0, 1), policy_options=options))
    assert [r.actions for r in again.records] == [r.actions for r in run.records]
    assert [(r.success, r.steps) for r in again.records] == [(r.success, r.steps) for r in run.records]
    more = evaluate(fakes.request(tmp_path / "more", "replay", episodes=4, tasks=(0,), policy_options=options))
    assert fakes.errors(more) == {"fake-t00-i03-s0": "PolicyError"}


def test_the_policy_plays_a_demonstration(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    actions = np.random.default_rng(0).uniform(-1, 1, (3, 7))
    path = tmp_path / "task_demo.hdf5"
    with h5py.File(path, "w") as file:
        file["data/demo_0/actions"] = np.zeros((2, 7))
        file["data/demo_1/actions"] = actions
    policy = ReplayPolicy(path, demo=1)
    memory = policy.initial_memory(0)
    played = np.concatenate([policy.act_batch([{}], [""], [memory])[0] for _ in range(4)])
    np.testing.assert_array_equal(played[:3], robosuite_gripper(actions).astype(np.float32))
    np.testing.assert_array_equal(played[3], [0, 0, 0, 0, 0, 0, played[2, 6]])
    check_policy(policy)
    with pytest.raises(PolicyError, match="demonstrations 0 to 1, not 2"):
        ReplayPolicy(path, demo=2)


def test_files_that_hold_no_actions(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot read"):
        ReplayPolicy(tmp_path / "absent.npy")
    np.save(tmp_path / "wrong.npy", np.zeros((3, 6)))
    with pytest.raises(PolicyError, match=r"\(3, 6\)"):
        ReplayPolicy(tmp_path / "wrong.npy")
