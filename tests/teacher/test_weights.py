"""Loading: own checkpoints, the published format, MAE and CLIP; every misfit named in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from vvla_policies.errors import VvlaError  # noqa: E402
from vvla_policies.huggingface import import_transformers  # noqa: E402
from vvla_policies.pretrained import fingerprint  # noqa: E402
from vvla_policies.teacher import weights  # noqa: E402
from vvla_policies.teacher.config import PRESETS, SeerConfig, get_preset  # noqa: E402
from vvla_policies.teacher.network import Seer  # noqa: E402
from vvla_policies.teacher.policy import random_teacher  # noqa: E402

POSITIONS = weights.POSITIONS
LITTLE = SeerConfig(hidden=48, layers=1, heads=3, history=5, picture=32, vision_width=64, vision_layers=2,
                    vision_heads=4, resampler_layers=1, resampler_heads=1, decoder_layers=1)  # fmt: skip


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Writes a checkpoint in the format of Seer's authors, of a size that takes no time."""
    monkeypatch.setitem(PRESETS, "seer", LITTLE)
    torch.manual_seed(0)
    network = Seer(LITTLE)

    def write(change: Callable[[dict[str, Any]], Any] = lambda tensors: None) -> Path:
        tensors = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
        change(tensors)
        path = tmp_path / "33.pth"
        torch.save({"epoch": 33, "model_state_dict": tensors, "optimizer_state_dict": {"state": {}}}, path)
        return path

    return write


def message(path: Path, **options: Any) -> str:
    with pytest.raises(VvlaError) as error:
        weights.load_teacher(path, **{"benchmark": "libero", **options})
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_published_checkpoint_loads(published: Callable[..., Path]) -> None:
    path = published()
    seer, card = weights.load_teacher(path, "calvin")
    stored = torch.load(path, weights_only=True)["model_state_dict"]
    assert fingerprint(seer.trained_tensors()) == fingerprint({n.removeprefix("module."): t for n, t in stored.items()})
    assert not seer.training
    assert (card.preset, card.benchmark, card.parents) == ("seer", "calvin", {"published": "33.pth"})
    assert (card.inputs["gripper"], card.execution["mode"], card.execution["history"]) == ("one_hot", "index", 5)


def test_frozen_tensors_that_somebody_kept_are_ignored(published: Callable[..., Path]) -> None:
    extra = {"module.vision_encoder.cls_token": torch.ones(1), "module.clip_model.logit_scale": torch.ones(1)}
    weights.load_teacher(published(lambda t: t.update(extra)), "libero")


def test_positions_are_cut(published: Callable[..., Path]) -> None:
    path = published()
    seer, card = weights.load_teacher(path, "libero", history=3)
    full, _ = weights.load_teacher(path, "libero")
    assert card.config["history"] == 3
    assert torch.equal(seer.state_dict()[POSITIONS], full.state_dict()[POSITIONS][:, :3])
    assert "history of 5 steps; it cannot read 6" in message(path, history=6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("module.mask_token"), "1 missing: mask_token"),
        (lambda t: t.pop(f"module.{POSITIONS}"), f"1 missing: {POSITIONS}"),
        (
            lambda t: t.update({"module.action_decodr.0.bias": t.pop("module.action_decoder.0.bias")}),
            "1 missing: action_decoder.0.bias; 1 unknown: action_decodr.0.bias",
        ),
        (
            lambda t: t.update({"module.obs_tokens": torch.zeros(1, 1, 4, 48)}),
            "1 wrong shape: obs_tokens is [1, 1, 4, 48] instead of [1, 1, 18, 48]",
        ),
        (lambda t: t.clear(), "no Seer checkpoint"),
    ],
)
def test_misfits_are_named(published: Callable[..., Path], change: Callable[[Any], Any], said: str) -> None:
    assert said in message(published(change))


def test_a_published_file_does_not_say_its_benchmark(published: Callable[..., Path]) -> None:
    assert "add benchmark=libero or calvin" in message(published(), benchmark=None)
    assert "unknown benchmark 'metaworld'" in message(published(), benchmark="metaworld")


def test_own_checkpoints_round_trip(tmp_path: Path) -> None:
    seer, card = random_teacher("seer-mini", "calvin", seed=3)
    card = replace(card, trained_on="primitive", data={"suites": ["libero_goal"]})
    folder = weights.save_teacher(tmp_path / "mini", seer, card)
    again, told = weights.load_teacher(folder)
    assert json.loads(json.dumps(told.to_json())) == json.loads(json.dumps(card.to_json()))
    assert again.config == seer.config
    assert fingerprint(again.state_dict()) == fingerprint(seer.state_dict())
    shorter, _ = weights.load_teacher(folder, history=1)
    assert shorter.config.history == 1


