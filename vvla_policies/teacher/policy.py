"""`teacher`: Seer as a policy. Each frame is encoded once, when it arrives, and kept in its episode's memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from vvla_policies.errors import PolicyError, VvlaError
from vvla_policies.execution import EpisodeMemory, Execution, execute, follow, remember, window
from vvla_policies.inputs import Inputs, pictures, proprioception
from vvla_policies.observation import Observation
from vvla_policies.policy import ActionChunk, BatchedPolicy, Memory, PolicyCard
from vvla_policies.pretrained import ModelCard, fingerprint, warn_of_random_weights
from vvla_policies.teacher.config import get_preset
from vvla_policies.teacher.network import Seer
from vvla_policies.teacher.weights import CLIP_ON_HUB, MAE_ON_HUB, load_clip, load_mae, load_teacher, make_card

T = TypeVar("T")


class SeerPolicy(BatchedPolicy):
    """The policy of a Seer network at hand.

    Args:
        seer: the network, encoders attached; moved to the device and put in evaluation mode.
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
        seer: Seer,
        card: ModelCard,
        source: str = "in memory",
        device: str | None = None,
        lanes: int | None = None,
        **execution: Any,
    ) -> None:
        self.inputs = Inputs(**card.inputs)
        changes = {name: value for name, value in execution.items() if value is not None}
        self.execution = replace(Execution(**card.execution), **changes)
        if self.execution.history > seer.config.history:
            raise PolicyError(f"a history of {self.execution.history} is more than the {seer.config.history} it learnt")
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.lanes = lanes or (1 if self.device.type == "cpu" else 16)
        self.seer = seer.to(self.device).eval()
        self.card = PolicyCard(
            name="teacher",
            weights=fingerprint(seer.state_dict()),
            reads=self.inputs.reads,
            chunk=self.execution.length(seer.config.chunk),
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
                memory.text = self.seer.read([instruction])[0]
        parts = [slice(start, start + self.lanes) for start in range(0, len(obs), self.lanes)]
        return [chunk for part in parts for chunk in self._act(obs[part], episodes[part])]

    def _act(self, obs: Sequence[Observation], episodes: Sequence[EpisodeMemory]) -> list[ActionChunk]:
        """`act_batch` for at most `lanes` episodes."""
        frames = self._encode(self._filled(obs), self._filled(episodes))
        for memory, frame in zip(episodes, frames[: len(episodes)], strict=True):
            remember(memory, frame, self.execution)
        predictions = self._predict(self._filled([window(memory, self.execution) for memory in episodes]))
        pairs = zip(episodes, predictions[: len(episodes)], strict=True)
        return [execute(memory, prediction, self.execution) for memory, prediction in pairs]

    def _filled(self, items: Sequence[T]) -> list[T]:
        """As many items as there are lanes."""
        return [*items, *[items[0]] * (self.lanes - len(items))]

    def _encode(self, obs: Sequence[Observation], episodes: Sequence[EpisodeMemory]) -> Tensor:
        """The newest frames' tokens: (B, A, H)."""
        seen = torch.from_numpy(np.stack([pictures(o, self.inputs) for o in obs])).to(self.device)
        state = torch.from_numpy(np.stack([proprioception(o, self.inputs) for o in obs])).to(self.device)
        return self.seer.encode(seen, torch.stack([memory.text for memory in episodes]), state)

    def _predict(self, windows: Sequence[list[Tensor]]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """What each window leads to: float32 (B, chunk, 7). Short windows are filled up; the mask hides the filling."""
        steps = self.execution.history
        filled = [torch.stack(frames + frames[-1:] * (steps - len(frames))) for frames in windows]
        features = self.seer.act(torch.stack(filled), torch.tensor([len(frames) for frames in windows]))
        return self.seer.decode(features).joined().float().cpu().numpy()


class TeacherPolicy(SeerPolicy):
    """Seer (arXiv 2412.15109), opened from a checkpoint.

    Args:
        checkpoint: folder, hub id or published `.pth` file; None for random weights.
        preset: the size of a network with random weights.
        benchmark: "libero" or "calvin"; needed for a published file, which does not say. Other checkpoints know it.
        vision: for published sizes, MAE's weights: file, folder or hub id (facebook/vit-mae-base).
        text: for published sizes, CLIP's weights: folder or hub id (openai/clip-vit-base-patch32).
        device: see `SeerPolicy`.
        lanes: see `SeerPolicy`.
        seed: of random weights.
        mode: and the following, see `Execution`; None for the checkpoint's own.
        index: executed step.
        steps: executed steps.
        decay: of the ensemble.
        threshold: of the gripper.
        history: frames.
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        preset: str = "seer-mini",
        benchmark: str | None = None,
        vision: str | Path | None = None,
        text: str | Path | None = None,
        device: str | None = None,
        lanes: int | None = None,
        seed: int = 0,
        mode: str | None = None,
        index: int | None = None,
        steps: int | None = None,
        decay: float | None = None,
        threshold: float | None = None,
        history: int | None = None,
    ) -> None:
        if checkpoint is None:
            seer, card = random_teacher(preset, benchmark or "libero", seed)
            warn_of_random_weights("teacher")
        else:
            seer, card = load_teacher(checkpoint, benchmark)
        if seer.config.published:
            if vision is None or text is None:
                raise VvlaError(
                    f"'{card.preset}' needs its frozen encoders: add vision={MAE_ON_HUB} and text={CLIP_ON_HUB}, "
                    "or paths of such weights"
                )
            seer.attach(load_mae(vision, seer.config), load_clip(text))
        super().__init__(
            seer, card, str(checkpoint or "random weights"), device, lanes,
            mode=mode, index=index, steps=steps, decay=decay, threshold=threshold, history=history,
        )  # fmt: skip


def random_teacher(preset: str = "seer-mini", benchmark: str = "libero", seed: int = 0) -> tuple[Seer, ModelCard]:
    """A network with random weights that are a function of the seed, in evaluation mode, and its card."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        seer = Seer(get_preset(preset)).eval()
    return seer, make_card(seer, preset, benchmark)
