"""Baselines that imitate, as policies: one contract, their seeds' noise, batches that change nothing."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from vvla_policies.baselines.imitation.checkpoints import build, load  # noqa: E402

import vvla_policies.pretrained as pretrained  # noqa: E402
from tests.baselines.imitation.small import METHODS, SHARED, SIZES, policy  # noqa: E402
from vvla_policies import check_policy, load_policy  # noqa: E402
from vvla_policies.errors import PolicyError, VvlaError  # noqa: E402
from vvla_policies.policy import PolicyCard, sample_observation  # noqa: E402
from vvla_policies.pretrained import save_pretrained  # noqa: E402

WORDS = ["open the drawer", "close the drawer", "pick up the cup"]
CASES = [*((method, {}) for method in METHODS), ("act", {"mode": "ensemble"}), ("act", {"steps": 1})]


def frames(episode, count):
    return [
        sample_observation(PolicyCard("x", image_sizes={"image": (20, 20)}), 100 * episode + k) for k in range(count)
    ]


def alone(policy, episode, count, seed=None):
    policy.reset(seed=episode if seed is None else seed)
    return [policy.act(obs, WORDS[episode]) for obs in frames(episode, count)]


def act_in_step(policy, starts, calls):
    """Episodes that begin at different calls."""
    memories = [policy.initial_memory(k) for k in range(len(starts))]
    shown, given = [frames(k, calls) for k in range(len(starts))], [[] for _ in starts]
    for call in range(calls):
        here = [k for k, start in enumerate(starts) if call >= start]
        obs = [shown[k][call - starts[k]] for k in here]
        chunks = policy.act_batch(obs, [WORDS[k] for k in here], [memories[k] for k in here])
        for k, chunk in zip(here, chunks, strict=True):
            given[k].append(chunk)
    return given


@pytest.mark.parametrize(("method", "execution"), CASES, ids=str)
@pytest.mark.parametrize("lanes", [1, 3])
def test_contract(method, execution, lanes):
    check_policy(policy(method, lanes, **execution))


@pytest.mark.parametrize(("method", "execution"), CASES, ids=str)
@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_batch_mates_do_not_change_a_bit(method, execution, lanes):
    ours = policy(method, lanes, **execution)
    for episode, chunks in enumerate(act_in_step(ours, starts=[1, 0, 3], calls=6)):
        for one, two in zip(chunks, alone(ours, episode, len(chunks)), strict=True):
            np.testing.assert_array_equal(one, two)
        for one, two in zip(chunks, alone(policy(method, 1, **execution), episode, len(chunks)), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-4)


@pytest.mark.parametrize(("method", "drawn"), [("act", False), ("diffusion", True), ("bc-transformer", True)])
def test_noise_comes_from_the_seed(method, drawn):
    ours = policy(method)
    first = np.concatenate(alone(ours, 0, 3, seed=5))
    torch.manual_seed(9)
    np.random.seed(9)  # noqa: NPY002
    assert np.array_equal(np.concatenate(alone(ours, 0, 3, seed=5)), first)
    assert np.array_equal(np.concatenate(alone(ours, 0, 3, seed=6)), first) != drawn


@pytest.mark.parametrize("method", METHODS)
def test_history_counts_and_a_new_instruction_forgets_it(method):
    ours = policy(method)
    first, second = frames(0, 2)
    fresh = ours.initial_memory(0)
    used = ours.initial_memory(0)
    used.rng = fresh.rng  # what is left of the noise is compared below
    ours.act_batch([first], [WORDS[1]], [used])
    state = used.rng.bit_generator.state
    followed = ours.act_batch([second], [WORDS[1]], [used])[0]
    used.rng.bit_generator.state = state
    again = ours.act_batch([second], [WORDS[2]], [used])[0]
    fresh.rng.bit_generator.state = state
    np.testing.assert_array_equal(again, ours.act_batch([second], [WORDS[2]], [fresh])[0])
    fresh = ours.initial_memory(0)
    fresh.rng.bit_generator.state = state
    assert not np.array_equal(followed, ours.act_batch([second], [WORDS[1]], [fresh])[0])


@pytest.mark.parametrize("method", METHODS)
def test_a_checkpoint_opens_by_name(method, tmp_path):
    net, card = build(method, f"{method}-mini", "libero", 3, **{**SHARED, **SIZES[method]})
    net.calibrate(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)))
    save_pretrained(tmp_path, net.state_dict(), card)
    opened = load(method, tmp_path)[0]
    assert all(torch.equal(value, opened.state_dict()[name]) for name, value in net.state_dict().items())
    assert opened.config == net.config
    ours = load_policy(method, checkpoint=tmp_path, device="cpu")
    length = {"act": 2, "diffusion": 2, "bc-transformer": 1}[method]
    assert (ours.card.name, ours.card.chunk, ours.card.benchmarks) == (method, length, ("libero",))
    assert ours.card.reads == ("image", "wrist_image", "eef_pos", "eef_quat", "gripper_qpos")
    check_policy(ours)
    other = next(name for name in METHODS if name != method)
    with pytest.raises(VvlaError, match=f"is a {method}, not a {other}"):
        load_policy(other, checkpoint=tmp_path)


def test_one_that_comes_with_the_package_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "BUNDLED", tmp_path)
    net, card = build("act", "act-mini", "libero", 3, **{**SHARED, **SIZES["act"]})
    save_pretrained(tmp_path / "act-mini-libero", net.state_dict(), card)
    assert load_policy("act", device="cpu").card.notes["checkpoint"] == "bundled act-mini-libero"
    assert load_policy("act", preset="act-mini", device="cpu").card.notes["checkpoint"] == "random weights"


def test_random_weights_are_said_to_be(caplog, monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "BUNDLED", tmp_path)
    assert load_policy("act", device="cpu").card.notes["checkpoint"] == "random weights"
    assert "policy 'act' has random weights" in caplog.text


def test_options_that_cannot_be():
    with pytest.raises(PolicyError, match="takes no option"):
        load_policy("diffusion", mode="ensemble")
    with pytest.raises(PolicyError, match="needs 17 predicted steps; the model predicts 16"):
        load_policy("act", steps=17)
    with pytest.raises(PolicyError, match="a history of 11 is more than the 10"):
        load_policy("bc-transformer", history=11)
