"""Recorded outputs of the original Seer network under weights and inputs made by a rule."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch


def load(reference: Path, size: str) -> dict[str, Any]:
    """The golden of a size ("base", "large"): outputs, names and shapes of the weights, sizes."""
    path = reference / "golden" / "seer" / f"seer_{size}.npz"
    if not path.is_file():
        pytest.skip(f"{path} is absent: it should hold the original network's outputs")
    with np.load(path) as file:
        golden: dict[str, Any] = {name: file[name] for name in file.files}
    golden["meta"] = json.loads(str(golden["meta"]).replace("'", '"'))
    shapes = [json.loads(shape) for shape in golden["shapes"]]
    golden["tensors"] = dict(zip(golden["names"].tolist(), shapes, strict=True))
    return golden


def draw(golden: dict[str, Any], name: str, shape: tuple[int, ...]) -> torch.Tensor:
    seed = zlib.crc32((golden["meta"]["salt"] + name).encode())
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def weights(golden: dict[str, Any], norms: set[str]) -> dict[str, torch.Tensor]:
    """Every parameter by the rule; `norms` are the names of LayerNorm weights."""
    drawn = {name: 0.02 * draw(golden, name, shape) for name, shape in golden["tensors"].items()}
    return {name: 1 + tensor if name in norms else tensor for name, tensor in drawn.items()}
