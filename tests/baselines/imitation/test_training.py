"""`vvla train` of the baselines that imitate: on demonstrations, resumed, to a checkpoint that opens."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("h5py")
pytest.importorskip("accelerate")
torch = pytest.importorskip("torch")
from tests.baselines.imitation.small import METHODS, SHARED, recipe  # noqa: E402
from tests.distill.small import make_demos  # noqa: E402
from vvla_policies import load_policy  # noqa: E402
from vvla_policies.distill.networks import Sources  # noqa: E402
from vvla_policies.distill.train import TrainRequest, train  # noqa: E402
from vvla_policies.distill.trainer import read_log  # noqa: E402
from vvla_policies.errors import VvlaError  # noqa: E402
from vvla_policies.pretrained import load_card, read_tensors  # noqa: E402


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imitation")
    make_demos(folder / "demos")
    return folder


def request(room, out, recipe, **sources):
    given = Sources(**{name: str(path) for name, path in sources.items()})
    return TrainRequest(recipe, [room / "demos"], room / out, given, room / "cache", threads=1)


def losses(out: Path, name="loss"):
    return [line[name] for line in read_log(out / "log.jsonl") if name in line]


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_from_demonstrations_and_opens(room, method):
    """The loss falls: ACT's and Diffusion Policy's to 60 %, BC-Transformer's (a log-likelihood) by 2 nats."""
    wanted = recipe(method, steps=80, batch=8, log_every=20, save_every=80, holdout=1, ema=0.9, shift_image=1)
    result = train(request(room, method, wanted))
    told = losses(result.folder)
    assert told[-1] < (told[0] - 2 if method == "bc-transformer" else 0.6 * told[0]), told
    assert len(losses(result.folder, "eval_loss")) == 1
    card = load_card(result.folder)
    assert (card.architecture, card.trained_on, card.data["steps"]) == (method, "primitive", 80)
    assert card.data["spacing"] == {"act": 2, "diffusion": 2, "bc-transformer": 1}[method]
    tensors = read_tensors(result.folder)
    assert torch.allclose(tensors["state_mean"][:3], torch.zeros(3), atol=0.01)  # what `make_demos` draws
    assert torch.allclose(tensors["state_std"][:3], torch.full((3,), 0.32), atol=0.02)
    ours = load_policy(method, checkpoint=result.folder, device="cpu")
    assert ours.card.trained_on == "primitive"
    if method == "act":
        assert losses(result.folder, "kl")[-1] < 0.1
        assert "kl" in card.data["losses"]


@pytest.mark.parametrize("method", METHODS)
def test_a_training_goes_on_to_the_same_bits(room, method):
    wanted = recipe(method, steps=4, ema=0.9, micro=2)
    whole = train(request(room, f"{method}-whole", wanted))
    part = train(dataclasses.replace(request(room, f"{method}-part", wanted), minutes=1e-9))
    assert (part.step, part.finished) == (2, False)
    rest = train(request(room, f"{method}-part", wanted))
    assert rest.finished
    one, two = read_tensors(whole.folder), read_tensors(rest.folder)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert losses(rest.folder) == losses(whole.folder)


def test_it_begins_from_a_checkpoint_and_keeps_its_scale(room):
    first = train(request(room, "first", recipe("act", steps=2)))
    wanted = recipe("act", steps=2, config={}, lr=1e-9)
    second = train(request(room, "second", wanted, init=first.folder))
    one, two = read_tensors(first.folder), read_tensors(second.folder)
    assert torch.equal(one["state_mean"], two["state_mean"])
    assert torch.allclose(one["head.weight"], two["head.weight"], atol=1e-6)
    longer = train(request(room, "longer", recipe("act", steps=2, config={"chunk": 5}, lr=1e-9), init=first.folder))
    three = read_tensors(longer.folder)
    assert len(three["queries"]) == 5
    assert torch.allclose(one["head.weight"], three["head.weight"], atol=1e-6)
    with pytest.raises(VvlaError, match="is a act, not a diffusion"):
        train(request(room, "x", recipe("diffusion", config={}), init=first.folder))
    with pytest.raises(VvlaError, match="config of the recipe"):
        train(request(room, "x", recipe("act", config={**SHARED, "widht": 3})))
