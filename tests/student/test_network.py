"""What the network reads, what it cannot see, and which parts each stage trains."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.student.small import inputs, layout, tiny_student
from vvla_policies.errors import UnknownNameError
from vvla_policies.student.config import get_preset, intern_vit, qwen2
from vvla_policies.student.network import Student, StudentOutput, build_student
from vvla_policies.student.stages import STAGES, set_stage
from vvla_policies.student.tokens import ACTION, IMAGE, PAD, STATE

PARTS = ("vision", "projector", "language", "action_token", "state_encoder", "mapper", "decoder")


def run(student: Student, instructions: list[str], steps: int = 2, seed: int = 0) -> StudentOutput:
    ids = layout(student.config).batch(instructions, steps)
    return student(ids, *inputs(student.config, len(instructions), steps, seed))


def test_every_step_gives_features_and_actions() -> None:
    student = tiny_student()
    features, actions = run(student, ["open the drawer", "push"], steps=3)
    assert features.shape == (2, 3, 3, student.config.decoder_width)
    assert actions.arm.shape == (2, 3, 3, 6)
    assert actions.gripper_logit.shape == (2, 3, 3, 1)
    assert actions.arm.abs().max() <= 1


def test_places_are_filled_in_order() -> None:
    student = tiny_student()
    ids = layout(student.config).batch(["open the drawer", "push"], steps=2)
    pictures, states = inputs(student.config, 2, 2)
    visual, felt = student.see(pictures.flatten(0, 2)), student.feel(states.flatten(0, 1))
    embedded = student.embed(ids, visual, felt)
    assert torch.equal(embedded[ids == IMAGE], visual.flatten(0, 1))
    assert torch.equal(embedded[ids == STATE], felt)
    assert torch.equal(embedded[ids == ACTION], student.action_token.expand(2 * 2 * 3, -1))
    words = ids >= 0
    assert torch.equal(embedded[words], student.language.get_input_embeddings()(ids[words]))


def test_autocast_reads_positions_in_full_precision() -> None:
    student = tiny_student()
    _, states = inputs(student.config, 2, 2)
    whole, said = student.feel(states), run(student, ["open the drawer"]).features
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(student.feel(states), whole)
        half = run(student, ["open the drawer"]).features.float()
    assert 0 < (half - said).norm() < 0.1 * said.norm()


def test_features_are_the_mapped_last_hidden_states_at_the_action_tokens() -> None:
    student = tiny_student()
    ids = layout(student.config).batch(["push"], steps=2)
    pictures, states = inputs(student.config, 1, 2)
    embedded = student.embed(ids, student.see(pictures.flatten(0, 2)), student.feel(states.flatten(0, 1)))
    last = student.language(inputs_embeds=embedded).last_hidden_state
    places = [k for k, token in enumerate(ids[0].tolist()) if token == ACTION]
    expected = torch.stack([student.mapper(last[0, k]) for k in places]).reshape(1, 2, 3, -1)
    assert torch.allclose(student(ids, pictures, states).features, expected, atol=1e-6)


def test_a_step_sees_earlier_steps_and_never_later_ones() -> None:
    student = tiny_student()
    ids = layout(student.config).batch(["push"], steps=3)
    pictures, states = inputs(student.config, 1, 3)
    before = student(ids, pictures, states).features
    changed = states.clone()
    changed[:, 1] += 1.0
    after = student(ids, pictures, changed).features
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 1], after[:, 1])
    assert not torch.allclose(before[:, 2], after[:, 2])


def test_the_three_action_tokens_differ_by_position_only() -> None:
    student = tiny_student()
    features = run(student, ["push"], steps=1).features
    assert not torch.allclose(features[0, 0, 0], features[0, 0, 1])


@pytest.mark.parametrize("part", ["pictures", "instruction", "state"])
def test_everything_that_is_read_matters(part: str) -> None:
    student = tiny_student()
    ids = layout(student.config).batch(["push"], steps=1)
    pictures, states = inputs(student.config, 1, 1)
    before = student(ids, pictures, states).features
    if part == "pictures":
        pictures = 255 - pictures
    elif part == "instruction":
        ids = layout(student.config).batch(["open"], steps=1)
    else:
        states = states + 1
    assert not torch.allclose(before, student(ids, pictures, states).features, atol=1e-4)


def test_padding_changes_nothing() -> None:
    student = tiny_student()
    pictures, states = inputs(student.config, 2, 2)
    ids = layout(student.config).batch(["push", "open the top drawer of the cabinet"], steps=2)
    assert (ids[0] == PAD).any()
    together = student(ids, pictures, states).features
    alone = student(layout(student.config).batch(["push"], steps=2), pictures[:1], states[:1]).features
    assert torch.allclose(together[:1], alone, atol=1e-5)


def test_attention_back_ends_agree() -> None:
    fused, eager = tiny_student(), build_student(tiny_student().config, attention="eager")
    eager.load_state_dict(fused.state_dict())
    assert torch.allclose(run(fused, ["push"]).features, run(eager, ["push"]).features, atol=1e-5)


# --- stages -------------------------------------------------------------------------------------------------------

TRAINED = {
    "pretrain": {"vision", "projector", "language"},
    "align": {"action_token", "state_encoder", "mapper"},
    "finetune": {"action_token", "state_encoder", "mapper", "decoder", "language"},
    "only-ft": {"action_token", "state_encoder", "mapper", "decoder", "language"},
    "freeze-vlm": {"action_token", "state_encoder", "mapper", "decoder"},
    "scratch": set(PARTS),
}


def loss(student: Student, stage: str) -> Tensor:
    """Pretraining asks for words, alignment compares features; the other stages compare actions."""
    if stage == "pretrain":
        ids, said = layout(student.config).lesson([("where is the plate", "32 16")])
        pictures = torch.randint(0, 256, (1, 2, 28, 28, 3), dtype=torch.uint8)
        logits = student.speak(torch.tensor([ids]), pictures)[:, :-1]
        asked = torch.tensor([said])[:, 1:]
        return functional.cross_entropy(logits[asked], torch.tensor([ids])[:, 1:][asked])
    features, actions = run(student, ["open the drawer"], steps=2)
    if stage == "align":
        return functional.mse_loss(features, torch.ones_like(features))
    wanted = torch.ones_like(actions.gripper_logit)
    gripper = functional.binary_cross_entropy_with_logits(actions.gripper_logit, wanted)
    return functional.smooth_l1_loss(actions.arm, torch.ones_like(actions.arm)) + 0.01 * gripper


@pytest.mark.parametrize("stage", STAGES)
def test_gradients_reach_exactly_what_a_stage_trains(stage: str) -> None:
    student = tiny_student()
    names = set_stage(student, stage)
    assert {name.split(".")[0] for name in names} == TRAINED[stage]
    student.train()
    loss(student, stage).backward()
    reached = {name for name, p in student.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    unread = {name for name in names if "embed_tokens" not in name} - reached
    assert reached <= set(names)
    # a key's bias shifts all scores of a query alike, so softmax takes its gradient to (almost) nothing
    assert {name for name in unread if not name.endswith("k_proj.bias")} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_freezes_by_name_and_parts_that_are_frozen_stay_in_evaluation_mode(stage: str) -> None:
    student = tiny_student()
    before = {name: p.clone() for name, p in student.named_parameters()}
    names = set(set_stage(student, stage))
    assert {name for name, p in student.named_parameters() if p.requires_grad} == names
    student.train()
    for part in ("vision", "projector", "language", "state_encoder", "mapper", "decoder"):
        assert getattr(student, part).training == (part in TRAINED[stage])
    optimiser = torch.optim.SGD([p for p in student.parameters() if p.requires_grad], lr=1.0)
    loss(student, stage).backward()
    optimiser.step()
    moved = {name for name, p in student.named_parameters() if not torch.equal(p, before[name])}
    assert moved
    assert moved <= names


def test_an_unknown_stage_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown stage 'aling'\. Did you mean 'align'"):
        set_stage(tiny_student(), "aling")


def test_one_layer_at_the_7b_widths_runs_a_step() -> None:
    config = get_preset(
        "vita-1.5-7b",
        "calvin",
        vision=intern_vit(1024, 1, 16, patch=14, image_size=448),
        language=qwen2(3584, 1, 28, 4, inner=18944, vocabulary=768),
        tokenizer="instructions",
    )
    student = build_student(config)
    set_stage(student, "align")
    student.train()
    ids = layout(config).batch(["open the drawer"], steps=1)
    assert (ids == IMAGE).sum() == 98
    pictures, states = inputs(config, 1, 1)
    output = student(ids, pictures, states)
    assert output.features.shape == (1, 1, 3, 1024)
    output.features.square().mean().backward()
    assert student.mapper[0].weight.grad is not None
    assert torch.isfinite(student.mapper[0].weight.grad).all()
