"""A policy that runs out of memory is asked in smaller batches; what was under way begins again."""

from pathlib import Path

import numpy as np
import pytest

from tests import fakes
from tests.faults.hungry import Hungry
from vvla_policies.evaluation.records.runs import EpisodeRecord
from vvla_policies.evaluation.rollouts.engine import Engine
from vvla_policies.evaluation.rollouts.evaluate import evaluate
from vvla_policies.evaluation.rollouts.hosting import PolicyHost
from vvla_policies.evaluation.rollouts.preparation import prepare
from vvla_policies.evaluation.rollouts.schedule import Queue
from vvla_policies.evaluation.rollouts.slots import LocalSlot

POLICY = "tests.faults.hungry:Hungry"


def run_in_slots(slots: int, room: int) -> list[EpisodeRecord]:
    """All 15 episodes in so many slots of this process, which ask all at the same time."""
    records: list[EpisodeRecord] = []

    def save(record: EpisodeRecord, actions: np.ndarray) -> None:
        records.append(record)

    host = PolicyHost(POLICY, {"room": room})
    prepared = prepare(host.card, [fakes.SUITE_ADDRESS], None, 5, 0)
    places = [LocalSlot(number) for number in range(slots)]
    Engine(
        prepared.suites, prepared.scenes, Queue(prepared.keys), host, places, save, lambda key, slot: None,
        batch_size=slots, stall_seconds=60,
    ).run()  # fmt: skip
    return sorted(records, key=lambda record: record.key)


@pytest.mark.parametrize("room", [1, 3, 7])
def test_the_batch_is_halved_and_outcomes_are_the_same(
    tmp_path: Path, room: int, caplog: pytest.LogCaptureFixture
) -> None:
    whole = evaluate(fakes.request(tmp_path, POLICY, episodes=5))
    Hungry.batches.clear()
    records = run_in_slots(slots=8, room=room)
    assert [record.outcome() for record in records] == fakes.outcomes(whole)
    expected = [batch for batch in (8, 4, 2) if batch > room]
    assert [batch for batch in Hungry.batches if batch > room] == expected, "one failure for each size"
    assert len(caplog.records) == len(expected)
    assert f"at most {expected[-1] // 2} questions" in caplog.text


def test_one_question_that_does_not_fit_is_an_error_of_its_episode() -> None:
    records = run_in_slots(slots=2, room=0)
    assert {record.error.type for record in records if record.error} == {"RuntimeError"}
    assert all(record.error for record in records)
