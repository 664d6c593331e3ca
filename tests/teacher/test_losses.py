"""The losses against their definitions, and that a small network learns with them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from vvla_policies.teacher.config import get_preset  # noqa: E402
from vvla_policies.teacher.heads import Actions  # noqa: E402
from vvla_policies.teacher.losses import action_losses, foresight_loss, patches, total_loss  # noqa: E402
from vvla_policies.teacher.network import Seer  # noqa: E402


def test_actions() -> None:
    predicted = Actions(torch.zeros(1, 1, 2, 6), torch.tensor([[[[0.0], [2.0]]]]))
    labels = torch.zeros(1, 1, 2, 7)
    labels[0, 0, 0] = torch.tensor([0.5, 0, 0, 0, 0, -2.0, 1.0])  # squared below 1, linear above
    labels[0, 0, 1, 6] = -1.0
    arm, gripper = action_losses(predicted, labels)
    assert arm.item() == pytest.approx((0.5 * 0.5**2 + (2.0 - 0.5)) / 12)
    wrong = -torch.log(1 - torch.sigmoid(torch.tensor(2.0))).item()
    assert gripper.item() == pytest.approx((0.6931472 + wrong) / 2, abs=1e-6)


def test_steps_without_a_label_do_not_count() -> None:
    predicted = Actions(torch.randn(2, 3, 4, 6), torch.randn(2, 3, 4, 1))
    labels, valid = torch.rand(2, 3, 4, 7), torch.rand(2, 3, 4) > 0.5
    losses = action_losses(predicted, labels, valid)
    labels[~valid] = 7.0
    for one, two in zip(losses, action_losses(predicted, labels, valid), strict=True):
        assert torch.equal(one, two)
    assert action_losses(predicted, labels, torch.zeros(2, 3, 4).bool())[0] == 0


def test_patches_are_pixels_row_by_row_channels_last() -> None:
    picture = torch.randn(3, 8, 8)
    cut = patches(picture, 4)
    assert cut.shape == (4, 48)
    expected = torch.stack([picture[c, 4 + y, x] for y in range(4) for x in range(4) for c in range(3)])
    expected = (expected - expected.mean()) / (expected.var() + 1e-6).sqrt()
    torch.testing.assert_close(cut[2], expected)  # the patch below the first


def test_foresight() -> None:
    pictures = torch.randn(2, 3, 2, 3, 8, 8)
    target = patches(pictures, 4)
    assert foresight_loss(target, pictures, 4) == 0
    assert foresight_loss(target + 2, pictures, 4).item() == pytest.approx(4, abs=1e-4)
    valid = torch.tensor([[True, False, False]] * 2)
    target[:, 1:] = 100.0
    assert foresight_loss(target, pictures, 4, valid) == 0


def test_total_is_the_released_codes_sum() -> None:
    arm, gripper, foresight = torch.tensor(1.0), torch.tensor(10.0), torch.tensor(100.0)
    assert total_loss(arm, gripper, foresight).item() == pytest.approx(1 + 0.1 + 10)


def test_a_small_teacher_learns() -> None:
    torch.manual_seed(0)
    config = get_preset("seer-mini", hidden=64, heads=2, layers=2, chunk=2, picture=32, vision_width=64, vision_heads=2,
                        text_width=32, decoder_heads=2, latents=3, history=2, foresight=4)  # fmt: skip
    seer = Seer(config).train()
    pictures = torch.randint(0, 256, (8, 2, 32, 32, 3), dtype=torch.uint8)
    state, labels = torch.randn(8, 8), torch.rand(4, 2, 2, 7) * 2 - 1
    labels[..., 6] = labels[..., 6].sign()
    words = ["open the drawer", "close the drawer"] * 4
    optimiser = torch.optim.AdamW(seer.parameters(), lr=1e-3)
    losses = []
    for _ in range(40):
        encoded = seer.encode(pictures, seer.read(words), state).unflatten(0, (4, 2))
        features = seer(encoded)
        arm, gripper = action_losses(seer.decode(features.action), labels)
        seen = seer.normalise(pictures).unflatten(0, (4, 2))
        loss = total_loss(arm, gripper, foresight_loss(seer.imagine(features.foresight), seen, config.patch))
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in seer.parameters())  # every part is trained
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
