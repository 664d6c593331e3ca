"""Checkpoints: ours there and back, published formats, and errors that name tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from tests.student.published import filled, vita_shapes, vita_tensors, vla_shapes, write_folder, write_torch
from tests.student.small import tiny_config, tiny_student
from vvla_policies.cli.main import app
from vvla_policies.errors import VvlaError
from vvla_policies.student.config import PRESETS, get_preset
from vvla_policies.student.inspection import inspect_checkpoint
from vvla_policies.student.network import build_student
from vvla_policies.student.policy import StudentPolicy
from vvla_policies.student.weights import config_of, load_parts, load_published, load_student, make_card, save_student

LAYER = "model.layers.1.mlp.up_proj.weight"
FUSED = "model.vision_tower.vision_tower.encoder.layers.0.attn.qkv.weight"


def test_our_checkpoints_go_there_and_back(tmp_path: Path) -> None:
    student = tiny_student(system="Act.")
    card = make_card(student.config, "calvin", trained_on="primitive", data={"episodes": 3})
    save_student(tmp_path, student, card)
    again, told = load_student(tmp_path)
    assert told.to_json() == card.to_json()
    assert again.config == student.config
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in student.state_dict().items())
    acting = StudentPolicy(checkpoint=str(tmp_path))
    assert acting.card.benchmarks == ("calvin",)
    assert acting.card.trained_on == "primitive"
    assert acting.card.weights == StudentPolicy.around(student, card).card.weights


def test_vita_shards_load_by_name(tmp_path: Path) -> None:
    config = tiny_config()
    tensors, student = vita_tensors(config), build_student(config)
    parts = load_parts(student, write_folder(tmp_path, tensors, shards=3))
    assert parts == ["language", "projector", "vision"]
    assert torch.equal(student.language.layers[1].mlp.up_proj.weight, tensors[LAYER])
    assert torch.equal(student.projector[2].bias, tensors["model.mm_projector.2.bias"])
    attention = student.vision.encoder.layer[0].attention
    fused = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
    assert torch.equal(fused, tensors[FUSED])


def test_a_published_student_is_base_and_what_was_trained(tmp_path: Path) -> None:
    config = tiny_config()
    base = write_folder(tmp_path, vita_tensors(config), shards=2)
    tuned = filled(vla_shapes(config, stage=2), seed=1, dtype=torch.bfloat16)
    file = write_torch(tmp_path / "student.pt", tuned)
    student = build_student(config)
    load_published(student, file, base=base)
    assert torch.equal(student.language.layers[1].mlp.up_proj.weight, tuned[f"module.model.vlm.{LAYER}"].float())
    assert torch.equal(student.state_encoder.join.weight, tuned["module.model.state_projector.weight"].float())
    assert torch.equal(student.action_token, tuned["module.model.action_pred_token"].float())
    assert torch.equal(student.mapper[4].bias, tuned["module.model.action_mapper.4.bias"].float())
    heads = tuned["module.seer.gripper_action_decoder.0.weight"].float()
    assert torch.equal(student.decoder.gripper_action_decoder[0].weight, heads)
    with pytest.raises(VvlaError, match=r"no weights for vision, projector: .* give the vision-language model as base"):
        load_published(build_student(config), file)


def test_an_aligned_student_takes_its_decoder_from_the_teacher(tmp_path: Path) -> None:
    config = tiny_config()
    base = write_folder(tmp_path, vita_tensors(config), shards=1)
    aligned = write_torch(tmp_path / "stage1.pt", filled(vla_shapes(config, stage=1), seed=1))
    heads = {n: t for n, t in filled(vla_shapes(config, stage=2), seed=2).items() if n.startswith("module.seer.")}
    teacher = write_torch(tmp_path / "teacher.pth", {n.replace("seer.", ""): t for n, t in heads.items()})
    student = build_student(config)
    with pytest.raises(VvlaError, match="no weights for decoder"):
        load_published(student, aligned, base=base)
    load_published(student, aligned, base=base, teacher=teacher)
    assert torch.equal(student.decoder.action_decoder[0].weight, heads["module.seer.action_decoder.0.weight"])


@pytest.mark.parametrize("name", [LAYER, FUSED, "model.norm.weight", "model.mm_projector.0.bias"])
@pytest.mark.parametrize("fault", ["missing", "renamed", "misshapen"])
def test_one_wrong_tensor_of_a_base_is_named(tmp_path: Path, name: str, fault: str) -> None:
    config = tiny_config()
    tensors = _spoiled(vita_tensors(config), name, fault)
    student = build_student(config)
    before = student.language.norm.weight.clone()
    with pytest.raises(VvlaError, match="does not fit vita-mini") as caught:
        load_parts(student, write_folder(tmp_path, tensors, shards=2))
    assert name in str(caught.value)
    assert {"missing": "1 missing", "renamed": f"1 unknown: {name}_old", "misshapen": "1 wrong shape"}[fault] in str(
        caught.value
    )
    assert torch.equal(student.language.norm.weight, before)


@pytest.mark.parametrize(
    "name", ["model.action_mapper.2.weight", f"model.vlm.{LAYER}", "seer.arm_action_decoder.0.bias"]
)
@pytest.mark.parametrize("fault", ["missing", "renamed", "misshapen"])
def test_one_wrong_tensor_of_a_student_is_named(tmp_path: Path, name: str, fault: str) -> None:
    config = tiny_config()
    tensors = _spoiled(filled(vla_shapes(config, stage=2)), f"module.{name}", fault)
    with pytest.raises(VvlaError, match="VITA-VLA") as caught:
        load_parts(build_student(config), write_torch(tmp_path / "student.pt", tensors))
    assert name in str(caught.value)


def _spoiled(tensors: dict[str, Tensor], name: str, fault: str) -> dict[str, Tensor]:
    tensor = tensors.pop(name)
    if fault == "renamed":
        tensors[f"{name}_old"] = tensor
    elif fault == "misshapen":
        tensors[name] = torch.cat([tensor, tensor])
    return tensors


def test_transformers_internvl_folders_fit_the_stand_in(tmp_path: Path) -> None:
    from vvla_policies.huggingface import import_transformers

    models = import_transformers()
    config = tiny_config(projector="norm_mlp")
    student = tiny_student(projector="norm_mlp")
    vision = {k: v for k, v in config.vision.items() if k != "model_type"}
    text = {k: v for k, v in config.language.items() if k != "model_type"}
    whole = models.InternVLForConditionalGeneration(
        models.InternVLConfig(
            vision_config=models.InternVLVisionConfig(**vision), text_config=models.Qwen2Config(**text)
        )
    )
    whole.save_pretrained(tmp_path)
    assert load_parts(student, tmp_path) == ["language", "projector", "vision"]
    assert torch.equal(student.projector[1].weight, whole.model.multi_modal_projector.linear_1.weight)
    ours, theirs = student.vision.encoder.layer[0], whole.model.vision_tower.encoder.layer[0]
    assert torch.equal(ours.attention.q_proj.weight, theirs.attention.q_proj.weight)
    changes = {"tokenizer": "instructions", "image_size": 28}
    acting = StudentPolicy(preset="base", base=str(tmp_path), benchmark="calvin", config=changes)
    assert acting.student.config.decoder_width == 1024
    assert acting.student.config.visual_tokens == config.visual_tokens
    assert torch.equal(acting.student.projector[1].weight, student.projector[1].weight)
    with pytest.raises(VvlaError, match="no vision-language model of transformers"):
        config_of(write_folder(tmp_path, {"x": torch.zeros(1)}, shards=1).parent)


def test_a_published_file_must_be_told_its_benchmark(tmp_path: Path) -> None:
    file = write_torch(tmp_path / "student.pt", filled(vla_shapes(tiny_config(), stage=1)))
    with pytest.raises(VvlaError, match="add benchmark=libero or calvin"):
        StudentPolicy(checkpoint=str(file))


# --- vvla weights inspect ----------------------------------------------------------------------------------------


def test_inspection_tells_published_files_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config()
    monkeypatch.setitem(PRESETS, "vita-mini", config)
    (tmp_path / "vita").mkdir()
    vita = inspect_checkpoint(write_folder(tmp_path / "vita", vita_tensors(config), shards=2))
    assert vita.kind == "VITA-1.5, as published"
    assert vita.fits["vita-mini"] == []
    assert vita.fits["vita-1.5-7b (calvin)"]
    assert vita.missing == "action_token, state_encoder, mapper, decoder"
    assert vita.tensors == len(vita_shapes(config))
    second = inspect_checkpoint(write_torch(tmp_path / "2.pt", filled(vla_shapes(config, 2), dtype=torch.bfloat16)))
    assert second.kind == "VITA-VLA, as published: fine-tuned (stage 2)"
    assert second.missing == "vision, projector"
    assert dict(second.dtypes) == {"bfloat16": 1.0}
    first = inspect_checkpoint(write_torch(tmp_path / "1.pt", filled(vla_shapes(config, 1))))
    assert first.kind == "VITA-VLA, as published: aligned (stage 1)"
    assert first.fits["vita-mini"] == []


def test_inspection_knows_the_7b_names_without_their_numbers() -> None:
    from vvla_policies.student.formats import recognise
    from vvla_policies.student.weights import compare, held

    config = get_preset("vita-1.5-7b", "calvin")
    shapes = {name: torch.empty(shape, device="meta") for name, shape in vita_shapes(config).items()}
    form = recognise(shapes)
    assert form is not None
    assert compare(form, held(form, build_student(config, device="meta").state_dict(), shapes), shapes) == []


def test_inspection_reads_headers_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    student = tiny_student()
    save_student(tmp_path, student, make_card(student.config, "libero", trained_on="primitive"))
    monkeypatch.setattr("vvla_policies.student.weights.read_tensors", None)
    found = inspect_checkpoint(tmp_path)
    assert found.kind == "student of vvla-policies, libero, primitive assets"
    assert found.fits == {"vita-mini": []}
    assert found.parameters == sum(p.numel() for p in student.parameters())


def test_the_command_prints_what_a_checkpoint_is(tmp_path: Path) -> None:
    student = tiny_student()
    save_student(tmp_path, student, make_card(student.config, "libero"))
    told = CliRunner().invoke(app, ["weights", "inspect", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert "student of vvla-policies, libero" in told.output
    assert "vita-mini: fits" in told.output
    tensors = {n.removeprefix("x"): t for n, t in student.state_dict().items() if n != "mapper.0.bias"}
    from safetensors.torch import save_file

    save_file({n: t.clone() for n, t in tensors.items()}, tmp_path / "model.safetensors")
    told = CliRunner().invoke(app, ["weights", "inspect", str(tmp_path)])
    assert told.exit_code == 1
    assert "1 missing: mapper.0.bias" in told.output


def test_other_files_are_no_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(VvlaError, match="no known format; its tensors: something"):
        inspect_checkpoint(write_torch(tmp_path / "other.pt", {"something": torch.zeros(1)}))
    (tmp_path / "broken.safetensors").write_bytes(b"12345678901234567890")
    with pytest.raises(VvlaError, match="truncated or no safetensors file"):
        inspect_checkpoint(tmp_path / "broken.safetensors")
