"""A novice and an expert in turns: who acts when, what is marked, and that a learner is taught by the expert alone."""

from typing import ClassVar

import numpy as np
import pytest

from tests import demo_fakes
from tests.fakes import Expert
from vvla_policies.distill.demos import handover
from vvla_policies.distill.demos.collect import DemoRequest, collect
from vvla_policies.distill.demos.handover import Handover, novice_steps
from vvla_policies.distill.demos.inspection import find_files
from vvla_policies.distill.demos.verify import verify
from vvla_policies.errors import PolicyError, VvlaError
from vvla_policies.evaluation.records.keys import parse_key
from vvla_policies.policy import BatchedPolicy, PolicyCard, check_policy, sample_observation

h5py = pytest.importorskip("h5py")
SIGN = 0.25
NOVICE = f"{__name__}:Novice"


class Novice(BatchedPolicy):
    """Signs what it does."""

    def __init__(self, sign: float = SIGN) -> None:
        self.card = PolicyCard("novice", weights="n1", reads=("image", "state"), chunk=5)
        self._sign = sign

    def act_batch(self, obs, instructions, memories):
        return [np.tile(np.float32([0, 0, 0, 0, 0, self._sign, 1]), (5, 1)) for _ in obs]


class Watched(Novice):
    """Keeps whether its pictures are drawn."""

    seen: ClassVar[list[bool]] = []

    def act_batch(self, obs, instructions, memories):
        self.seen.extend(bool(one["image"].any()) for one in obs)
        return super().act_batch(obs, instructions, memories)


class WatchedExpert(Expert):
    """Keeps whether pictures are drawn for it, which it does not read."""

    seen: ClassVar[list[bool]] = []

    def act_batch(self, obs, instructions, memories):
        self.seen.extend(bool(one["image"].any()) for one in obs)
        return super().act_batch(obs, instructions, memories)


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(handover, "STINTS", ((1, 4), (1, 3), (0, 3)))
    monkeypatch.setattr(handover, "LEAD", 0)


def request(out, **changes):
    settings = {
        "suites": (demo_fakes.ADDRESS,), "out": out, "tasks": (0,), "per_task": 6, "policy": "tests.fakes:Expert",
        "policy_options": {"noise": 0.1}, "novice": NOVICE, "size": 16, "protocol": "plain", "workers": 0,
    }  # fmt: skip
    return DemoRequest(**{**settings, **changes})


def test_what_the_novice_did_is_recorded_and_marked(tmp_path):
    run = collect(request(tmp_path))
    assert run.manifest.policy["card"]["notes"]["novice"] == {"name": "novice", "weights": "n1"}
    (path,) = find_files(tmp_path)
    with h5py.File(path) as file:
        assert len(file["data"]) == 6
        for group in file["data"].values():
            actions, marked = group["actions"][()], group["disturbed"][()].astype(bool)
            key = parse_key(group.attrs["vvla_episode"], "fake")
            assert np.array_equal(marked, novice_steps(key.stream("policy"), actions))
            assert np.array_equal(marked, actions[:, 5] == SIGN)
            assert marked[0]
            assert not marked[-1]
    assert all(one.success and one.same for one in verify(path))


def test_pictures_are_drawn_for_the_novice_alone(tmp_path):
    names = {"policy": f"{__name__}:WatchedExpert", "novice": f"{__name__}:Watched"}
    run = collect(request(tmp_path / "blind", **names))
    assert len(Watched.seen) >= len(run.records)
    assert all(Watched.seen)
    assert WatchedExpert.seen
    assert not any(WatchedExpert.seen)
    assert [r.steps for r in run.records] == [r.steps for r in collect(request(tmp_path / "seeing")).records]


def test_turns_begin_with_the_novice_and_end_with_the_expert():
    for seed in range(50):
        turns = novice_steps(seed, np.zeros((40, 7)))
        changes = np.flatnonzero(np.diff(turns.astype(int)))
        assert turns[0]
        assert not turns[10:].any()
        assert len(changes) in (1, 3)


def test_the_expert_begins_in_half_of_the_episodes(monkeypatch):
    monkeypatch.setattr(handover, "LEAD", 20)
    turns = np.array([novice_steps(seed, np.zeros((40, 7))) for seed in range(400)])
    assert turns.any(axis=1).all()
    assert not turns[:, 30:].any()
    begins = turns.argmax(axis=1)
    assert 0.4 < np.mean(begins > 0) < 0.6
    assert begins.max() == 20


def test_it_keeps_the_rules_of_policies():
    policy = Handover("tests.fakes:Expert", NOVICE, {"sign": 0.5}, noise=0.0)
    assert set(policy.card.reads) == {"state", "privileged", "image"}
    assert policy.card.chunk == 5
    seen = [sample_observation(PolicyCard("any", reads=("image", "state")), seed) for seed in range(3)]
    check_policy(policy, [{**obs, "privileged": {"goal": np.zeros(3)}} for obs in seen])


def test_others_than_batched_policies_are_refused():
    with pytest.raises(PolicyError, match=r"--novice needs batched policies, and .* is none"):
        Handover("tests.fakes:Expert", "tests.fakes:Looker", {})


def test_noise_and_a_novice_exclude_each_other(tmp_path):
    with pytest.raises(VvlaError, match="--noise and --novice exclude each other: make two folders"):
        collect(request(tmp_path, noise=0.1))
