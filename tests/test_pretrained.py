"""Checkpoints: written whole, read strictly, every problem one line that names it."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vvla_policies.cli.main import app
from vvla_policies.errors import VvlaError

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from vvla_policies.pretrained import (  # noqa: E402
    CARD,
    WEIGHTS,
    ModelCard,
    average_pretrained,
    fingerprint,
    fit,
    load_card,
    locate,
    read_tensors,
    save_pretrained,
)

CARD_OF = ModelCard("teacher", "seer-mini", {"hidden": 8}, benchmark="libero", parents={"teacher": "x"})


def tensors() -> dict[str, torch.Tensor]:
    return {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def network() -> nn.Module:
    return nn.ModuleDict({"a": nn.Linear(3, 2)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_pretrained(tmp_path / "checkpoint", tensors(), CARD_OF)


def one_line(error: pytest.ExceptionInfo[VvlaError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_round_trip(folder: Path) -> None:
    assert sorted(p.name for p in folder.iterdir()) == [CARD, WEIGHTS]
    assert load_card(folder) == CARD_OF
    again = read_tensors(folder)
    assert fingerprint(again) == fingerprint(tensors())
    module = network()
    fit(module, again, folder)
    assert torch.equal(module.state_dict()["a.weight"], tensors()["a.weight"])


def test_saving_again_replaces(folder: Path) -> None:
    save_pretrained(folder, {"b": torch.zeros(1)}, CARD_OF)
    assert list(read_tensors(folder)) == ["b"]


def test_the_fingerprint_sees_names_shapes_types_and_values() -> None:
    seen = {
        fingerprint({"a": torch.zeros(4)}),
        fingerprint({"b": torch.zeros(4)}),
        fingerprint({"a": torch.zeros(2, 2)}),
        fingerprint({"a": torch.zeros(4, dtype=torch.int32)}),
        fingerprint({"a": torch.tensor([0.0, 0, 0, 1])}),
        fingerprint({"a": torch.zeros(4, dtype=torch.bfloat16)}),
    }
    assert len(seen) == 6
    assert fingerprint({"a": torch.tensor(1.0)}) == fingerprint({"a": torch.tensor(1.0)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("a.bias"), "1 missing: a.bias"),
        (lambda t: t.update({"a.bais": t.pop("a.bias")}), "1 missing: a.bias; 1 unknown: a.bais"),
        (lambda t: t.update({"a.bias": torch.ones(5)}), "1 wrong shape: a.bias is [5] instead of [2]"),
    ],
)
def test_misfits_are_named(change, said) -> None:  # type: ignore[no-untyped-def]
    changed = tensors()
    change(changed)
    with pytest.raises(VvlaError) as error:
        fit(network(), changed, "somewhere")
    assert said in one_line(error)
    assert "somewhere" in str(error.value)


def test_optional_tensors_may_be_absent() -> None:
    fit(network(), {"a.weight": torch.ones(2, 3)}, "x", optional=("a.bias",))


def test_a_truncated_file(folder: Path) -> None:
    file = folder / WEIGHTS
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(VvlaError, match="truncated") as error:
        read_tensors(folder)
    assert WEIGHTS in one_line(error)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth"])
def test_a_file_that_is_something_else(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"<html>not found</html>")
    with pytest.raises(VvlaError, match=name) as error:
        read_tensors(file)
    one_line(error)


def test_torch_files_are_read_and_cut_ones_named(tmp_path: Path) -> None:
    file = tmp_path / "m.pth"
    torch.save({"epoch": 3, "model_state_dict": tensors()}, file)
    assert fingerprint(read_tensors(file, wrapper="model_state_dict")) == fingerprint(tensors())
    with pytest.raises(VvlaError, match="no flat table of tensors; its keys: epoch, model_state_dict"):
        read_tensors(file)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(VvlaError, match="cannot be read"):
        read_tensors(file, wrapper="model_state_dict")


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("/tmp/vvla-trap-was-run"),))


def test_no_code_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    for name, write in (("a.pth", torch.save), ("b.pth", lambda o, f: f.write_bytes(pickle.dumps(o)))):
        write({"w": Trap()}, tmp_path / name)
        with pytest.raises(VvlaError, match="holds more than tensors"):
            read_tensors(tmp_path / name)
    assert not Path("/tmp/vvla-trap-was-run").exists()


def test_shards(folder: Path) -> None:
    save_pretrained(folder, {"a.weight": torch.ones(1)}, CARD_OF)
    (folder / WEIGHTS).rename(folder / "one.safetensors")
    save_pretrained(folder, {"a.bias": torch.ones(2)}, CARD_OF)
    assert sorted(read_tensors(folder)) == ["a.bias", "a.weight"]
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a.weight": "one.safetensors", "x": "two.safetensors"}}))
    with pytest.raises(VvlaError, match=r"lacks two\.safetensors"):
        read_tensors(folder)
    index.write_text("{")
    with pytest.raises(VvlaError, match=r"index\.json is broken"):
        read_tensors(folder)


def test_cards_that_are_absent_or_broken(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(VvlaError, match=r"no card\.json"):
        load_card(tmp_path)
    for content in ("{", "[]", '{"preset": "x"}'):
        (folder / CARD).write_text(content)
        with pytest.raises(VvlaError, match="is broken") as error:
            load_card(folder)
        one_line(error)


def test_nothing_there() -> None:
    with pytest.raises(VvlaError, match="no such file or folder, and no hub id"):
        locate("no-such-folder")


def test_the_hub_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked = []

    def fails(name: str, **options: object) -> str:
        asked.append((name, options["revision"]))
        raise OSError("401 Client Error.\n\nlong story")

    monkeypatch.setattr(hub, "snapshot_download", fails)
    with pytest.raises(VvlaError, match=r"no folder 'someone/model@v1', and the hub does not give it: 401") as error:
        locate("someone/model@v1")
    one_line(error)
    assert asked == [("someone/model", "v1")]


def test_a_hub_id_is_fetched(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "snapshot_download", lambda name, **options: str(folder))
    assert load_card("someone/model") == CARD_OF


def test_an_average_is_the_mean_and_names_what_it_is_of(folder: Path, tmp_path: Path) -> None:
    other = {name: (tensor + 2).half() for name, tensor in tensors().items()}
    save_pretrained(tmp_path / "other", other, replace(CARD_OF, data={"steps": 5}))
    shown = CliRunner().invoke(
        app, ["weights", "average", str(folder), str(tmp_path / "other"), "--out", str(tmp_path / "mean")]
    )
    assert shown.exit_code == 0, shown.output
    found = read_tensors(tmp_path / "mean")
    assert all(torch.equal(found[name], (tensor + 1).half()) for name, tensor in tensors().items())
    assert load_card(tmp_path / "mean").data == {"steps": 5, "averaged": [fingerprint(tensors()), fingerprint(other)]}


def test_only_what_is_alike_is_averaged(folder: Path, tmp_path: Path) -> None:
    wider = save_pretrained(tmp_path / "wider", {**tensors(), "a.bias": torch.ones(3)}, CARD_OF)
    student = save_pretrained(tmp_path / "student", tensors(), replace(CARD_OF, architecture="student"))
    for sources, told in (([folder], "two"), ([wider, folder], "a.bias"), ([student, folder], "student")):
        with pytest.raises(VvlaError, match=told) as error:
            average_pretrained(sources, tmp_path / "out")
        one_line(error)
    assert not (tmp_path / "out").exists()
