"""Policies that encode each frame once, when it arrives, and keep it in its episode's memory.

Shared by the teacher and by the baselines that imitate; what they predict from the kept frames is their own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vvla_policies.errors import PolicyError
from vvla_policies.execution import EpisodeMemory, Execution, execute, follow, remember, window
from vvla_policies.inputs import Inputs, pictures, proprioception
from vvla_policies.observation import Observation
from vvla_policies.policy import ActionChunk, BatchedPolicy, Memory, PolicyCard
from vvla_policies.pretrained import ModelCard, fingerprint

T = TypeVar("T")


class Sizes(Protocol):
    """What a policy asks of a network's configuration."""

    @property
    def history(self) -> int:
        """The most frames of a window."""

    @property
    def chunk(self) -> int:
        """Predicted actions."""


class FramewisePolicy(BatchedPolicy):
    """The base: words and frames are encoded once; episodes go through the network in lanes.

    Args:
        network: with `read` (instructions to text) and `encode` (pictures, text, state to frames); moved to the device
            and put in evaluation mode.
        sizes: of the network.
        card: what it reads and how it is executed.
        source: what records say about where the weights came from.
        device: "cpu", "cuda", "cuda:1" ...; None for the first GPU if there is one.
        lanes: episodes that go through the network together, always as many (missing ones are filled up): batched
            arithmetic differs in the last bit from size to size, but not from place to place, so an episode's actions
            do not depend on its batch mates. None for 1 on a CPU, 16 on a GPU.
        **execution: fields of `Execution` that differ from the card's; None leaves one as it is.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        sizes: Sizes,
        card: ModelCard,
        source: str = "in memory",
        device: str | None = None,
        lanes: int | None = None,
        **execution: Any,
    ) -> None:
        self.inputs = Inputs(**card.inputs)
        changes = {name: value for name, value in execution.items() if value is not None}
        self.execution = replace(Execution(**card.execution), **changes)
        if self.execution.history > sizes.history:
            raise PolicyError(f"a history of {self.execution.history} is more than the {sizes.history} it learnt")
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.lanes = lanes or (1 if self.device.type == "cpu" else 16)
        self._network: Any = network.to(self.device).eval()
        self.card = PolicyCard(
            name=card.architecture,
            weights=fingerprint(network.state_dict()),
            reads=self.inputs.reads,
            chunk=self.execution.length(sizes.chunk),
            history=self.execution.history,
            benchmarks=(card.benchmark,) if card.benchmark else (),
            trained_on=card.trained_on,
            notes={"checkpoint": source, "preset": card.preset, "lanes": self.lanes, **self.execution.to_json()},
        )

    def initial_memory(self, seed: int) -> Memory:
        """An empty history."""
        return EpisodeMemory(seed)

    @torch.inference_mode()
    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> list[ActionChunk]:
        """Encodes the newest frame of each episode and predicts from each episode's history."""
        episodes = [memory for memory in memories if isinstance(memory, EpisodeMemory)]
        for memory, instruction in zip(episodes, instructions, strict=True):
            follow(memory, instruction)
            if memory.text is None:
                memory.text = self._network.read([instruction])[0]
        parts = [slice(start, start + self.lanes) for start in range(0, len(obs), self.lanes)]
        return [chunk for part in parts for chunk in self._act(obs[part], episodes[part])]

    @abstractmethod
    def _predict(self, episodes: Sequence[EpisodeMemory], windows: Sequence[list[Tensor]]) -> Tensor:
        """What the windows of at most `lanes` episodes lead to, oldest frame first.

        Returns:
            (n, chunk, 7) for n of at least as many as there are windows: arm in [-1, 1], probability of open.
        """

    def _act(self, obs: Sequence[Observation], episodes: Sequence[EpisodeMemory]) -> list[ActionChunk]:
        """`act_batch` for at most `lanes` episodes."""
        frames = self._encode(self._filled(obs), self._filled(episodes))
        for memory, frame in zip(episodes, frames[: len(episodes)], strict=True):
            remember(memory, frame, self.execution)
        said = self._predict(episodes, [window(memory, self.execution) for memory in episodes])
        predictions: NDArray[np.float32] = said[: len(episodes)].float().cpu().numpy()
        pairs = zip(episodes, predictions, strict=True)
        return [execute(memory, prediction, self.execution) for memory, prediction in pairs]

    def _filled(self, items: Sequence[T]) -> list[T]:
        """As many items as there are lanes."""
        return [*items, *[items[0]] * (self.lanes - len(items))]

    def _encode(self, obs: Sequence[Observation], episodes: Sequence[EpisodeMemory]) -> Tensor:
        """The newest frames' encodings: (B, ...)."""
        seen = torch.from_numpy(np.stack([pictures(o, self.inputs) for o in obs])).to(self.device)
        state = torch.from_numpy(np.stack([proprioception(o, self.inputs) for o in obs])).to(self.device)
        encoded: Tensor = self._network.encode(seen, torch.stack([memory.text for memory in episodes]), state)
        return encoded
