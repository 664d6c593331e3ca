"""`openvla`, `openvla-oft`: both by their authors' own code, in environments of their own.

Card of OpenVLA (github.com/openvla/openvla, experiments/robot): the third-person picture only, drawn at 256 px, turned
by 180 degrees, through JPEG and Lanczos to 224 px, of which the middle 90 % of the area is seen; no state; one action
per call, un-normalised by the 1 % and 99 % quantiles of the suite it was fine-tuned on; gripper in [0, 1], 1 open,
binarised. Card of OFT (github.com/moojink/openvla-oft): also the wrist camera and the state (8,), chunks of 8, executed
whole. Protocol: `openvla`. Weights: one checkpoint per suite on the Hugging Face hub; they were not opened by us.
Pictures, prompts and statistics are handled by the authors' functions; only the loading is ours, into the classes of
the installed package, so that no code of a checkpoint is run.
"""

from __future__ import annotations

from vvla_policies.baselines.isolated import IsolatedPolicy, libero_card

from vvla_policies.errors import PolicyError

SUITES = {"libero_spatial": "spatial", "libero_object": "object", "libero_goal": "goal", "libero_long": "10"}
"""The suites there are weights for, and how the hub's names end."""

PICTURES = "224 px, Lanczos, middle 90 % of the area"


def openvla(
    suite: str, checkpoint: str | None = None, device: str | None = None, python: str | None = None
) -> IsolatedPolicy:
    """OpenVLA (arXiv 2406.09246), fine-tuned on one LIBERO suite: --option suite=libero_goal.

    Args:
        suite: whose weights and action statistics are used.
        checkpoint: folder or hub id; None for the authors' weights for that suite.
        device: of PyTorch; None for the first GPU.
        python: interpreter of an environment with openvla; None to have uv make one.
    """
    weights = checkpoint or f"openvla/openvla-7b-finetuned-libero-{_ending(suite)}"
    card = libero_card("openvla", weights, 1, ("image",), protocol="openvla", suite=suite, picture_size=PICTURES)
    arguments = {"checkpoint": weights, "suite": suite, "device": device}
    return IsolatedPolicy(card, "serve_openvla.py", arguments, python)


def openvla_oft(
    suite: str, checkpoint: str | None = None, device: str | None = None, python: str | None = None
) -> IsolatedPolicy:
    """OpenVLA-OFT (arXiv 2502.19645), fine-tuned on one LIBERO suite; see `openvla`, whose options it takes."""
    weights = checkpoint or f"moojink/openvla-7b-oft-finetuned-libero-{_ending(suite)}"
    reads = ("image", "wrist_image", "state")
    card = libero_card("openvla-oft", weights, 8, reads, protocol="openvla", suite=suite, picture_size=PICTURES)
    arguments = {"checkpoint": weights, "suite": suite, "device": device}
    return IsolatedPolicy(card, "serve_openvla_oft.py", arguments, python)


def _ending(suite: str) -> str:
    if suite not in SUITES:
        raise PolicyError(
            f"there are no OpenVLA weights for '{suite}'; choose --option suite= from {', '.join(SUITES)}"
        )
    return SUITES[suite]