def test_frozen_encoders_are_not_saved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    seer = Seer(LITTLE).attach(weights.MaeEncoder(LITTLE), torch.nn.Linear(1, 1))
    folder = weights.save_teacher(tmp_path, seer, weights.make_card(seer, "seer", "libero"))
    again, _ = weights.load_teacher(folder)
    assert set(again.state_dict()) == set(seer.trained_tensors())


def test_a_card_that_is_no_teachers(tmp_path: Path) -> None:
    seer, card = random_teacher()
    weights.save_teacher(tmp_path, seer, replace(card, architecture="student"))
    assert "is a student, not a teacher" in message(tmp_path)
    weights.save_teacher(tmp_path, seer, replace(card, config={"hidden": 30}))
    assert "does not describe a teacher" in message(tmp_path)
    weights.save_teacher(tmp_path, seer, replace(card, config={"width": 30}))
    assert "does not describe a teacher" in message(tmp_path)


def test_heads_alone(published: Callable[..., Path], tmp_path: Path) -> None:
    seer, _ = weights.load_teacher(published(), "libero")
    own = weights.save_teacher(tmp_path / "own", seer, weights.make_card(seer, "seer", "libero"))
    features = torch.randn(2, 48)
    for source in (published(), own):
        heads = weights.load_heads(source)
        assert torch.equal(heads.decode(features).joined(), seer.decode(features).joined())
    torch.save({"other": torch.ones(1)}, tmp_path / "x.pth")
    with pytest.raises(VvlaError, match="no action decoder"):
        weights.load_heads(tmp_path / "x.pth")


# --- MAE ----------------------------------------------------------------------------------------------------------


def test_mae_in_both_formats_equals_transformers(tmp_path: Path) -> None:
    transformers = import_transformers()
    config = transformers.ViTMAEConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256, image_size=32, mask_ratio=0.0
    )
    theirs = transformers.ViTMAEForPreTraining(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.1)
    theirs.save_pretrained(tmp_path / "hf")
    ours = weights.load_mae(tmp_path / "hf", LITTLE)
    pictures, order = torch.randn(2, 3, 32, 32), torch.arange(4.0).expand(2, 4)
    with torch.inference_mode():
        expected = theirs.vit(pictures, noise=order).last_hidden_state
        torch.testing.assert_close(ours(pictures), expected, atol=1e-5, rtol=1e-5)
    torch.save({"model": ours.state_dict()}, tmp_path / "mae.pth")
    again = weights.load_mae(tmp_path / "mae.pth", LITTLE)
    assert fingerprint(again.state_dict()) == fingerprint(ours.state_dict())


def test_mae_misfits_are_named(tmp_path: Path) -> None:
    tensors = weights.MaeEncoder(LITTLE).state_dict()
    tensors.pop("blocks.1.attn.qkv.bias")
    torch.save({"model": {**tensors, "decoder_embed.weight": torch.ones(1)}}, tmp_path / "mae.pth")
    with pytest.raises(VvlaError, match=r"1 missing: blocks\.1\.attn\.qkv\.bias$"):
        weights.load_mae(tmp_path / "mae.pth", LITTLE)


# --- CLIP ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole CLIP of tiny size, as `transformers` saves it, with a tokenizer of single characters."""
    transformers = import_transformers()
    folder = tmp_path_factory.mktemp("clip")
    letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"{c}</w>" for c in "abcdefghijklmnopqrstuvwxyz")]
    vocabulary = [*letters, "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: k for k, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    text = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
            "vocab_size": len(vocabulary), "eos_token_id": len(vocabulary) - 1}  # fmt: skip
    vision = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "patch_size": 16}
    config = transformers.CLIPConfig(text_config={**text, "projection_dim": 512}, vision_config=vision)
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    return folder


def test_clip_equals_transformers(clip: Path) -> None:
    transformers = import_transformers()
    words = ["open the drawer", "put the bowl on the stove " * 20]
    theirs = transformers.CLIPModel.from_pretrained(clip).eval()
    tokens = transformers.CLIPTokenizer.from_pretrained(clip)(
        words, padding=True, truncation=True, max_length=77, return_tensors="pt"
    )
    with torch.inference_mode():
        found = theirs.get_text_features(**tokens)
        expected = getattr(found, "pooler_output", found)
        ours = weights.load_clip(clip)(words)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


def test_clip_that_is_not_there(clip: Path, tmp_path: Path) -> None:
    for source, said in ((tmp_path, "no CLIP folder"), (clip / "vocab.json", "is a file"), ("nowhere", "no hub id")):
        with pytest.raises(VvlaError, match=said) as error:
            weights.load_clip(source)
        assert "\n" not in str(error.value)


def test_presets_untouched() -> None:
    assert get_preset("seer").hidden == 384
