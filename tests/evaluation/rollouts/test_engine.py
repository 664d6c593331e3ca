"""A result is a function of the episode's key: not of workers, order, batches or what ran before."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests import fakes
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import hash_actions, load_run
from vvla_policies.evaluation.rollouts import crew as module
from vvla_policies.evaluation.rollouts.evaluate import evaluate
from vvla_policies.evaluation.rollouts.schedule import Queue


@pytest.mark.parametrize(("policy", "options"), [("Expert", {"chunk": 2}), ("Looker", {"chunk": 3})])
def test_workers_do_not_change_outcomes(tmp_path: Path, policy: str, options: dict[str, int]) -> None:
    runs = [
        evaluate(fakes.request(tmp_path / str(workers), policy, policy_options=options, workers=workers))
        for workers in (0, 1, 3)
    ]
    assert len(runs[0].records) == 6
    assert not fakes.errors(runs[0])
    assert fakes.outcomes(runs[0]) == fakes.outcomes(runs[1]) == fakes.outcomes(runs[2])
    assert {record.worker for record in runs[2].records} == {0, 1, 2}


def test_outcomes_differ_between_keys(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, episodes=5))
    assert len({record.actions for record in run.records}) == 15
    assert len({record.fixtures for record in run.records}) == 15
    assert 0 < sum(record.success for record in run.records) < 15 or len({r.steps for r in run.records}) > 5


def test_order_and_batch_size_do_not_change_outcomes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate(fakes.request(tmp_path / "a", episodes=5, workers=2))
    prepare = module.prepare

    def shuffled(*args: object) -> object:
        prepared = prepare(*args)  # type: ignore[arg-type]
        return replace(prepared, keys=random.Random(3).sample(list(prepared.keys), len(prepared.keys)))

    monkeypatch.setattr(module, "prepare", shuffled)
    mixed = evaluate(fakes.request(tmp_path / "b", episodes=5, workers=3, batch_size=2))
    assert fakes.outcomes(whole) == fakes.outcomes(mixed)


def test_more_episodes_than_initial_states_cycle_with_the_next_seed(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, episodes=7, tasks=(1,)))
    assert [(r.key.init_state, r.key.seed) for r in run.records][:4] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert run.records[0].actions != run.records[1].actions


def test_actions_are_those_that_were_executed(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, "Looker", policy_options={"chunk": 7}))
    for record in run.records:
        actions = run.actions(record.key)
        assert actions.shape == (record.steps, 7)
        assert record.steps == fakes.STEPS
        assert hash_actions(actions) == record.actions
        assert record.calls == 5  # 4 chunks of 7 and the first two actions of another


def test_the_limit_truncates(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, "noop", protocol="short"))
    assert all(r.truncated and not r.success and r.error is None and r.steps == 4 for r in run.records)


def test_clipped_actions_are_counted_and_kept_as_they_were(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, policy_options={"noise": 5.0}, tasks=(0,)))
    assert run.records[0].clipped > 0
    assert abs(run.actions(run.records[0].key)).max() > 1


def test_a_renewed_instruction_starts_the_memory_afresh(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path, "Counting", tasks=(fakes.CHAIN,), episodes=5))
    chains = [record for record in run.records if record.completed]
    assert chains
    for record in chains:
        actions = run.actions(record.key)
        starts = [k for k, count in enumerate(actions[:, 3] * 100) if round(float(count)) == 1]
        assert len(starts) == record.completed + (not record.success)
        assert len({float(actions[k, 4]) for k in starts}) == len(starts), "each memory has its own seed"
        assert record.instruction == "reach goal 2 0"


def test_a_batched_policy_is_asked_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*fakes.Faults(step_seconds=0.002).item())
    fakes.Remembering.batches.clear()
    whole = evaluate(fakes.request(tmp_path / "a", "Remembering", episodes=3, workers=2))
    assert set(fakes.Remembering.batches) >= {1, 2}
    fakes.Remembering.batches.clear()
    single = evaluate(fakes.request(tmp_path / "b", "Remembering", episodes=3, workers=2, batch_size=1))
    assert set(fakes.Remembering.batches) == {1}
    assert fakes.outcomes(whole) == fakes.outcomes(single)


def test_a_plain_policy_has_an_instance_per_slot(tmp_path: Path) -> None:
    fakes.Looker.built = 0
    evaluate(fakes.request(tmp_path, "Looker", workers=2, episodes=3))
    assert fakes.Looker.built == 2


def test_seconds_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*fakes.Faults(step_seconds=0.002, draw_seconds=0.005).item())
    run = evaluate(fakes.request(tmp_path, "Looker", tasks=(0,), workers=1))
    for record in run.records:
        phases = dict(record.seconds)
        total = phases.pop("total")
        assert sum(phases.values()) == pytest.approx(total, abs=1e-4)
        assert phases["physics"] >= 0.002 * record.steps
        assert phases["drawing"] >= 0.005 * record.calls
    (session,) = run.manifest.sessions
    assert session.episodes == 2
    assert session.seconds is not None
    assert session.seconds > sum(record.seconds["total"] for record in run.records)


def test_a_reporter_hears_of_everything(tmp_path: Path) -> None:
    listener = fakes.Listener()
    run = evaluate(fakes.request(tmp_path), listener)
    assert len(listener.todo) == len(listener.begun) == len(listener.records) == 6
    assert listener.run is not None
    assert listener.run.records == run.records == load_run(tmp_path).records
    assert run.complete


def test_a_slot_stays_with_its_task(tmp_path: Path) -> None:
    listener = fakes.Listener()
    evaluate(fakes.request(tmp_path, episodes=5, workers=3, protocol="short"), listener)
    first = {}
    for key, worker in listener.begun[:9]:
        first.setdefault(worker, []).append(key[:8])
    assert len({tasks[0] for tasks in first.values()}) == 3


def test_the_queue_shares_the_largest_rest() -> None:
    keys = [EpisodeKey("s", 0, k, 0) for k in range(5)] + [EpisodeKey("s", 1, k, 0) for k in range(2)]
    queue = Queue(keys)
    a, b, c = queue.take(), queue.take(), queue.take()
    assert [key and key.task for key in (a, b, c)] == [0, 1, 0]
    b = queue.take(b)
    assert b is not None
    assert b.task == 1
    b = queue.take(b)
    assert b is not None
    assert b.task == 0
    rest = [queue.take(b) for _ in range(3)]
    assert rest[-1] is None
    assert len(queue) == 0


def test_numbers_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VvlaError, match="--workers"):
        evaluate(fakes.request(tmp_path, workers=-1))
    with pytest.raises(VvlaError, match="--batch-size"):
        evaluate(fakes.request(tmp_path, batch_size=0))
    with pytest.raises(VvlaError, match="--episodes"):
        evaluate(fakes.request(tmp_path, episodes=0))
    with pytest.raises(VvlaError, match="no task 3"):
        evaluate(fakes.request(tmp_path, tasks=(3,)))
    with pytest.raises(VvlaError, match="--shard"):
        evaluate(fakes.request(tmp_path, shard=(2, 2)))


def test_the_default_folder_is_named_after_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = evaluate(fakes.request(None, "noop", shard=(0, 3), protocol="short"))
    assert run.folder == Path("results/noop-tests.fakes.SUITE-short-primitive-s0-shard1of3")
