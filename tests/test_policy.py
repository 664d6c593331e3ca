from __future__ import annotations

import numpy as np
import pytest

from vvla_policies import BatchedPolicy, Policy, PolicyCard, check_policy, load_policy
from vvla_policies.errors import PolicyError, UnknownNameError, VvlaError
from vvla_policies.policy import as_chunk

CARD = PolicyCard(name="p", chunk=4)


class Echo(Policy):
    card = PolicyCard(name="echo", reads=("state",))

    def act(self, obs, instruction):
        return np.tanh(obs["state"][:7])


class Forgetful(Policy):
    """Breaks determinism: its actions depend on how often it was ever called."""

    card = PolicyCard(name="forgetful", reads=("state",))
    calls = 0

    def act(self, obs, instruction):
        self.calls += 1
        return np.full(7, 0.01 * self.calls)


class Vandal(Echo):
    def act(self, obs, instruction):
        obs["state"][:] = 0
        return np.zeros(7)


class Gossip(BatchedPolicy):
    card = PolicyCard(name="gossip", reads=("state",))

    def act_batch(self, obs, instructions, memories):
        mean = np.mean([o["state"][:7] for o in obs], axis=0)
        return [np.tanh(mean) for _ in obs]


@pytest.mark.parametrize("name", ["noop", "random"])
def test_own_policies_conform(name):
    check_policy(load_policy(name))
    check_policy(load_policy(name, chunk=3, cameras=True))


def test_third_party_policy_conforms():
    check_policy(Echo())


@pytest.mark.parametrize(
    ("policy", "says"), [(Forgetful(), "other actions"), (Vandal(), "wrote into"), (Gossip(), "batch mates")]
)
def test_kit_finds_broken_rules(policy, says):
    with pytest.raises(PolicyError, match=says):
        check_policy(policy)


def test_one_action_becomes_a_chunk_of_its_own():
    action = np.arange(7.0)
    chunk = as_chunk(action, CARD)
    action[:] = 0
    assert chunk.shape == (1, 7)
    assert chunk.dtype == np.float32
    assert chunk[0, 6] == 6


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (np.zeros(6), r"shape \(6,\)"),
        (np.zeros((0, 7)), "shape"),
        (np.zeros((1, 1, 7)), "shape"),
        (np.zeros((5, 7)), "at most 4"),
        (np.array([0, 0, np.nan, 0, 0, 0, 0]), "nan at action 0, entry 2"),
        (np.array([0, 0, 0, 0, 0, 0, np.inf]), "inf"),
        ("left", "not numbers"),
        (None, "returned"),
    ],
)
def test_bad_actions_are_named(bad, says):
    with pytest.raises(PolicyError, match=says):
        as_chunk(bad, CARD)


def test_random_is_a_function_of_the_seed():
    policy = load_policy("random")
    policy.reset(seed=3)
    first = policy.act({}, "")
    policy.reset(seed=3)
    assert np.array_equal(first, policy.act({}, ""))
    policy.reset(seed=4)
    assert not np.array_equal(first, policy.act({}, ""))


def test_card_refuses_unknown_keys():
    with pytest.raises(PolicyError, match="depth"):
        PolicyCard(name="p", reads=("depth",))


def test_unknown_policy_suggests_a_near_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'random'"):
        load_policy("randon")


@pytest.mark.parametrize("name", ["nowhere.at_all:Thing", "vvla_policies.policy:Nothing"])
def test_policy_by_place_that_is_not_there(name):
    with pytest.raises(VvlaError, match="module"):
        load_policy(name)


def test_unknown_option_is_refused():
    with pytest.raises(PolicyError, match=r"takes no option \['colour'\]"):
        load_policy("noop", colour="red")


def test_a_class_that_is_no_policy_is_refused():
    with pytest.raises(PolicyError, match="subclasses"):
        load_policy("collections:OrderedDict")
