"""Seer (arXiv 2412.15109): what is and what is asked become tokens, foresight conditions inverse dynamics.

Parameter names are those of the published checkpoints. The network works in two stages, so that at evaluation each
frame is encoded once:

    conditions = seer.encode(pictures, text, state)       # (n, A, H), one step each
    features = seer(conditions.unflatten(0, (B, S)))      # all S steps, for training
    newest = seer.act(history, lengths)                   # (B, chunk, H), only the last step's answer
    seer.decode(newest), seer.imagine(features.foresight)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vvla_policies.teacher.blocks import Gpt, VitBlock, sine_cosine_grid, standardise
from vvla_policies.teacher.config import PIXELS, SeerConfig
from vvla_policies.teacher.encoders import ConvEncoder, WordEncoder
from vvla_policies.teacher.heads import ActionHeads
from vvla_policies.teacher.mask import DEFAULT, Masking, additive, block_mask, last_step_rows
from vvla_policies.teacher.perceiver import GuidedResampler, PerceiverResampler

ENCODERS = ("vision_encoder.", "text_encoder.")
"""Prefixes of the encoders' tensors; published checkpoints leave them out, because they are frozen."""


class Features(NamedTuple):
    """What the transformer, after its final norm, says at the queries.

    Attributes:
        action: (B, S, chunk, H), the alignment target of the student.
        foresight: (B, S, 2 M, H), M of the third-person camera, then M of the wrist's.
    """

    action: Tensor
    foresight: Tensor


