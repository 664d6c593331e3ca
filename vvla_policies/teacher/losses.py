"""Seer's training losses: actions (inverse dynamics) and pictures some steps ahead (foresight)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from vvla_policies.teacher.heads import Actions


@dataclass(frozen=True)
class LossWeights:
    """Weights beside the arm's loss. The released code halves the two cameras' sum and multiplies by another 0.1.

    Attributes:
        gripper: of the gripper's cross-entropy.
        foresight: of the mean over both cameras of the pictures' squared error.
    """

    gripper: float = 0.01
    foresight: float = 0.1


ARM_LOSSES: dict[str, Callable[..., Tensor]] = {"smooth_l1": F.smooth_l1_loss, "mae": F.l1_loss, "mse": F.mse_loss}


def action_losses(
    predicted: Actions, labels: Tensor, valid: Tensor | None = None, kind: str = "smooth_l1"
) -> tuple[Tensor, Tensor]:
    """The arm's loss (Seer's is smooth L1) and cross-entropy of the gripper.

    Args:
        predicted: arm (B, S, chunk, 6) and gripper logit (B, S, chunk, 1).
        labels: (B, S, chunk, 7): relative actions in [-1, 1] as the benchmark records them, gripper +1 open, -1 closed;
            [:, t, k] is the action at t + k.
        valid: bool (B, S, chunk), False where there is no label (after the end of a demonstration); None for all.
        kind: of the arm's loss, one of `ARM_LOSSES`.

    Returns:
        Two scalars, float32.
    """
    arm = ARM_LOSSES[kind](predicted.arm.float(), labels[..., :6], reduction="none").mean(-1)
    opened = (labels[..., 6:] + 1) / 2
    gripper = F.binary_cross_entropy_with_logits(predicted.gripper_logit.float(), opened, reduction="none").mean(-1)
    return masked_mean(arm, valid), masked_mean(gripper, valid)


def foresight_loss(predicted: Tensor, pictures: Tensor, patch: int, valid: Tensor | None = None) -> Tensor:
    """Mean squared error of the patches, over both cameras.

    Args:
        predicted: (B, S, 2, P, 3 patch^2), from `Seer.imagine`.
        pictures: (B, S, 2, 3, edge, edge), those that lie `config.horizon` steps ahead, as `Seer.normalise` gives them.
        patch: edge of a patch, px.
        valid: bool (B, S), False where there is no such picture; None for all.

    Returns:
        A scalar, float32.
    """
    error = (predicted.float() - patches(pictures, patch)).square().mean(dim=(2, 3, 4))
    return masked_mean(error, valid)


def total_loss(arm: Tensor, gripper: Tensor, foresight: Tensor, weights: LossWeights | None = None) -> Tensor:
    """The weighted sum."""
    weights = weights or LossWeights()
    return arm + weights.gripper * gripper + weights.foresight * foresight


def patches(pictures: Tensor, patch: int) -> Tensor:
    """Pictures as the foresight decoder predicts them: each patch with mean 0 and variance 1 (MAE's targets).

    Args:
        pictures: (..., 3, edge, edge).
        patch: edge of a patch, px.

    Returns:
        float32 (..., P, 3 patch^2): patches row by row, in a patch pixels row by row, channels last.
    """
    edge = pictures.shape[-1] // patch
    cut = pictures.float().unflatten(-1, (edge, patch)).unflatten(-3, (edge, patch))  # ..., 3, row, y, column, x
    pixels = cut.movedim(-5, -1).transpose(-4, -3)  # ..., row, column, y, x, 3
    flat = pixels.flatten(-3).flatten(-3, -2)
    mean, variance = flat.mean(-1, keepdim=True), flat.var(-1, keepdim=True)
    return (flat - mean) / (variance + 1e-6).sqrt()


def masked_mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """The mean where `valid`, 0 where nothing is."""
    if valid is None:
        return values.mean()
    return (values * valid).sum() / valid.sum().clamp(min=1)
