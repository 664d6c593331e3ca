"""Auxiliary tasks are learnt, and only what is there counts."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from vvla_policies.distill.auxiliary import Pointing  # noqa: E402
from vvla_policies.teacher.perceiver import LOOKS, GuidedResampler  # noqa: E402

CELLS, WIDTH, ACTED, THINGS = 16, 8, 6, 3


@pytest.fixture
def batch():
    """Two things that are somewhere in both pictures, and one that is nowhere."""
    rng = torch.Generator().manual_seed(0)
    things = torch.rand(12, THINGS, 2, 2, generator=rng)
    things[:, 2] = float("nan")
    return {"things": things, "goals": torch.rand(12, LOOKS, 2, 2, generator=rng)}


def seen(batch):
    """Features that show each thing in its cell, with where in the cell it is."""
    features = 0.1 * torch.randn(12, 2, CELLS, WIDTH, generator=torch.Generator().manual_seed(1))
    for item, camera in torch.cartesian_prod(torch.arange(12), torch.arange(2)).tolist():
        for thing in range(THINGS - 1):
            x, y = (batch["things"][item, thing, camera] * 4).tolist()
            cell = features[item, camera, 4 * int(y) + int(x)]
            cell[thing] += 2
            cell[2 + 2 * thing : 4 + 2 * thing] = torch.tensor([x % 1 - 0.5, y % 1 - 0.5])
    return features


def acted():
    """Action features, of which each item's are its own."""
    return torch.randn(12, 2, ACTED, generator=torch.Generator().manual_seed(2))


def test_features_that_show_things_are_learnt_from(batch):
    pointing = Pointing(WIDTH, ACTED, THINGS, weight=0.5)
    features, optimiser = seen(batch), torch.optim.Adam(pointing.parameters(), lr=0.05)
    found, told = [], []
    for _ in range(300):
        losses = pointing.added({"loss": torch.tensor(1.0)}, features, acted(), batch)
        assert torch.isclose(losses["loss"], 1 + 0.5 * losses["points"] + 0.5 * losses["goals"])
        found.append(float(losses["points"].detach()))
        told.append(float(losses["goals"].detach()))
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
    assert found[-1] < found[0] / 10
    assert told[-1] < told[0] / 2


def test_what_is_nowhere_does_not_count(batch):
    pointing = Pointing(WIDTH, ACTED, THINGS, weight=1.0)
    before = pointing.added({"loss": torch.tensor(0.0)}, seen(batch), acted(), batch)["points"]
    with torch.no_grad():
        pointing.which[:, 2] += 5
    assert torch.equal(pointing.added({"loss": torch.tensor(0.0)}, seen(batch), acted(), batch)["points"], before)


def test_without_things_or_weight_nothing_is_added(batch):
    for pointing in (Pointing(WIDTH, ACTED, 0, 1.0), Pointing(WIDTH, ACTED, THINGS, 0.0)):
        assert pointing.added({"loss": torch.tensor(1.0)}, seen(batch), acted(), batch) == {"loss": torch.tensor(1.0)}
        assert not list(pointing.parameters())


def test_a_resampler_learns_where_to_look_from_what_it_is_told(batch):
    torch.manual_seed(0)
    sampler, pointing = GuidedResampler(WIDTH, 4, 1, CELLS, told=2), Pointing(WIDTH, ACTED, THINGS, weight=1.0)
    batch["goals"] = batch["things"][:, :1].repeat(1, LOOKS, 1, 1)
    asks_for_second = torch.arange(12) % 2 == 1
    batch["goals"][asks_for_second] = batch["things"][asks_for_second, 1:2]
    told = torch.nn.functional.one_hot(asks_for_second.long(), 2).float().repeat_interleave(2, dim=0)
    patches = seen(batch).flatten(0, 1)
    optimiser, looked = torch.optim.Adam(sampler.parameters(), lr=0.01), []
    for _ in range(150):
        looks = sampler.looks(patches, told).unflatten(0, (12, 2))
        losses = pointing.added({"loss": torch.tensor(0.0)}, seen(batch), acted(), batch, looks)
        looked.append(float(losses["looks"].detach()))
        optimiser.zero_grad()
        losses["looks"].backward()
        optimiser.step()
    assert looked[-1] < looked[0] / 4


def test_latents_follow_what_they_are_told():
    sampler = GuidedResampler(WIDTH, 4, 2, CELLS, told=2)
    patches = torch.randn(3, CELLS, WIDTH)
    latents = sampler(patches, torch.tensor([[0.0, 1.0]]).expand(3, -1))
    assert latents.shape == (3, 4, WIDTH)
    assert not torch.allclose(latents, sampler(patches, torch.tensor([[1.0, 0.0]]).expand(3, -1)), atol=1e-3)
    assert sampler.looks(patches, torch.zeros(3, 2)).shape == (3, 2, LOOKS, CELLS)
