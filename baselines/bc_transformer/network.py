"""LIBERO's BC-Transformer (arXiv 2306.03310), small: a causal transformer over frames, and a mixture of Gaussians.

Each frame is four tokens: words, state and one for each camera. A token sees those of its own frame and of earlier
ones; what stands at the words' place says which action comes next. Beside the original: a word encoder of its own
instead of BERT's features, 64 px instead of 128, end-effector state instead of joints, and a larger least standard
deviation, because gripper commands are exact and their likelihood would grow without bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from vvla_policies.baselines.bc_transformer.mixture import MixtureHead
from vvla_policies.baselines.imitation.network import STATE_DIM, Imitator, ImitatorConfig
from vvla_policies.baselines.imitation.vision import SpatialSoftmax

from vvla_policies.errors import PolicyError
from vvla_policies.execution import Execution
from vvla_policies.policy import ACTION_DIM
from vvla_policies.teacher.blocks import VitBlock
from vvla_policies.teacher.losses import masked_mean

TOKENS = 4


@dataclass(frozen=True)
class BcTransformerConfig(ImitatorConfig):
    """Sizes of BC-Transformer.

    Attributes:
        history: frames of a window; 10 in LIBERO.
        chunk: 1, it predicts the next action only.
        keypoints: of each camera.
        layers: of the transformer.
        heads: of its attention.
        head_width: of the head's two hidden layers.
        modes: Gaussians of the mixture.
        least_std: least standard deviation.
        low_noise: act with the means of the drawn Gaussians, not with draws from them.
    """

    history: int = 10
    chunk: int = 1
    keypoints: int = 32
    layers: int = 4
    heads: int = 4
    head_width: int = 512
    modes: int = 5
    least_std: float = 0.01
    low_noise: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chunk != 1:
            raise PolicyError(f"BC-Transformer predicts one action, not {self.chunk}")
        if self.width % self.heads:
            raise PolicyError(f"a width of {self.width} does not divide into {self.heads} heads")

    @property
    def execution(self) -> Execution:
        """Every action is looked for."""
        return Execution(history=self.history, mode="index")


PRESETS = {"bc-transformer-mini": BcTransformerConfig()}


class BcTransformer(Imitator):
    """The network.

    Args:
        config: its sizes.
    """

    config: BcTransformerConfig
    sees: Tensor

    def __init__(self, config: BcTransformerConfig) -> None:
        super().__init__(config)
        self.config = config
        self.noise = (1 + ACTION_DIM,)
        width = config.width
        self.keypoints = SpatialSoftmax(width, config.keypoints)
        self.camera_tokens = nn.ModuleList(nn.Linear(2 * config.keypoints, width) for _ in range(2))
        self.state_token = nn.Linear(STATE_DIM, width)
        self.text_token = nn.Linear(config.text_width, width)
        self.times = nn.Parameter(0.02 * torch.randn(config.history, 1, width))
        self.blocks = nn.ModuleList(VitBlock(width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.head = MixtureHead(width, config.head_width, ACTION_DIM, config.modes, config.least_std)
        frame = torch.arange(config.history).repeat_interleave(TOKENS)
        self.register_buffer("sees", frame[:, None] >= frame, persistent=False)

    def encode(self, pictures: Tensor, text: Tensor, state: Tensor) -> Tensor:
        """Tokens (n, 4, width): words, state, third-person and wrist camera; see `Imitator.encode`."""
        places = self.keypoints(self.see(pictures, text).flatten(0, 1)).unflatten(0, (-1, 2))
        seen = [token(places[:, camera]) for camera, token in enumerate(self.camera_tokens)]
        return torch.stack([self.text_token(text), self.state_token(self.scaled(state)), *seen], dim=1)

    def losses(self, frames: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean negative log-likelihood of every frame's action, "loss"."""
        likelihood = self.head.log_likelihood(self.remember(frames), batch["actions"][:, :, 0])
        return {"loss": masked_mean(-likelihood, batch["actions_valid"][:, :, 0])}

    def predict(self, frames: Tensor, noise: Tensor) -> Tensor:
        """(B, 1, 7); see `Imitator.predict`."""
        newest = self.remember(frames)[:, -1]
        choice, spread = noise[:, 0], noise[:, 1:]
        return self.head.sample(newest, choice, 0 * spread if self.config.low_noise else spread)[:, None]

    def remember(self, frames: Tensor) -> Tensor:
        """Encoded frames (B, S, 4, width) to what is known at each of them (B, S, width)."""
        steps = frames.shape[1]
        tokens = (frames + self.times[:steps]).flatten(1, 2)
        sees = self.sees[: steps * TOKENS, : steps * TOKENS]
        for block in self.blocks:
            tokens = block(tokens, sees)
        return self.norm(tokens[:, ::TOKENS])