class Seer(ActionHeads):
    """The teacher network.

    Args:
        config: its sizes. With `published`, call `attach` with MAE and CLIP before `encode` and `read`.
    """

    pixel_mean: Tensor
    pixel_std: Tensor
    image_decoder_positions: Tensor

    def __init__(self, config: SeerConfig) -> None:
        super().__init__(config.hidden)
        self.config = config
        hidden = config.hidden
        self._build_encoders()
        self.obs_tokens = nn.Parameter(torch.zeros(1, 1, 2 * config.foresight, hidden))
        self.action_pred_token = nn.Parameter(torch.zeros(1, 1, config.chunk, hidden))
        self.transformer_backbone_position_embedding = nn.Parameter(torch.empty(1, config.history, 1, hidden))
        self.embedding_layer_norm = nn.LayerNorm(hidden)
        self.transformer_backbone = Gpt(hidden, config.heads, config.layers, config.dropout)
        self._build_foresight()
        if config.published:
            self._build_unused()
        mean, std = (torch.tensor(values).view(1, 1, 3, 1, 1) for values in PIXELS)
        self.register_buffer("pixel_mean", mean, persistent=False)
        self.register_buffer("pixel_std", std, persistent=False)
        self._initialise()

    def _build_encoders(self) -> None:
        config, hidden, width = self.config, self.config.hidden, self.config.vision_width
        own = not config.published
        self.vision_encoder: nn.Module | None = ConvEncoder(config) if own else None
        self.text_encoder: nn.Module | None = WordEncoder(config.text_width) if own else None
        self.text_projector = nn.Linear(config.text_width, hidden)
        self.arm_state_encoder = nn.Linear(6, hidden)
        self.gripper_state_encoder = nn.Linear(2, hidden)
        self.state_projector = nn.Linear(2 * hidden, hidden)
        self.perceiver_resampler: nn.Module = (
            GuidedResampler(width, config.latents, config.resampler_heads, config.patches, 2 * hidden)
            if config.guided
            else PerceiverResampler(width, config.latents, config.resampler_layers, config.resampler_heads)
        )
        self.image_primary_projector = nn.Linear(width, hidden)
        self.cls_token_primary_projector = nn.Linear(width, hidden)
        self.image_wrist_projector = nn.Linear(width, hidden)
        self.cls_token_wrist_projector = nn.Linear(width, hidden)

    def _build_foresight(self) -> None:
        config, hidden = self.config, self.config.hidden
        self.mask_token = nn.Parameter(torch.empty(1, 1, hidden))
        self.image_decoder_obs_pred_projector = nn.Linear(hidden, hidden)
        self.image_decoder = nn.Sequential(
            *(VitBlock(hidden, config.decoder_heads) for _ in range(config.decoder_layers))
        )
        self.image_decoder_norm = nn.LayerNorm(hidden)
        self.image_decoder_pred = nn.Linear(hidden, 3 * config.patch**2)
        grids = [sine_cosine_grid(hidden, isqrt(count)) for count in (config.foresight, config.patches)]
        self.register_buffer("image_decoder_positions", torch.cat(grids)[None], persistent=False)

    def _build_unused(self) -> None:
        """Layers that the published checkpoints hold and nothing reads; frozen, so that no optimiser sees them."""
        hidden, half = self.config.hidden, self.config.hidden // 2
        self.action_pose_encoder = nn.Linear(6, hidden)
        self.action_gripper_position_encoder = nn.Linear(2, hidden)
        self.action_projector = nn.Linear(2 * hidden, hidden)
        self.recon_state_decoder = nn.Sequential(nn.Linear(hidden, half), nn.ReLU(), nn.Linear(half, half), nn.ReLU())
        self.recon_arm_state_decoder = nn.Sequential(nn.Linear(half, 6))
        self.recon_gripper_state_decoder = nn.Sequential(nn.Linear(half, 1))
        for name, parameter in self.named_parameters():
            if name.startswith(("action_pose", "action_gripper", "action_projector", "recon_")):
                parameter.requires_grad_(False)

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for parameter in (self.mask_token, self.transformer_backbone_position_embedding):
            nn.init.normal_(parameter, std=0.02)

    def attach(self, vision: nn.Module, text: nn.Module) -> Seer:
        """Adds frozen encoders: `MaeEncoder` and `ClipText`, or others of the same widths. Returns itself."""
        self.vision_encoder = vision.requires_grad_(False).eval()
        self.text_encoder = text.requires_grad_(False).eval()
        return self

    def calibrate(self, states: Tensor) -> None:
        """Scales new state encoders to states (N, 8) that will be seen."""
        standardise(self.arm_state_encoder, states[:, :6])
        standardise(self.gripper_state_encoder, states[:, 6:])

    def trained_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds: every tensor of the state but those of frozen encoders."""
        state = self.state_dict()
        return {n: t for n, t in state.items() if not (self.config.published and n.startswith(ENCODERS))}

    # --- one step: pictures, words and state to tokens --------------------------------------------------------------

    def normalise(self, pictures: Tensor) -> Tensor:
        """Pixels as the networks take them.

        Args:
            pictures: uint8 (n, 2, edge, edge, 3), or float in [0, 255] of that shape.

        Returns:
            (n, 2, 3, edge, edge), in the network's dtype.
        """
        return (pictures.movedim(-1, 2).to(self.pixel_mean.dtype) / 255.0 - self.pixel_mean) / self.pixel_std

    def read(self, instructions: Sequence[str]) -> Tensor:
        """Encodes n instructions: (n, text width)."""
        assert self.text_encoder is not None, "call attach() first"
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.published):
            return self.text_encoder(instructions)

    def see(self, pictures: Tensor) -> Tensor:
        """Encodes both cameras' pictures (n, 2, edge, edge, 3), uint8: (n, 2, 1 + P, vision width), CLS first."""
        assert self.vision_encoder is not None, "call attach() first"
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.published):
            return self.vision_encoder(self.normalise(pictures).flatten(0, 1)).unflatten(0, (-1, 2))

    def encode(self, pictures: Tensor, text: Tensor, state: Tensor) -> Tensor:
        """Tokens of n steps from raw pictures; see `conditions`."""
        return self.conditions(self.see(pictures), text, state)

    def conditions(self, views: Tensor, text: Tensor, state: Tensor) -> Tensor:
        """What the transformer reads of each step, before it is told which step of the window it is.

        Args:
            views: (n, 2, 1 + P, vision width), third-person then wrist, CLS first.
            text: (n, text width).
            state: (n, 8): position, rotation, gripper (two values).

        Returns:
            (n, A, H): text, state, latents of both cameras, CLS of both cameras.
        """
        told = self.told(text, state)
        latents = self._resampled(views, told)
        tokens = [
            told,
            self.image_primary_projector(latents[:, 0]),
            self.image_wrist_projector(latents[:, 1]),
            self.cls_token_primary_projector(views[:, 0, :1]),
            self.cls_token_wrist_projector(views[:, 1, :1]),
        ]
        return torch.cat(tokens, dim=1)

    def told(self, text: Tensor, state: Tensor) -> Tensor:
        """The tokens of instruction and state, (n, 2, H); see `conditions`."""
        with torch.autocast(state.device.type, enabled=False):  # a metre in bf16 is known to 8 mm
            arm, gripper = self.arm_state_encoder(state[:, :6]), self.gripper_state_encoder(state[:, 6:])
            state_token = self.state_projector(torch.cat([arm, gripper], dim=-1))
        return torch.stack([self.text_projector(text), state_token], dim=1)

    def looks(self, views: Tensor, text: Tensor, state: Tensor) -> Tensor | None:
        """Where a guided resampler's first latents look: logits (n, 2, heads, LOOKS, P); None without one."""
        sampler = self.perceiver_resampler
        if not isinstance(sampler, GuidedResampler):
            return None
        told = self.told(text, state).flatten(1).repeat_interleave(2, dim=0)
        return sampler.looks(views[:, :, 1:].flatten(0, 1), told).unflatten(0, (-1, 2))

    def _resampled(self, views: Tensor, told: Tensor) -> Tensor:
        """Latents of both cameras, (n, 2, N, vision width)."""
        patches = views[:, :, 1:].flatten(0, 1)
        guide = (told.flatten(1).repeat_interleave(2, dim=0),) if self.config.guided else ()
        return self.perceiver_resampler(patches, *guide).unflatten(0, (-1, 2))

    # --- a window of steps ------------------------------------------------------------------------------------------

    def forward(
        self, conditions: Tensor, masking: Masking = DEFAULT, generator: torch.Generator | None = None
    ) -> Features:
        """Runs a whole window and answers at every step.

        Args:
            conditions: (B, S, A, H), S at most `config.history`.
            masking: switches of pre-training.
            generator: on the CPU; draws what `masking.hidden` hides.

        Raises:
            ValueError: the window is longer than the position embedding.
        """
        batch, steps = conditions.shape[:2]
        if steps > self.config.history:
            raise ValueError(f"a window of {steps} steps, but positions for {self.config.history}")
        queries = torch.cat([self.obs_tokens, self.action_pred_token], dim=2).expand(batch, steps, -1, -1)
        tokens = torch.cat([conditions, queries], dim=2) + self.transformer_backbone_position_embedding[:, :steps]
        sees = block_mask(self.config, steps, masking, generator).to(tokens.device)
        mixed = self._transform(tokens.flatten(1, 2), sees[None]).unflatten(1, (steps, -1))
        first, second = self.config.conditions, self.config.conditions + 2 * self.config.foresight
        return Features(action=mixed[:, :, second:], foresight=mixed[:, :, first:second])

    def act(self, conditions: Tensor, lengths: Tensor) -> Tensor:
        """Answers at the last step of each window, at a part of the cost; equal to `forward` there.

        Args:
            conditions: (B, S, A, H); windows shorter than S are filled up with anything finite.
            lengths: int64 (B,) on the CPU, true steps of each window, 1 to S.

        Returns:
            (B, chunk, H), action features of step `lengths - 1`.
        """
        steps = conditions.shape[1]
        position = self.transformer_backbone_position_embedding[0]  # (history, 1, H)
        queries = torch.cat([self.obs_tokens, self.action_pred_token], dim=2)[0]  # (1, B, H)
        asked = queries + position[lengths - 1]
        tokens = torch.cat([(conditions + position[:steps]).flatten(1, 2), asked], dim=1)
        full = block_mask(self.config, steps)
        rows = torch.stack([last_step_rows(self.config, steps, int(n) - 1) for n in lengths])
        sees = full[rows[:, :, None], rows[:, None, :]].to(tokens.device)
        return self._transform(tokens, sees)[:, -self.config.chunk :]

    def _transform(self, tokens: Tensor, sees: Tensor) -> Tensor:
        """Tokens (B, L, H) under a mask bool (B or 1, L, L) to (B, L, H)."""
        embedded = self.embedding_layer_norm(tokens)
        return self.transformer_backbone(embedded, additive(sees[:, None], embedded.dtype))

    def imagine(self, foresight: Tensor) -> Tensor:
        """Pictures `config.horizon` steps ahead.

        Args:
            foresight: (B, S, 2 M, H), from `forward`.

        Returns:
            (B, S, 2, patches, 3 patch^2), each patch normalised to mean 0 and variance 1; see `losses.patches`.
        """
        batch, steps = foresight.shape[:2]
        known = self.image_decoder_obs_pred_projector(foresight).reshape(batch * steps * 2, self.config.foresight, -1)
        blank = self.mask_token.expand(len(known), self.config.patches, -1)
        tokens = torch.cat([known, blank], dim=1) + self.image_decoder_positions
        pixels = self.image_decoder_pred(self.image_decoder_norm(self.image_decoder(tokens)))
        return pixels[:, self.config.foresight :].unflatten(0, (batch, steps, 2))
