"""Sizes of the presets, counted from shapes on the meta device."""

from __future__ import annotations

import pytest
import torch

from vvla_policies.errors import PolicyError, UnknownNameError
from vvla_policies.student.config import PRESETS, StudentConfig, default_execution, get_preset
from vvla_policies.student.network import build_student
from vvla_policies.student.stages import set_stage


def count(student: torch.nn.Module, *prefixes: str) -> int:
    return sum(p.numel() for name, p in student.named_parameters() if name.startswith(prefixes))


@pytest.mark.parametrize(("benchmark", "width", "aligned"), [("calvin", 1024, 31_503_360), ("libero", 384, 27_405_440)])
def test_parameters_of_the_7b_student_are_the_published_ones(benchmark: str, width: int, aligned: int) -> None:
    student = build_student(get_preset("vita-1.5-7b", benchmark), device="meta", dtype=torch.bfloat16)
    assert student.config.decoder_width == width
    assert {p.dtype for p in student.parameters()} == {torch.bfloat16}
    trained = set(set_stage(student, "align"))
    assert sum(p.numel() for n, p in student.named_parameters() if n in trained) == aligned
    assert count(student, "decoder.") == {1024: 791_047, 384: 112_327}[width]
    assert count(student, "language.") == 152_064 * 3584 + 28 * 233_057_792 + 3584
    assert round(count(student, "vision.") / 1e6) == 304
    assert count(student, "projector.") == 4096 * 3584 + 3584 + 3584 * 3584 + 3584


def test_200_px_give_49_tokens_per_picture_and_448_give_256() -> None:
    assert get_preset("vita-1.5-7b").visual_tokens == 49
    assert get_preset("vita-1.5-7b", image_size=224).visual_tokens == 64
    assert get_preset("vita-1.5-7b", image_size=448).visual_tokens == 256


def test_the_stand_in_has_the_same_tower_and_a_half_billion_language_model() -> None:
    student = build_student(PRESETS["internvl-1b"], device="meta")
    assert round(count(student, "vision.") / 1e6) == 304
    assert round(count(student, "language.") / 1e6) == 494


def test_the_mini_student_has_a_few_million_parameters() -> None:
    student = build_student(PRESETS["vita-mini"], device="meta")
    assert 1e6 < count(student, "") < 5e6


@pytest.mark.parametrize("name", PRESETS)
def test_configurations_survive_json(name: str) -> None:
    import json

    config = PRESETS[name]
    assert StudentConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_history_and_executed_step_are_the_papers() -> None:
    config = get_preset("vita-1.5-7b")
    calvin, libero = (default_execution(config, name) for name in ("calvin", "libero"))
    assert (calvin.history, calvin.mode, calvin.index, calvin.pad) == (10, "index", 1, True)
    assert (libero.history, libero.mode, libero.decay) == (7, "ensemble", 0.01)


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'vita-mini'"):
        get_preset("vita-mni")
    with pytest.raises(PolicyError, match="pixel shuffle 2 does not divide"):
        get_preset("vita-1.5-7b", image_size=210)
    resnet = {"model_type": "resnet", "patch_size": 8, "hidden_size": 64}
    with pytest.raises(PolicyError, match="InternViT's patch embedding, which resnet does not have"):
        build_student(get_preset("vita-mini", vision=resnet), device="meta", attention="eager")


def test_weights_follow_the_seed_and_leave_torchs_generator_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first, again, other = (build_student(PRESETS["vita-mini"], seed) for seed in (3, 3, 4))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.action_token, again.action_token)
    assert not torch.equal(first.action_token, other.action_token)
