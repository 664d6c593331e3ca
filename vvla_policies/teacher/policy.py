"""`teacher`: Seer as a policy. Each frame is encoded once, when it arrives, and kept in its episode's memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vvla_policies.errors import VvlaError
from vvla_policies.execution import EpisodeMemory
from vvla_policies.framewise import FramewisePolicy
from vvla_policies.pretrained import ModelCard, bundled, warn_of_random_weights
from vvla_policies.teacher.config import get_preset
from vvla_policies.teacher.network import Seer
from vvla_policies.teacher.weights import CLIP_ON_HUB, MAE_ON_HUB, load_clip, load_mae, load_teacher, make_card


class SeerPolicy(FramewisePolicy):
    """The policy of a Seer network at hand.

    Args:
        seer: the network, encoders attached; moved to the device and put in evaluation mode.
        card: what it reads and how it is executed.
        source: and the following, see `FramewisePolicy`.
        device: likewise.
        lanes: likewise.
        **execution: likewise.
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
        super().__init__(seer, seer.config, card, source, device, lanes, **execution)
        self.seer = seer

    def _predict(self, episodes: Sequence[EpisodeMemory], windows: Sequence[list[Tensor]]) -> Tensor:
        """Short windows are filled up behind their newest frame; the mask hides the filling."""
        windows, steps = self._filled(windows), self.execution.history
        filled = [torch.stack(frames + frames[-1:] * (steps - len(frames))) for frames in windows]
        features = self.seer.act(torch.stack(filled), torch.tensor([len(frames) for frames in windows]))
        return self.seer.decode(features).joined()


class TeacherPolicy(SeerPolicy):
    """Seer (arXiv 2412.15109), opened from a checkpoint.

    Args:
        checkpoint: folder, hub id or published `.pth` file; None for the mini teacher that comes with the package.
        preset: the size of a network with random weights, in place of a checkpoint.
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
        preset: str | None = None,
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
        own = None if checkpoint or preset else bundled("teacher", benchmark or "libero")
        found = checkpoint or own
        if found:
            seer, card = load_teacher(found, benchmark)
        else:
            seer, card = random_teacher(preset or "seer-mini", benchmark or "libero", seed)
            warn_of_random_weights("teacher")
        if seer.config.published:
            if vision is None or text is None:
                raise VvlaError(
                    f"'{card.preset}' needs its frozen encoders: add vision={MAE_ON_HUB} and text={CLIP_ON_HUB}, "
                    "or paths of such weights"
                )
            seer.attach(load_mae(vision, seer.config), load_clip(text))
        super().__init__(
            seer, card, str(checkpoint or (f"bundled {own.name}" if own else "random weights")), device, lanes,
            mode=mode, index=index, steps=steps, decay=decay, threshold=threshold, history=history,
        )  # fmt: skip


def random_teacher(preset: str = "seer-mini", benchmark: str = "libero", seed: int = 0) -> tuple[Seer, ModelCard]:
    """A network with random weights that are a function of the seed, in evaluation mode, and its card."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        seer = Seer(get_preset(preset)).eval()
    return seer, make_card(seer, preset, benchmark)
