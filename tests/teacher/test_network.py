"""The network's parts against `transformers`, and what the two ways through it promise."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from vvla_policies.errors import PolicyError, UnknownNameError  # noqa: E402
from vvla_policies.huggingface import import_transformers  # noqa: E402
from vvla_policies.teacher.blocks import GptBlock, VitBlock  # noqa: E402
from vvla_policies.teacher.config import SeerConfig, get_preset  # noqa: E402
from vvla_policies.teacher.encoders import WordEncoder  # noqa: E402
from vvla_policies.teacher.heads import HEADS, ActionHeads  # noqa: E402
from vvla_policies.teacher.mask import Masking  # noqa: E402
from vvla_policies.teacher.network import Seer  # noqa: E402

SMALL = get_preset("seer-mini", hidden=48, heads=3, layers=2, history=4, chunk=3, latents=3, picture=32, guided=True,
                   vision_width=48, vision_heads=3, text_width=32, decoder_heads=3, resampler_heads=1)  # fmt: skip


@pytest.fixture(scope="module")
def seer() -> Seer:
    torch.manual_seed(0)
    network = Seer(SMALL).eval()
    for token in (network.obs_tokens, network.action_pred_token):  # zero until trained
        torch.nn.init.normal_(token)
    return network


def conditions(batch: int = 2, steps: int = 4) -> torch.Tensor:
    shape = (batch, steps, SMALL.conditions, SMALL.hidden)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("preset", "millions"), [("seer", 67.69), ("seer-large", 357.76)])
def test_parameter_counts(preset: str, millions: float) -> None:
    with torch.device("meta"):
        network = Seer(get_preset(preset, history=4))
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == millions


def test_gpt_block_is_transformers_own() -> None:
    import_transformers()
    from transformers.models.gpt2 import modeling_gpt2 as gpt2

    config = gpt2.GPT2Config(n_embd=48, n_head=3, n_layer=1, attn_implementation="sdpa")
    theirs, ours = gpt2.GPT2Block(config).eval(), GptBlock(48, 3, 0.1).eval()
    ours.load_state_dict({n: t for n, t in theirs.state_dict().items() if n in ours.state_dict()})
    x, mask = torch.randn(2, 7, 48), torch.zeros(1, 1, 7, 7)
    mask[..., 3] = float("-inf")
    found = theirs(x, attention_mask=mask)
    torch.testing.assert_close(ours(x, mask), found[0] if isinstance(found, tuple) else found, atol=1e-6, rtol=0)


def test_the_last_step_equals_the_whole_window(seer: Seer) -> None:
    window, lengths = conditions(batch=4), torch.tensor([1, 2, 3, 4])
    with torch.inference_mode():
        full = seer(window).action
        last = seer.act(window, lengths)
        for episode, length in enumerate(lengths):
            torch.testing.assert_close(last[episode], full[episode, length - 1], atol=1e-5, rtol=0)


def test_what_fills_a_short_window_does_not_matter(seer: Seer) -> None:
    window = conditions()
    other = window.clone()
    other[:, 2:] = 100.0
    with torch.inference_mode():
        assert torch.equal(seer.act(window, torch.tensor([2, 2])), seer.act(other, torch.tensor([2, 2])))


def test_the_future_is_not_seen(seer: Seer) -> None:
    window = conditions()
    other = window.clone()
    other[:, 3] *= -1.0
    with torch.inference_mode():
        before, after = seer(window), seer(other)
    for one, two in zip(before, after, strict=True):
        torch.testing.assert_close(one[:, :3], two[:, :3])
        assert not torch.allclose(one[:, 3], two[:, 3])


def test_foresight_drives_the_actions_of_its_own_step_only(seer: Seer) -> None:
    """Under `only_foresight`, gradients of an action reach its own step's pictures and nothing else."""
    window = conditions(batch=1).requires_grad_()
    seer(window, Masking(only_foresight=True)).action[0, 2].square().sum().backward()
    reached = window.grad.abs().sum(-1)[0] > 0
    assert reached[2].any()
    assert reached[:2].any()  # through the foresight tokens, which see the past
    assert not reached[3].any()


