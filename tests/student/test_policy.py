"""The policy: conventions, histories of different lengths in one batch, the cache, settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from tests.student.small import layout, tiny_student
from vvla_policies import load_policy
from vvla_policies.errors import PolicyError, VvlaError
from vvla_policies.inputs import pictures, proprioception
from vvla_policies.observation import Observation
from vvla_policies.policy import check_policy, sample_observation
from vvla_policies.student.network import Student
from vvla_policies.student.policy import StudentMemory, StudentPolicy
from vvla_policies.student.weights import make_card

INSTRUCTIONS = ("push", "open the top drawer of the cabinet", "put the bowl on the stove")
SETTINGS: tuple[dict[str, Any], ...] = (
    {"history": 1, "mode": "chunk"},
    {"history": 3, "mode": "ensemble"},
    {"history": 4, "pad": True, "mode": "index", "index": 1},
)
CALLS = 6


@pytest.fixture(scope="module")
def student() -> Student:
    return tiny_student()


def policy(student: Student, **options: Any) -> StudentPolicy:
    return StudentPolicy.around(student, make_card(student.config, "libero"), **options)


def episode(which: int) -> list[Observation]:
    card = load_policy("random", cameras=True).card
    return [sample_observation(card, 100 * which + k) for k in range(CALLS)]


def predictions(acting: StudentPolicy, order: Sequence[int], together: bool) -> dict[int, list[np.ndarray]]:
    """Actions of three episodes that begin one call apart; the probability of the gripper stays as predicted."""
    episodes, memories = [episode(e) for e in range(3)], [acting.initial_memory(e) for e in range(3)]
    told: dict[int, list[np.ndarray]] = {e: [] for e in range(3)}
    for call in range(CALLS + 2):
        now = [e for e in order if 0 <= call - e < CALLS]
        for group in [now] if together else [[e] for e in now]:
            chunks = acting.act_batch(
                [episodes[e][call - e] for e in group], [INSTRUCTIONS[e] for e in group], [memories[e] for e in group]
            )
            for e, chunk in zip(group, chunks, strict=True):
                told[e].append(chunk)
    return told


def difference(a: dict[int, list[np.ndarray]], b: dict[int, list[np.ndarray]]) -> float:
    return max(float(np.abs(x - y).max()) for e in a for x, y in zip(a[e], b[e], strict=True))


@pytest.mark.parametrize("settings", SETTINGS)
def test_batches_of_different_histories_equal_single_calls(student: Student, settings: dict[str, Any]) -> None:
    acting = policy(student, lanes=0, **settings)
    alone = predictions(acting, (0, 1, 2), together=False)
    assert difference(predictions(acting, (2, 0, 1), together=True), alone) < 1e-5
    assert np.std([chunk[0, :6] for chunk in alone[0]], axis=0).max() > 1e-2  # the comparison is not of constants


@pytest.mark.parametrize("settings", SETTINGS)
def test_cached_equals_uncached(student: Student, settings: dict[str, Any]) -> None:
    cached = predictions(policy(student, **settings), (0, 1, 2), together=True)
    assert difference(cached, predictions(policy(student, cache=False, **settings), (0, 1, 2), together=True)) < 1e-5


@pytest.mark.parametrize("lanes", [1, 4])
def test_batch_mates_do_not_change_a_bit(student: Student, lanes: int) -> None:
    acting = policy(student, lanes=lanes, history=3)
    alone = predictions(acting, (0, 1, 2), together=False)
    for order in ((0, 1, 2), (2, 0, 1)):
        assert difference(predictions(acting, order, together=True), alone) == 0.0


@pytest.mark.parametrize("settings", SETTINGS)
def test_actions_are_those_of_the_network_on_the_window(student: Student, settings: dict[str, Any]) -> None:
    acting = policy(student, **{**settings, "mode": "chunk"})
    memory, shown = acting.initial_memory(0), episode(0)
    for call, obs in enumerate(shown):
        (chunk,) = acting.act_batch([obs], ["push"], [memory])
        frames = shown[max(0, call + 1 - acting.execution.history) : call + 1]
        frames += frames[-1:] * (acting.execution.history - len(frames)) if acting.execution.pad else []
        seen = torch.from_numpy(np.stack([pictures(o, acting.inputs) for o in frames]))[None]
        felt = torch.from_numpy(np.stack([proprioception(o, acting.inputs) for o in frames]))[None]
        with torch.no_grad():
            answer = student(layout(student.config).batch(["push"], len(frames)), seen, felt).actions.joined()[0, -1]
        assert np.allclose(chunk[:, :6], answer[:, :6].numpy(), atol=1e-5)
        assert np.array_equal(chunk[:, 6] > 0, answer[:, 6].numpy() > 0.5)


def test_a_new_instruction_starts_afresh(student: Student) -> None:
    acting = policy(student, history=3)
    memory, shown = acting.initial_memory(0), episode(0)
    for obs in shown[:2]:
        acting.act_batch([obs], ["push"], [memory])
    (after,) = acting.act_batch([shown[2]], ["open"], [memory])
    (fresh,) = acting.act_batch([shown[2]], ["open"], [acting.initial_memory(0)])
    assert np.array_equal(after, fresh)


def test_keys_and_values_are_dropped_once_the_window_slides(student: Student) -> None:
    acting = policy(student, history=3)
    memory = acting.initial_memory(0)
    assert isinstance(memory, StudentMemory)
    kept = []
    for obs in episode(0)[:4]:
        acting.act_batch([obs], ["push"], [memory])
        kept.append(len(memory.past) if memory.past else 0)
    step = len(acting.layout.round("push"))
    assert kept == [step, 2 * step, 0, 0]
    assert len(memory.frames) == 3


@pytest.mark.parametrize("benchmark", ["libero", "calvin"])
def test_the_kit_passes(benchmark: str) -> None:
    acting = load_policy("student", benchmark=benchmark)
    check_policy(acting)
    assert acting.card.benchmarks == (benchmark,)
    assert acting.card.history == 1
    assert acting.card.chunk == 8
    assert acting.card.weights == load_policy("student", benchmark=benchmark).card.weights


def test_presets_read_what_the_paper_reads() -> None:
    from vvla_policies.student.config import default_inputs, get_preset

    libero, calvin = (default_inputs(get_preset("vita-1.5-7b"), name) for name in ("libero", "calvin"))
    assert (libero.size, libero.raw, libero.rotation, libero.gripper) == (200, True, "euler", "fingers")
    assert (calvin.size, calvin.raw, calvin.rotation, calvin.gripper) == (200, False, "euler", "one_hot")


def test_settings_reach_execution_and_inputs(student: Student) -> None:
    acting = policy(student, history=2, rotation="axis_angle", gripper="one_hot")
    assert (acting.execution.history, acting.inputs.rotation, acting.inputs.gripper) == (2, "axis_angle", "one_hot")
    assert acting.card.notes["rotation"] == "axis_angle"
    with pytest.raises(PolicyError, match=r"takes no option \['histroy'\]"):
        policy(student, histroy=2)
    with pytest.raises(PolicyError, match="needs 5 predicted steps; the model predicts 3"):
        policy(student, mode="index", index=4)


def test_bfloat16_acts_nearly_the_same() -> None:
    full, half = (load_policy("student", dtype=dtype) for dtype in ("float32", "bfloat16"))
    obs = sample_observation(full.card)
    a, b = (np.asarray(acting.act(obs, "push the plate")) for acting in (full, half))
    assert np.abs(a[:, :6] - b[:, :6]).max() < 0.05


def test_what_is_not_offered_is_said_in_one_line() -> None:
    with pytest.raises(VvlaError, match="dtype 'float8' is not offered; choose from float32, bfloat16"):
        load_policy("student", dtype="float8")
    with pytest.raises(VvlaError, match="choose from sdpa, eager, flash_attention_2"):
        load_policy("student", attention="fast")
    with pytest.raises(VvlaError, match="no checkpoint at"):
        load_policy("student", checkpoint="/nowhere")
