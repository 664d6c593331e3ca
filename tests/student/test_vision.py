"""The path from pictures to visual tokens, against `transformers`' InternVL and a plain InternViT."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.student.published import vita_tensors, write_folder
from tests.student.small import tiny_config, tiny_student
from vvla_policies.huggingface import import_transformers
from vvla_policies.student.network import build_student
from vvla_policies.student.vision import normalised, patch_features, pixel_shuffle
from vvla_policies.student.weights import load_parts


@pytest.mark.parametrize("size", [28, 42])
def test_the_path_equals_transformers_internvl_with_the_same_weights(size: int) -> None:
    models = import_transformers()
    student = tiny_student(projector="norm_mlp", feature_scale=1.0, image_size=size)
    vision = {k: v for k, v in student.config.vision.items() if k != "model_type"}
    text = {k: v for k, v in student.config.language.items() if k != "model_type"}
    whole = models.InternVLConfig(
        vision_config=models.InternVLVisionConfig(**vision),
        text_config=models.Qwen2Config(**text),
        downsample_ratio=0.5,
    )
    internvl = models.InternVLModel(whole).eval()
    internvl.vision_tower.load_state_dict(student.vision.state_dict())
    names = {"0": "layer_norm", "1": "linear_1", "3": "linear_2"}
    projector = {f"{names[n.split('.')[0]]}.{n.split('.')[1]}": t for n, t in student.projector.state_dict().items()}
    internvl.multi_modal_projector.load_state_dict(projector)
    pictures = torch.randint(0, 256, (3, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pixels = normalised(pictures, student.config, torch.float32)
        expected = internvl.get_image_features(pixels).pooler_output
        assert torch.allclose(student.see(pictures), expected, atol=1e-6)


def test_pixels_are_normalised_as_imagenet() -> None:
    config = tiny_config()
    white = normalised(torch.full((1, 28, 28, 3), 255, dtype=torch.uint8), config, torch.float32)
    assert white.shape == (1, 3, 28, 28)
    assert torch.allclose(
        white[0, :, 0, 0], torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    )


def test_pixel_shuffle_joins_squares_row_by_row() -> None:
    grid = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15.0]]).reshape(1, 16, 1)
    assert pixel_shuffle(grid, 4, 2)[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


def test_features_are_scaled_before_the_projector() -> None:
    half, full = tiny_student(feature_scale=0.5), tiny_student(feature_scale=1.0)
    pixels = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(
            patch_features(half.vision, pixels, half.config), 0.5 * patch_features(full.vision, pixels, full.config)
        )


@pytest.mark.parametrize(
    "tower",
    [
        {"model_type": "clip_vision_model", "projection_dim": 16},
        {"model_type": "siglip_vision_model", "vision_use_head": False},
    ],
)
@pytest.mark.parametrize("language", [{"model_type": "llama"}, {"model_type": "gpt_neox"}])
def test_other_towers_and_language_models_do(tower: dict[str, object], language: dict[str, object]) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    vision = {**sizes, "patch_size": 7, "image_size": 14, **tower}
    student = build_student(tiny_config(vision=vision, language={**sizes, "vocab_size": 768, **language}, shuffle=1))
    assert student.see(torch.zeros(2, 28, 28, 3, dtype=torch.uint8)).shape == (2, 16, 16)
    assert student.language(inputs_embeds=torch.zeros(1, 5, 16)).last_hidden_state.shape == (1, 5, 16)


# --- InternViT as its authors wrote it down in names: one tensor for query, key and value -----------------------------


def plain_intern_vit(tensors: dict[str, Tensor], pixels: Tensor, heads: int, layers: int) -> Tensor:
    """InternViT from tensors under their published names; last hidden state, no final norm."""
    root = "model.vision_tower.vision_tower."
    get = {name.removeprefix(root): tensor for name, tensor in tensors.items() if name.startswith(root)}
    patches = functional.conv2d(
        pixels, get["embeddings.patch_embedding.weight"], get["embeddings.patch_embedding.bias"], stride=7
    )
    x = torch.cat([get["embeddings.class_embedding"].expand(len(pixels), -1, -1), patches.flatten(2).mT], dim=1)
    x = x + get["embeddings.position_embedding"]
    for k in range(layers):
        part = {
            n.removeprefix(f"encoder.layers.{k}."): t for n, t in get.items() if n.startswith(f"encoder.layers.{k}.")
        }

        def norm(name: str, value: Tensor, part: dict[str, Tensor] = part) -> Tensor:
            return functional.layer_norm(value, value.shape[-1:], part[f"{name}.weight"], part[f"{name}.bias"], 1e-6)

        fused = functional.linear(norm("norm1", x), part["attn.qkv.weight"], part["attn.qkv.bias"])
        q, key, v = (piece.unflatten(-1, (heads, -1)).transpose(1, 2) for piece in fused.chunk(3, dim=-1))
        attended = (q @ key.mT / q.shape[-1] ** 0.5).softmax(-1) @ v
        attended = functional.linear(
            attended.transpose(1, 2).flatten(2), part["attn.proj.weight"], part["attn.proj.bias"]
        )
        x = x + part["ls1"] * attended
        inner = functional.gelu(functional.linear(norm("norm2", x), part["mlp.fc1.weight"], part["mlp.fc1.bias"]))
        x = x + part["ls2"] * functional.linear(inner, part["mlp.fc2.weight"], part["mlp.fc2.bias"])
    return x


def test_published_names_give_the_published_tower(tmp_path: Path) -> None:
    config = tiny_config()
    tensors = vita_tensors(config)
    student = build_student(config)
    load_parts(student, write_folder(tmp_path, tensors, shards=2))
    pixels = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = plain_intern_vit(tensors, pixels, heads=2, layers=2)
        assert torch.allclose(student.vision(pixels).last_hidden_state, expected, atol=1e-5)
