"""A mixture of Gaussians as the distribution of actions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it


class MixtureHead(nn.Module):
    """From features to a mixture of Gaussians with diagonal covariance.

    Args:
        inner: width of the features.
        hidden: width of the two hidden layers.
        dim: numbers of an action.
        modes: Gaussians.
        least_std: least standard deviation.
    """

    def __init__(self, inner: int, hidden: int, dim: int, modes: int, least_std: float) -> None:
        super().__init__()
        self.modes, self.least_std = modes, least_std
        self.shared = nn.Sequential(nn.Linear(inner, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, modes * dim)
        self.spread = nn.Linear(hidden, modes * dim)
        self.weight = nn.Linear(hidden, modes)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features (..., inner) to log-weights (..., modes), means in [-1, 1] and deviations (..., modes, dim)."""
        shared = self.shared(features)
        means = self.mean(shared).unflatten(-1, (self.modes, -1)).tanh()
        # softplus, but of the two only this gives the same bits wherever in a batch a row stands
        stds = -F.logsigmoid(-self.spread(shared)).unflatten(-1, (self.modes, -1)) + self.least_std
        return self.weight(shared).log_softmax(dim=-1), means, stds

    def log_likelihood(self, features: Tensor, actions: Tensor) -> Tensor:
        """Of actions (..., dim): (...), float32."""
        weights, means, stds = (part.float() for part in self(features))
        error = (actions[..., None, :] - means) / stds
        each = -0.5 * error.square() - stds.log() - 0.5 * math.log(2 * math.pi)
        return (weights + each.sum(dim=-1)).logsumexp(dim=-1)

    def sample(self, features: Tensor, choice: Tensor, spread: Tensor) -> Tensor:
        """Draws actions.

        Args:
            features: (n, inner).
            choice: (n,), standard normal: chooses the Gaussian.
            spread: (n, dim), standard normal; zeros give the mean.

        Returns:
            (n, dim).
        """
        weights, means, stds = self(features)
        below = weights.exp().cumsum(dim=-1)[:, :-1]
        chosen = (torch.special.ndtr(choice)[:, None] > below).sum(dim=-1)
        row = torch.arange(len(chosen), device=chosen.device)
        return means[row, chosen] + stds[row, chosen] * spread
