"""The student network: a vision-language model with a state token, an action token and a teacher's action decoder.

Source: VITA-VLA (arXiv 2510.09607). The language model reads the dialog of `tokens`; its last hidden states at the
action tokens go through the mapper into the teacher's feature space, and through the teacher's decoder to actions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vvla_policies.student.config import StudentConfig
from vvla_policies.student.tokens import ACTION, IMAGE, STATE
from vvla_policies.student.vision import build_model, build_projector, build_tower, normalised, patch_features
from vvla_policies.teacher.blocks import standardise
from vvla_policies.teacher.heads import ActionHeads, Actions


class StudentOutput(NamedTuple):
    """What a student says at every step of B histories.

    Attributes:
        features: (B, S, T, D), in the space of the teacher's action features; what alignment compares.
        actions: arm (B, S, T, 6) and gripper logit (B, S, T, 1), for steps t, t+1 ... t+T-1.
    """

    features: Tensor
    actions: Actions


class StateEncoder(nn.Module):
    """Proprioception to one token: arm and gripper each through a linear map, joined by a third; no non-linearity."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.arm = nn.Linear(6, hidden)
        self.gripper = nn.Linear(2, hidden)
        self.join = nn.Linear(2 * hidden, hidden)

    def forward(self, state: Tensor) -> Tensor:
        """State (..., 8), position, rotation, gripper, to (..., hidden)."""
        with torch.autocast(state.device.type, enabled=False):  # a metre in bf16 is known to 8 mm
            return self.join(torch.cat([self.arm(state[..., :6]), self.gripper(state[..., 6:])], dim=-1))


class Student(nn.Module):
    """Vision tower, projector and language model with what makes them act.

    Args:
        config: the architecture.
        attention: back end of tower and language model: "sdpa", "eager" or "flash_attention_2".
    """

    def __init__(self, config: StudentConfig, attention: str = "sdpa") -> None:
        super().__init__()
        self.config = config
        hidden, width = config.hidden, config.decoder_width
        self.vision = build_tower(config, attention)
        self.projector = build_projector(config)
        self.language = build_model(dict(config.language), attention)
        self.action_token = nn.Parameter(torch.randn(1, hidden))
        self.state_encoder = StateEncoder(hidden)
        layers = [nn.Linear(hidden, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)]
        self.mapper = nn.Sequential(*layers)
        self.decoder = ActionHeads(width)
        _spread_positions(self.vision)

    @property
    def dtype(self) -> torch.dtype:
        """Of the parameters."""
        return self.action_token.dtype

    @property
    def device(self) -> torch.device:
        """Of the parameters."""
        return self.action_token.device

    def forward(self, ids: Tensor, pictures: Tensor, states: Tensor) -> StudentOutput:
        """Reads whole histories.

        Args:
            ids: int64 (B, L), `ChatLayout.batch` of S steps.
            pictures: (B, S, 2, h, w, 3), uint8 or float in [0, 255], third-person first.
            states: float (B, S, 8).
        """
        return self.answer(ids, self.see(pictures.flatten(0, 2)), states)

    def answer(self, ids: Tensor, visual: Tensor, states: Tensor) -> StudentOutput:
        """`forward`, with pictures that were seen already: visual tokens (2 B S, visual_tokens, hidden), from `see`."""
        batch, steps = states.shape[:2]
        embeddings = self.embed(ids, visual, self.feel(states.flatten(0, 1)))
        hidden = self.language(inputs_embeds=embeddings, use_cache=False).last_hidden_state
        return self.decide(hidden[ids == ACTION].unflatten(0, (batch, steps, self.config.action_tokens)))

    def speak(self, ids: Tensor, pictures: Tensor) -> Tensor:
        """What the language model would say next, at every place of dialogs without states and actions.

        Args:
            ids: int64 (B, L), from `ChatLayout.lesson`.
            pictures: (B, 2, h, w, 3), uint8 or float in [0, 255], third-person first.

        Returns:
            Logits (B, L, vocabulary), with the embeddings of the words as the head.
        """
        words = self.language.get_input_embeddings()
        visual = self.see(pictures.flatten(0, 1))
        said = words(ids.clamp(min=0))
        embeddings = said.masked_scatter((ids == IMAGE).unsqueeze(-1), visual.to(said.dtype))
        hidden = self.language(inputs_embeds=embeddings, use_cache=False).last_hidden_state
        return hidden @ words.weight.T

    def see(self, pictures: Tensor) -> Tensor:
        """Pictures (n, h, w, 3) to visual tokens (n, visual_tokens, hidden)."""
        pixels = normalised(pictures, self.config, self.dtype)
        return self.projector(patch_features(self.vision, pixels, self.config))

    def feel(self, states: Tensor) -> Tensor:
        """States (n, 8) to state tokens (n, hidden)."""
        return self.state_encoder(states.to(self.dtype))

    def embed(self, ids: Tensor, visual: Tensor, states: Tensor) -> Tensor:
        """Embeddings of dialogs, with pictures, states and the action token at their places.

        Args:
            ids: int64 (..., L).
            visual: (pictures, visual_tokens, hidden), in the order of their places; all dialogs one after the other.
            states: (states, hidden), likewise.

        Returns:
            (..., L, hidden).
        """
        words = self.language.get_input_embeddings()(ids.clamp(min=0))
        words = words.masked_scatter((ids == IMAGE).unsqueeze(-1), visual.to(words.dtype))  # autocast makes it bf16
        words = words.masked_scatter((ids == STATE).unsqueeze(-1), states.to(words.dtype))
        return torch.where((ids == ACTION).unsqueeze(-1), self.action_token[0], words)

    def calibrate(self, states: Tensor) -> None:
        """Scales a new state encoder to states (N, 8) that will be seen."""
        standardise(self.state_encoder.arm, states[:, :6])
        standardise(self.state_encoder.gripper, states[:, 6:])

    def decide(self, hidden: Tensor) -> StudentOutput:
        """Last hidden states at the action tokens (..., T, hidden) to teacher features and actions."""
        features = self.mapper(hidden)
        return StudentOutput(features, self.decoder.decode(features))

    def train(self, mode: bool = True) -> Student:
        """Training mode for the parts that train; what is frozen as a whole stays in evaluation mode."""
        super().train(mode)
        for part in self.children():
            parameters = list(part.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                part.eval()
        return self


def build_student(
    config: StudentConfig, seed: int = 0, dtype: torch.dtype | None = None, device: str = "cpu", attention: str = "sdpa"
) -> Student:
    """A student with random weights.

    Args:
        config: the architecture.
        seed: of the weights; torch's own generators are left as they were.
        dtype: of the parameters, float32 if None.
        device: where it is made; "meta" gives shapes only.
        attention: back end of attention.
    """
    before = torch.get_default_dtype()
    forked = [torch.cuda.current_device()] if device.startswith("cuda") else []
    with torch.random.fork_rng(forked), torch.device(device):
        torch.manual_seed(seed)
        torch.set_default_dtype(dtype or torch.float32)
        try:
            student = Student(config, attention)
        finally:
            torch.set_default_dtype(before)
    return student.eval()


@torch.no_grad()
def _spread_positions(tower: nn.Module) -> None:
    """InternVL's tower starts with all positions zero; a tower that trains from scratch should tell patches apart."""
    for name, parameter in tower.named_parameters():
        if name.endswith("position_embeddings"):
            nn.init.normal_(parameter, std=0.02)
