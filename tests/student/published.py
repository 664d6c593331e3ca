"""Checkpoints made up in the formats of the published ones: names, prefixes, shards, what they leave out."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from vvla_policies.student.config import StudentConfig


def _linear(name: str, out: int, inner: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, inner), f"{name}.bias": (out,)}


def _language(root: str, config: StudentConfig) -> dict[str, tuple[int, ...]]:
    sizes = config.language
    width, inner = sizes["hidden_size"], sizes["intermediate_size"]
    head = width // sizes["num_attention_heads"]
    shapes: dict[str, tuple[int, ...]] = {f"{root}embed_tokens.weight": (sizes["vocab_size"], width)}
    for k in range(sizes["num_hidden_layers"]):
        layer = f"{root}layers.{k}."
        for name, heads in (("q", "num_attention_heads"), ("k", "num_key_value_heads"), ("v", "num_key_value_heads")):
            shapes |= _linear(f"{layer}self_attn.{name}_proj", sizes[heads] * head, width)
        shapes[f"{layer}self_attn.o_proj.weight"] = (width, width)
        shapes |= {f"{layer}mlp.{name}_proj.weight": (inner, width) for name in ("gate", "up")}
        shapes[f"{layer}mlp.down_proj.weight"] = (width, inner)
        shapes |= {f"{layer}{name}.weight": (width,) for name in ("input_layernorm", "post_attention_layernorm")}
    return {**shapes, f"{root}norm.weight": (width,)}


def vita_shapes(config: StudentConfig) -> dict[str, tuple[int, ...]]:
    """VITA-1.5: language model, InternViT with fused attention, projector; audio and head, which are of no use here."""
    width, grid = config.vision["hidden_size"], config.vision["image_size"] // config.patch
    root = "model.vision_tower.vision_tower."
    shapes: dict[str, tuple[int, ...]] = {
        **_language("model.", config),
        "lm_head.weight": (config.language["vocab_size"], config.hidden),
        "model.audio_encoder.encoder.global_cmvn.mean": (80,),
        f"{root}embeddings.class_embedding": (1, 1, width),
        f"{root}embeddings.position_embedding": (1, grid * grid + 1, width),
        f"{root}embeddings.patch_embedding.weight": (width, 3, config.patch, config.patch),
        f"{root}embeddings.patch_embedding.bias": (width,),
    }
    for k in range(config.vision["num_hidden_layers"]):
        layer = f"{root}encoder.layers.{k}."
        shapes |= _linear(f"{layer}attn.qkv", 3 * width, width) | _linear(f"{layer}attn.proj", width, width)
        shapes |= _linear(f"{layer}mlp.fc1", 4 * width, width) | _linear(f"{layer}mlp.fc2", width, 4 * width)
        for name in ("norm1", "norm2"):
            shapes |= {f"{layer}{name}.weight": (width,), f"{layer}{name}.bias": (width,)}
        shapes |= {f"{layer}{name}": (width,) for name in ("ls1", "ls2")}
    inner = width * config.shuffle**2
    return {
        **shapes,
        **_linear("model.mm_projector.0", config.hidden, inner),
        **_linear("model.mm_projector.2", config.hidden, config.hidden),
    }


def vla_shapes(config: StudentConfig, stage: int) -> dict[str, tuple[int, ...]]:
    """VITA-VLA: what a stage trained, behind DDP's prefix."""
    hidden, width = config.hidden, config.decoder_width
    shapes: dict[str, tuple[int, ...]] = {
        "module.model.action_pred_token": (1, hidden),
        **_linear("module.model.action_mapper.0", width, hidden),
        **_linear("module.model.action_mapper.2", width, width),
        **_linear("module.model.action_mapper.4", width, width),
        **_linear("module.model.arm_state_encoder", hidden, 6),
        **_linear("module.model.gripper_state_encoder", hidden, 2),
        **_linear("module.model.state_projector", hidden, 2 * hidden),
    }
    if stage == 1:
        return shapes
    half = width // 2
    return {
        **shapes,
        **_language("module.model.vlm.model.", config),
        **_linear("module.seer.action_decoder.0", half, width),
        **_linear("module.seer.action_decoder.2", half, half),
        **_linear("module.seer.arm_action_decoder.0", 6, half),
        **_linear("module.seer.gripper_action_decoder.0", 1, half),
    }


def filled(shapes: dict[str, tuple[int, ...]], seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {name: (0.2 * torch.randn(shape, generator=rng)).to(dtype) for name, shape in shapes.items()}


def vita_tensors(config: StudentConfig) -> dict[str, Tensor]:
    return filled(vita_shapes(config))


def write_folder(folder: Path, tensors: dict[str, Tensor], shards: int) -> Path:
    """A folder of safetensors shards with an index, as on the hub."""
    names = sorted(tensors)
    weight_map = {}
    for k in range(shards):
        file = f"model-{k + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: tensors[name] for name in names[k::shards]}
        save_file(part, folder / file)
        weight_map |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return folder


def write_torch(file: Path, tensors: dict[str, Tensor]) -> Path:
    """A `torch.save` file as VITA-VLA's and Seer's training scripts write them."""
    torch.save({"epoch": 3, "model_state_dict": tensors}, file)
    return file
