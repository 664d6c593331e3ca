"""ACT, Diffusion Policy and BC-Transformer: shapes, what counts in their losses, and that they learn."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from vvla_policies.baselines.bc_transformer.mixture import MixtureHead  # noqa: E402
from vvla_policies.baselines.diffusion.schedule import CosineSchedule  # noqa: E402
from vvla_policies.baselines.diffusion.unet import Unet  # noqa: E402
from vvla_policies.baselines.imitation.checkpoints import build  # noqa: E402
from vvla_policies.baselines.imitation.network import as_prediction  # noqa: E402
from vvla_policies.baselines.imitation.vision import SpatialSoftmax  # noqa: E402

from tests.baselines.imitation.small import METHODS, batch, history, network  # noqa: E402
from vvla_policies.distill.objectives import ImitationObjective, encoded_frames  # noqa: E402
from vvla_policies.errors import PolicyError, UnknownNameError  # noqa: E402

WORDS = ["open the drawer", "close the drawer"]


def predicted(net, given, seed=0):
    net.eval()
    noise = torch.randn(len(given["task"]), *net.noise, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return net.predict(encoded_frames(net, given, WORDS), noise)


@pytest.mark.parametrize("method", METHODS)
def test_the_presets_are_small_and_act_on_windows(method):
    net, card = build(method, f"{method}-mini", "libero")
    assert 1e6 < sum(p.numel() for p in net.parameters()) < 4e6
    assert predicted(net, batch(net, 2)).shape == (2, net.config.chunk, 7)
    assert card.inputs == {"size": 64, "raw": False, "rotation": "axis_angle", "gripper": "fingers"}


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_learnt(method):
    """What is wrong with the predictions falls to less than half in a hundred steps."""
    net = network(method, **history(method))
    given = batch(net)
    net.calibrate(given["state"].flatten(0, 1))
    wanted = given["actions"][:, -1]
    before = (predicted(net, given) - wanted).abs().mean()
    objective = ImitationObjective(net, WORDS)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    torch.manual_seed(0)
    for _ in range(100):
        objective.train()
        optimiser.zero_grad()
        objective(given)["loss"].backward()
        optimiser.step()
    after = (predicted(net, given) - wanted).abs().mean()
    assert after < before / 2, (before, after)


@pytest.mark.parametrize("method", METHODS)
def test_every_parameter_is_trained_and_every_input_counts(method):
    net = network(method, **history(method))
    given = batch(net)
    ImitationObjective(net, WORDS).train()(given)["loss"].backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []
    said = predicted(net, given)
    for key, change in (("pictures", 0), ("state", 0), ("task", 1 - given["task"])):
        other = {**given, key: torch.zeros_like(given[key]) + change}
        assert not torch.allclose(predicted(net, other), said, atol=1e-6), key


@pytest.mark.parametrize("method", METHODS)
def test_labels_that_are_not_valid_do_not_count(method):
    net = network(method).eval()
    given = batch(net)
    given["actions_valid"][:, :, -1] = False
    given["actions_valid"][-1] = False
    objective = ImitationObjective(net, WORDS)
    other = {**given, "actions": given["actions"].clone()}
    other["actions"][-1] = 5.0
    with torch.no_grad():
        assert torch.equal(objective(given)["loss"], objective(other)["loss"])
        assert math.isfinite(objective({**given, "actions_valid": given["actions_valid"] & False})["loss"])


@pytest.mark.parametrize("method", METHODS)
def test_a_held_out_loss_is_the_same_each_time(method):
    net = network(method)
    objective, given = ImitationObjective(net, WORDS).eval(), batch(net)
    with torch.no_grad():
        before = torch.get_rng_state()
        assert torch.equal(objective(given)["loss"], objective(given)["loss"])
        assert torch.equal(torch.get_rng_state(), before)


def test_the_style_tells_chunks_apart_that_look_alike():
    """ACT: with the divergence free, z carries what pictures do not say; when acting it is 0."""
    net = network("act", kl_weight=0.0)
    given = {**batch(net), "pictures": torch.zeros_like(batch(net)["pictures"])}
    given |= {"state": torch.zeros_like(given["state"]), "task": torch.zeros_like(given["task"])}
    objective = ImitationObjective(net, WORDS)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    torch.manual_seed(0)
    for _ in range(80):
        losses = objective.train()(given)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
    assert losses["l1"] < 0.25  # 0.48 is the best without z
    assert losses["kl"] > 1


def test_of_bc_transformer_the_future_is_hidden():
    net = network("bc-transformer").eval()
    frames = encoded_frames(net, batch(net), WORDS)
    changed = frames.clone()
    changed[:, -1] += 1
    with torch.no_grad():
        assert torch.allclose(net.remember(frames)[:, :-1], net.remember(changed)[:, :-1], atol=1e-6)


def test_the_mixture_is_pytorchs():
    head, features = MixtureHead(8, 16, 7, 3, 0.01), torch.randn(5, 8)
    weights, means, stds = head(features)
    parts = torch.distributions.Independent(torch.distributions.Normal(means, stds), 1)
    whole = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=weights), parts)
    actions = torch.rand(5, 7)
    assert torch.allclose(head.log_likelihood(features, actions), whole.log_prob(actions), atol=1e-4)
    many = features[:1].expand(20000, -1)
    numbers = torch.Generator().manual_seed(0)
    draws = head.sample(many, torch.randn(20000, generator=numbers), torch.randn(20000, 7, generator=numbers))
    assert torch.allclose(draws.mean(dim=0), whole.mean[0], atol=0.03)
    assert torch.allclose(draws.var(dim=0), whole.variance[0], rtol=0.05)


def test_spatial_softmax_finds_a_bright_spot():
    layer = SpatialSoftmax(1, 1)
    nn.init.constant_(layer.maps.weight, 50.0)
    picture = torch.zeros(1, 1, 5, 9)
    picture[0, 0, 1, 6] = 1.0
    assert torch.allclose(layer(picture), torch.tensor([[0.5, -0.5]]), atol=1e-3)


def test_the_schedule_is_the_published_one():
    """Shares of the signal that are left, as `diffusers` has them for squaredcos_cap_v2 with 100 steps."""
    kept = CosineSchedule(100).kept
    assert torch.allclose(kept[[0, 50, 98]], torch.tensor([0.9993687, 0.4782646, 0.0002428572]), rtol=1e-4)


def test_denoising_with_the_true_noise_gives_the_clean_chunk():
    schedule, clean = CosineSchedule(20), torch.rand(3, 4, 7) * 2 - 1

    def truth(x, step):
        kept = schedule.kept[step].view(-1, 1, 1)
        return (x - kept.sqrt() * clean) / (1 - kept).sqrt()

    for count in (1, 5, 20):
        assert torch.allclose(schedule.denoise(torch.randn(3, 4, 7), count, truth), clean, atol=1e-3)


def test_the_unet_keeps_lengths_and_reads_all_it_is_given():
    unet = Unet(7, (16, 32), 5, 8)
    noisy, step, known = torch.randn(2, 6, 7), torch.tensor([3, 9]), torch.randn(2, 5)
    said = unet(noisy, step, known)
    assert said.shape == noisy.shape
    for other in ((noisy + 1, step, known), (noisy, step + 5, known), (noisy, step, known + 1)):
        assert not torch.allclose(unet(*other), said)


def test_predictions_are_what_execution_takes():
    said = as_prediction(torch.tensor([[3.0, -3.0, 0, 0, 0, 0.5, -1.0], [0, 0, 0, 0, 0, 0, 2.0]]))
    assert said.tolist() == [[1, -1, 0, 0, 0, 0.5, 0], [0, 0, 0, 0, 0, 0, 1]]


def test_sizes_that_cannot_be():
    with pytest.raises(PolicyError, match="multiple of 8"):
        network("act", picture=20)
    with pytest.raises(PolicyError, match="does not divide into 3 heads"):
        network("act", heads=3)
    with pytest.raises(PolicyError, match="must be even"):
        network("diffusion", chunk=5)
    with pytest.raises(PolicyError, match="predicts one action, not 4"):
        network("bc-transformer", chunk=4)
    with pytest.raises(UnknownNameError, match="unknown act preset 'act-maxi'"):
        build("act", "act-maxi", "libero")
    with pytest.raises(UnknownNameError, match="unknown benchmark"):
        build("act", "act-mini", "metaworld")
