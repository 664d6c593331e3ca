"""`octo`: Octo by its own code, in an environment of its own.

Card (github.com/octo-models/octo, octo_model.py): the cameras that the checkpoint has, turned by 180 degrees,
256 px (third-person) and 128 px (wrist), Lanczos; the state where the checkpoint reads one; the newest frame only,
though it can read two. Actions un-normalised by mean and deviation of its data; gripper in [0, 1], 1 open, binarised;
chunks of 4, executed whole. Protocol: `openvla`. Weights: its authors published none for LIBERO, so a checkpoint must
be given: one that was fine-tuned by octo's scripts on LIBERO. None was opened by us.
"""

from __future__ import annotations

from vvla_policies.baselines.isolated import IsolatedPolicy, libero_card

CHUNK = 4


def octo(checkpoint: str, suite: str | None = None, steps: int = CHUNK, python: str | None = None) -> IsolatedPolicy:
    """Octo (arXiv 2405.12213), fine-tuned on LIBERO: --checkpoint FOLDER; its authors published no such weights.

    Args:
        checkpoint: folder or hf:// address of a fine-tuned Octo.
        suite: whose action statistics are used, where the checkpoint has several.
        steps: actions of a chunk that are executed.
        python: interpreter of an environment with octo; None to have uv make one.
    """
    card = libero_card(
        "octo", checkpoint, int(steps), ("image", "wrist_image", "state"), protocol="openvla", suite=suite
    )
    return IsolatedPolicy(card, "serve_octo.py", {"checkpoint": checkpoint, "suite": suite}, python)
