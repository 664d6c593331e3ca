"""The policy: one contract, batches that change nothing, frames encoded once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from vvla_policies import check_policy, load_policy  # noqa: E402
from vvla_policies.errors import PolicyError, UnknownNameError, VvlaError  # noqa: E402
from vvla_policies.execution import threshold_gripper  # noqa: E402
from vvla_policies.inputs import pictures, proprioception  # noqa: E402
from vvla_policies.observation import Observation  # noqa: E402
from vvla_policies.policy import PolicyCard, sample_observation  # noqa: E402
from vvla_policies.teacher.config import PRESETS, get_preset  # noqa: E402
from vvla_policies.teacher.network import Seer  # noqa: E402
from vvla_policies.teacher.policy import SeerPolicy, TeacherPolicy, random_teacher  # noqa: E402
from vvla_policies.teacher.weights import make_card, save_teacher  # noqa: E402

LONG: dict[str, Any] = {
    "history": 5, "hidden": 48, "heads": 3, "layers": 2, "decoder_heads": 3, "vision_width": 48, "vision_heads": 3,
    "picture": 32,
}  # fmt: skip
WORDS = ["open the drawer", "close the drawer", "pick up the cup"]


def teacher(lanes: int = 1, device: str = "cpu", **execution: Any) -> SeerPolicy:
    """A tiny teacher with a history of five, random weights, the same ones at every call."""
    torch.manual_seed(0)
    seer = Seer(get_preset("seer-mini", **LONG))
    torch.nn.init.normal_(seer.action_pred_token)
    return SeerPolicy(seer, make_card(seer, "seer-mini", "libero"), device=device, lanes=lanes, **execution)


def frames(episode: int, count: int) -> list[Observation]:
    return [
        sample_observation(PolicyCard("x", image_sizes={"image": (40, 40)}), 100 * episode + k) for k in range(count)
    ]


def alone(policy: SeerPolicy, episode: int, count: int) -> list[np.ndarray]:
    policy.reset(seed=episode)
    return [policy.act(obs, WORDS[episode]) for obs in frames(episode, count)]


@pytest.mark.parametrize(
    "execution", [{}, {"mode": "ensemble"}, {"mode": "index", "index": 2}, {"history": 1}], ids=str
)
@pytest.mark.parametrize("lanes", [1, 3])
def test_contract(execution: dict[str, Any], lanes: int) -> None:
    check_policy(teacher(lanes, **execution))


def act_in_step(policy: SeerPolicy, starts: list[int], calls: int) -> list[list[np.ndarray]]:
    """Episodes that begin at different calls, so that histories of different lengths meet in a batch."""
    memories = [policy.initial_memory(k) for k in range(len(starts))]
    shown, given = [frames(k, calls) for k in range(len(starts))], [[] for _ in starts]
    for call in range(calls):
        here = [k for k, start in enumerate(starts) if call >= start]
        obs = [shown[k][call - starts[k]] for k in here]
        chunks = policy.act_batch(obs, [WORDS[k] for k in here], [memories[k] for k in here])
        for k, chunk in zip(here, chunks, strict=True):
            given[k].append(chunk)
    return given


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_a_batch_of_different_histories_equals_single_calls(lanes: int) -> None:
    policy = teacher(lanes, mode="ensemble")
    together = act_in_step(policy, starts=[0, 2, 5], calls=8)
    for episode, chunks in enumerate(together):
        for one, two in zip(chunks, alone(teacher(1, mode="ensemble"), episode, len(chunks)), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("lanes", [1, 4])
def test_batch_mates_do_not_change_a_bit(lanes: int) -> None:
    policy = teacher(lanes)
    together = act_in_step(policy, starts=[1, 0, 3], calls=7)
    for episode, chunks in enumerate(together):
        for one, two in zip(chunks, alone(policy, episode, len(chunks)), strict=True):
            np.testing.assert_array_equal(one, two)


def test_cached_equals_uncached() -> None:
    """Every call equals the network over the whole window, with all its frames encoded anew."""
    policy = teacher()
    shown = frames(0, 8)
    for newest, chunk in enumerate(alone(policy, 0, 8)):
        window = shown[max(0, newest - 4) : newest + 1]
        np.testing.assert_allclose(chunk, from_scratch(policy, window, WORDS[0]), atol=1e-5)


def from_scratch(policy: SeerPolicy, window: list[Observation], words: str) -> np.ndarray:
    seer = policy.seer
    with torch.inference_mode():
        seen = torch.from_numpy(np.stack([pictures(obs, policy.inputs) for obs in window]))
        state = torch.from_numpy(np.stack([proprioception(obs, policy.inputs) for obs in window]))
        features = seer(seer.encode(seen, seer.read([words] * len(window)), state)[None])
        return threshold_gripper(seer.decode(features.action[0, -1]).joined().numpy())


def test_each_frame_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, seen = teacher(), []
    see = policy.seer.see
    monkeypatch.setattr(policy.seer, "see", lambda pictures: seen.append(len(pictures)) or see(pictures))
    alone(policy, 0, 6)
    assert seen == [1] * 6


def test_history_counts_and_a_new_instruction_forgets_it() -> None:
    policy = teacher()
    first, second = frames(0, 2)
    policy.reset(seed=0)
    fresh = policy.act(second, WORDS[1])
    policy.reset(seed=0)
    policy.act(first, WORDS[1])
    assert not np.array_equal(policy.act(second, WORDS[1]), fresh)
    policy.reset(seed=0)
    policy.act(first, WORDS[0])
    np.testing.assert_array_equal(policy.act(second, WORDS[1]), fresh)


def test_by_name_with_a_checkpoint(tmp_path: Path) -> None:
    seer, card = random_teacher(seed=1)
    save_teacher(tmp_path, seer, replace(card, trained_on="primitive"))
    policy = load_policy("teacher", checkpoint=tmp_path, device="cpu", steps=3)
    told = policy.card
    assert (told.name, told.chunk, told.history, told.benchmarks, told.trained_on) == (
        "teacher", 3, 1, ("libero",), "primitive",
    )  # fmt: skip
    assert told.weights == TeacherPolicy(preset="seer-mini", seed=1, device="cpu").card.weights
    check_policy(policy)


def test_options_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="takes no option"):
        load_policy("teacher", stepps=3)
    with pytest.raises(PolicyError, match="needs 9 predicted steps; the model predicts 8"):
        load_policy("teacher", steps=9)
    with pytest.raises(PolicyError, match="a history of 3 is more than the 1"):
        load_policy("teacher", history=3)
    with pytest.raises(UnknownNameError, match="unknown teacher preset"):
        load_policy("teacher", preset="sear")
    with pytest.raises(UnknownNameError, match="unknown benchmark"):
        load_policy("teacher", benchmark="metaworld")
    with pytest.raises(VvlaError, match="no checkpoint at"):
        load_policy("teacher", checkpoint="not-there")


def test_published_sizes_ask_for_their_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "seer", get_preset("seer", hidden=48, heads=3, layers=1))
    with pytest.raises(VvlaError, match="needs its frozen encoders: add vision=facebook/vit-mae-base"):
        load_policy("teacher", preset="seer")


@pytest.mark.gpu
def test_on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    for ours, theirs in zip(alone(teacher(), 0, 6), alone(teacher(4, "cuda"), 0, 6), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
