"""Equality with the original Seer network, base and large."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from tests.teacher.golden import draw, load, weights  # noqa: E402
from vvla_policies.teacher.config import get_preset  # noqa: E402
from vvla_policies.teacher.mask import additive, block_mask  # noqa: E402
from vvla_policies.teacher.network import Seer  # noqa: E402

pytestmark = pytest.mark.official
TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=["base", pytest.param("large", marks=pytest.mark.slow)])
def golden(request: pytest.FixtureRequest, reference: Path) -> dict[str, Any]:
    return load(reference, request.param)


@pytest.fixture(scope="module")
def seer(golden: dict[str, Any]) -> Seer:
    meta = golden["meta"]
    preset = {384: "seer", 1024: "seer-large"}[meta["H"]]
    with torch.device("meta"):
        network = Seer(get_preset(preset, history=meta["S"]))
    config = network.config
    assert (config.heads, config.layers) == (meta["heads"], meta["layers"])
    assert (config.latents, config.foresight) == (meta["N"], meta["M"])
    norms = {f"{n}.weight" for n, m in network.named_modules() if isinstance(m, torch.nn.LayerNorm)}
    network = Seer(config).eval()
    network.load_state_dict(weights(golden, norms))
    return network


@pytest.fixture(scope="module")
def conditions(golden: dict[str, Any], seer: Seer) -> torch.Tensor:
    batch, steps = golden["meta"]["B"], golden["meta"]["S"]
    views = [draw(golden, f"vision_{camera}", (batch * steps, 197, 768)) for camera in ("primary", "wrist")]
    text = draw(golden, "text", (batch, 512)).repeat_interleave(steps, dim=0)
    state = torch.from_numpy(golden["state"]).flatten(0, 1)
    gripper = torch.nn.functional.one_hot((state[:, 6] >= 1).long(), 2)
    with torch.inference_mode():
        encoded = seer.conditions(torch.stack(views, dim=1), text, torch.cat([state[:, :6], gripper], dim=1))
    return encoded.unflatten(0, (batch, steps))


def test_names_and_shapes_are_those_of_the_published_checkpoints(golden: dict[str, Any], seer: Seer) -> None:
    assert {name: list(tensor.shape) for name, tensor in seer.state_dict().items()} == golden["tensors"]


def test_every_output_equals_the_originals(golden: dict[str, Any], seer: Seer, conditions: torch.Tensor) -> None:
    with torch.inference_mode():
        features = seer(conditions)
        actions = seer.decode(features.action)
        pictures = seer.imagine(features.foresight).flatten(0, 1)
    assert np.abs(features.action.numpy() - golden["action_features"]).max() < TOLERANCE
    assert np.abs(actions.arm.numpy() - golden["arm"]).max() < TOLERANCE
    assert np.abs(actions.gripper_logit.sigmoid().numpy() - golden["gripper"]).max() < TOLERANCE
    assert np.abs(pictures[:, :, :4, :16].numpy() - golden["image_slice"]).max() < TOLERANCE
    assert np.abs(pictures.mean(dim=(2, 3)).numpy() - golden["image_mean"]).max() < TOLERANCE


def test_the_short_way_to_the_last_step_is_the_same(
    golden: dict[str, Any], seer: Seer, conditions: torch.Tensor
) -> None:
    with torch.inference_mode():
        features = seer.act(conditions, torch.tensor([4, 2]))
    expected = np.stack([golden["action_features"][0, 3], golden["action_features"][1, 1]])
    assert np.abs(features.numpy() - expected).max() < TOLERANCE


def test_the_mask_is_the_originals(reference: Path) -> None:
    golden = load(reference, "base")
    ours = additive(block_mask(get_preset("seer"), golden["meta"]["S"])).numpy()
    np.testing.assert_array_equal(ours, golden["mask"].astype(np.float32))


def test_parameter_counts(reference: Path) -> None:
    """67.69 M and 357.76 M with the position embedding of four steps that the goldens have."""
    for size, preset, count in (("base", "seer", 67_687_310), ("large", "seer-large", 357_761_806)):
        shapes = [json.loads(shape) for shape in load(reference, size)["shapes"]]
        with torch.device("meta"):
            network = Seer(get_preset(preset, history=4))
        assert sum(p.numel() for p in network.parameters()) == sum(int(np.prod(shape)) for shape in shapes) == count
