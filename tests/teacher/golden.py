"""Finds the recorded outputs of the original Seer network; tests skip, with a reason, where they are absent."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

FOLDER = Path(os.environ.get("VVLA_REFERENCE") or Path(__file__).resolve().parents[3] / "shared")


def load(size: str) -> dict[str, Any]:
    """The golden of a size ("base", "large"), with its weights and inputs drawn by the rule beside it."""
    path = FOLDER / "golden" / "seer" / f"seer_{size}.npz"
    if not path.is_file():
        pytest.skip(f"no {path}: set VVLA_REFERENCE to the folder with the reference data")
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
