"""ACT's network (arXiv 2304.13705), small: a conditional variational auto-encoder of action chunks.

In training an encoder reads the demonstrated chunk and says in which style it was done (z); the decoder says the chunk
again from pictures, state, words and z. When acting, z is its prior's mean, 0. Beside the paper's: one instruction
among several (words, FiLM), blocks with their norms in front, no dropout, and 64 px instead of 480 x 640.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from vvla_policies.baselines.imitation.network import STATE_DIM, Imitator, ImitatorConfig

from vvla_policies.errors import PolicyError
from vvla_policies.policy import ACTION_DIM
from vvla_policies.teacher.blocks import VitBlock, sine_cosine_grid
from vvla_policies.teacher.losses import masked_mean


@dataclass(frozen=True)
class ActConfig(ImitatorConfig):
    """Sizes of ACT.

    Attributes:
        heads: of all attention.
        encoder_layers: over pictures, state, words and z.
        decoder_layers: from one query for each action.
        style_layers: of the auto-encoder's encoder.
        style: width of z.
        kl_weight: of the divergence of z from its prior; the paper's beta.
    """

    heads: int = 4
    encoder_layers: int = 2
    decoder_layers: int = 2
    style_layers: int = 2
    style: int = 32
    kl_weight: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise PolicyError(f"a width of {self.width} does not divide into {self.heads} heads")


PRESETS = {"act-mini": ActConfig()}


class Act(Imitator):
    """The network.

    Args:
        config: its sizes.
    """

    config: ActConfig
    places: Tensor

    def __init__(self, config: ActConfig) -> None:
        super().__init__(config)
        self.config = config
        width = config.width
        self.state_token = nn.Linear(STATE_DIM, width)
        self.text_token = nn.Linear(config.text_width, width)
        self.register_buffer("places", sine_cosine_grid(width, config.picture // 8), persistent=False)
        self.cameras = nn.Parameter(0.02 * torch.randn(2, 1, width))
        self.times = nn.Parameter(0.02 * torch.randn(config.history, 1, width))
        self.style_token = nn.Linear(config.style, width)
        self.encoder = nn.ModuleList(VitBlock(width, config.heads) for _ in range(config.encoder_layers))
        layer = nn.TransformerDecoderLayer(
            width, config.heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, config.decoder_layers, nn.LayerNorm(width))
        self.queries = nn.Parameter(0.02 * torch.randn(config.chunk, width))
        self.head = nn.Linear(width, ACTION_DIM)
        self.posterior = _Posterior(config)

    def encode(self, pictures: Tensor, text: Tensor, state: Tensor) -> Tensor:
        """Tokens (n, 2 + 2 P, width): state, words, places of both cameras' feature maps; see `Imitator.encode`."""
        maps = self.see(pictures, text).flatten(3).transpose(2, 3)  # n, 2, P, width
        seen = (maps + self.places + self.cameras).flatten(1, 2)
        return torch.cat([self.state_token(self.scaled(state))[:, None], self.text_token(text)[:, None], seen], dim=1)

    def losses(self, frames: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """In training "l1" of the chunk, "kl" of z and "loss", their weighted sum; else "loss", the L1 for z = 0."""
        actions, valid = batch["actions"][:, -1], batch["actions_valid"][:, -1]
        style, kl = None, None
        if self.training:
            mean, log_variance = self.posterior(self.scaled(batch["state"][:, -1]), actions, valid)
            style = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=-1).mean()
        l1 = masked_mean((self.decide(frames, style).float() - actions).abs().mean(dim=-1), valid)
        return {"loss": l1} if kl is None else {"loss": l1 + self.config.kl_weight * kl, "l1": l1, "kl": kl}

    def predict(self, frames: Tensor, noise: Tensor) -> Tensor:
        """(B, chunk, 7); see `Imitator.predict`."""
        return self.decide(frames, None)

    def decide(self, frames: Tensor, style: Tensor | None) -> Tensor:
        """The chunk (B, chunk, 7) from encoded frames (B, S, L, width) and z (B, style), None for the prior's mean."""
        if style is None:
            style = frames.new_zeros(len(frames), self.config.style)
        known = (frames + self.times).flatten(1, 2)
        tokens = torch.cat([self.style_token(style)[:, None], known], dim=1)
        for block in self.encoder:
            tokens = block(tokens)
        return self.head(self.decoder(self.queries.expand(len(frames), -1, -1), tokens))


class _Posterior(nn.Module):
    """The auto-encoder's encoder: state and the demonstrated chunk to z's mean and log-variance."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        width = config.width
        self.state = nn.Linear(STATE_DIM, width)
        self.action = nn.Linear(ACTION_DIM, width)
        self.cls = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(2 + config.chunk, width))
        self.blocks = nn.ModuleList(VitBlock(width, config.heads) for _ in range(config.style_layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2 * config.style)

    def forward(self, state: Tensor, actions: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """State (B, 8), actions (B, chunk, 7), valid (B, chunk); both results (B, style)."""
        cls = self.cls.expand(len(state), -1, -1)
        tokens = torch.cat([cls, self.state(state)[:, None], self.action(actions)], dim=1) + self.positions
        sees = torch.cat([valid.new_ones(len(valid), 2), valid], dim=1)[:, None, None]
        for block in self.blocks:
            tokens = block(tokens, sees)
        mean, log_variance = self.head(self.norm(tokens[:, 0])).chunk(2, dim=-1)
        return mean, log_variance