def test_shapes_of_a_training_pass(seer: Seer) -> None:
    steps = torch.randint(0, 256, (8, 2, 32, 32, 3), dtype=torch.uint8)
    text = seer.read(["pick up the cup"] * 8)
    encoded = seer.encode(steps, text, torch.randn(8, 8)).unflatten(0, (2, 4))
    assert encoded.shape == (2, 4, SMALL.conditions, 48)
    features = seer(encoded)
    actions = seer.decode(features.action)
    assert actions.joined().shape == (2, 4, 3, 7)
    assert seer.imagine(features.foresight).shape == (2, 4, 2, 16, 3 * 64)


@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision(autocast: bool) -> None:
    torch.manual_seed(0)
    network = Seer(SMALL).eval()
    pictures, state = torch.randint(0, 256, (4, 2, 32, 32, 3), dtype=torch.uint8), torch.randn(4, 8)
    with torch.inference_mode():
        exact = network.decode(network(network.encode(pictures, network.read(["go"] * 4), state)[None]).action).joined()
        if not autocast:
            network, state = network.to(torch.bfloat16), state.to(torch.bfloat16)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            encoded = network.encode(pictures, network.read(["go"] * 4), state)
            near = network.decode(network(encoded[None]).action).joined()
    torch.testing.assert_close(near.float(), exact, atol=0.05, rtol=0)


def test_the_student_takes_the_heads_by_name(seer: Seer) -> None:
    heads = ActionHeads(SMALL.hidden)
    heads.load_state_dict({n: t for n, t in seer.state_dict().items() if n.startswith(HEADS)})
    features = torch.randn(2, 3, SMALL.hidden)
    assert torch.equal(heads.decode(features).joined(), seer.decode(features).joined())


def test_pictures_are_normalised_per_channel(seer: Seer) -> None:
    grey = torch.full((1, 2, 4, 4, 3), 255, dtype=torch.uint8)
    seen = seer.normalise(grey)
    assert seen.shape == (1, 2, 3, 4, 4)
    expected = (1 - torch.tensor([0.48145466, 0.4578275, 0.40821073])) / torch.tensor(
        [0.26862954, 0.26130258, 0.27577711]
    )
    torch.testing.assert_close(seen[0, 0, :, 0, 0], expected)


def test_words() -> None:
    torch.manual_seed(0)
    encoder = WordEncoder(32).eval()
    sentences = ["Put the red mug on the plate.", "put the mug on the red plate", "", "word " * 100]
    with torch.inference_mode():
        together = encoder(sentences)
        alone = torch.cat([encoder([sentence]) for sentence in sentences])
        torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)
        torch.testing.assert_close(encoder(["PUT the red mug on the plate"])[0], together[0])
    assert torch.isfinite(together).all()
    assert not torch.allclose(together[0], together[1])  # the order of words counts


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(PolicyError, match="square"):
        SeerConfig(foresight=8)
    with pytest.raises(PolicyError, match="patches of 16 px"):
        SeerConfig(picture=200)
    with pytest.raises(PolicyError, match="heads"):
        SeerConfig(heads=7)
    with pytest.raises(PolicyError, match="3 latents"):
        get_preset("seer-mini", latents=2, guided=True)
    with pytest.raises(UnknownNameError, match="Did you mean 'seer-large'"):
        get_preset("seer-lage")


def test_vit_block_masks() -> None:
    block = VitBlock(32, 1)
    x, there = torch.randn(1, 4, 32), torch.tensor([True, True, False, False])[None, None, None]
    other = x.clone()
    other[:, 2:] += 1
    torch.testing.assert_close(block(x, there)[:, :2], block(other, there)[:, :2])
