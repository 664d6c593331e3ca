"""`lerobot:PATH_OR_HUB_ID`, `smolvla`: policies of LeRobot's by its own code, in an environment of their own.

Card (github.com/huggingface/lerobot, src/lerobot/envs/libero.py and processor/env_processor.py): the cameras that the
checkpoint names (third-person, and one called wrist, hand or `image2`), turned by 180 degrees, at its size; the
state (8,) with axis-angle; actions in LIBERO's relative controller units, un-normalised by the checkpoint's own
processors. Chunk: the checkpoint's `n_action_steps`, executed whole, or one action per call where the policy reads
several frames. Protocol: `lerobot`. Tried with a small ACT; published weights were not opened by us.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vvla_policies.baselines.isolated import IsolatedPolicy, libero_card

SMOLVLA = "HuggingFaceVLA/smolvla_libero"


def lerobot(
    checkpoint: str,
    steps: int | None = None,
    device: str | None = None,
    trained_on: str | None = None,
    python: str | None = None,
    name: str = "lerobot",
) -> IsolatedPolicy:
    """A policy that LeRobot has trained (ACT, Diffusion, SmolVLA ...): --policy lerobot:PATH_OR_HUB_ID.

    Args:
        checkpoint: folder (what `lerobot-train` wrote, or a `pretrained_model` in it) or hub id.
        steps: actions of a chunk that are executed; None for the checkpoint's own number.
        device: of PyTorch; None for the first GPU if there is one.
        trained_on: "official" or "primitive" assets, if known.
        python: interpreter of an environment with lerobot; None to have uv make one.
        name: in tables.
    """
    tried = "with a small ACT that LeRobot trained for us; published weights were never opened"
    card = libero_card(name, checkpoint, 1, ("image", "wrist_image", "state"), protocol="lerobot", tried=tried)
    last = Path(checkpoint) / "checkpoints" / "last" / "pretrained_model"
    arguments = {"checkpoint": str(last) if last.is_dir() else checkpoint, "device": device}
    return IsolatedPolicy(replace(card, trained_on=trained_on), "serve_lerobot.py", arguments, python, steps)


def smolvla(
    checkpoint: str = SMOLVLA, steps: int | None = None, device: str | None = None, python: str | None = None
) -> IsolatedPolicy:
    """SmolVLA (arXiv 2506.01844), fine-tuned on LIBERO, by LeRobot's code; see `lerobot`."""
    return lerobot(checkpoint, steps, device, "official", python, "smolvla")
