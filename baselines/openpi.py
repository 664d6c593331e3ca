"""`pi0`, `pi0-fast`, `pi05`: Physical Intelligence's policies by openpi's own code, in an environment of their own.

Card (github.com/Physical-Intelligence/openpi, examples/libero and src/openpi/training/config.py): both cameras, turned
by 180 degrees and brought to 224 px with padding; the state (8,) with axis-angle; actions in LIBERO's relative
controller units, un-normalised by the checkpoint's own statistics inside openpi. A chunk has 50 steps (pi0) or 10
(pi0-FAST, pi0.5), of which openpi's example executes 5. Protocol: `openpi` counts steps as `openvla` does.
Weights: gs://openpi-assets/checkpoints/pi05_libero is what openpi's README names today; those of pi0 and pi0-FAST stood
in its earlier versions. They were not opened by us.
"""

from __future__ import annotations

from vvla_policies.baselines.isolated import IsolatedPolicy, libero_card

ASSETS = "gs://openpi-assets/checkpoints/"
STEPS = 5


def pi0(checkpoint: str = ASSETS + "pi0_libero", steps: int = STEPS, python: str | None = None) -> IsolatedPolicy:
    """pi0 (arXiv 2410.24164), fine-tuned on LIBERO, by openpi's code.

    Args:
        checkpoint: folder or gs:// address.
        steps: actions of a chunk of 50 that are executed.
        python: interpreter of an environment with openpi; None to have uv make one.
    """
    return _serve("pi0", "pi0_libero", checkpoint, steps, python)


def pi0_fast(
    checkpoint: str = ASSETS + "pi0_fast_libero", steps: int = STEPS, python: str | None = None
) -> IsolatedPolicy:
    """pi0-FAST (arXiv 2501.09747), fine-tuned on LIBERO, by openpi's code; see `pi0` (chunks of 10)."""
    return _serve("pi0-fast", "pi0_fast_libero", checkpoint, steps, python)


def pi05(checkpoint: str = ASSETS + "pi05_libero", steps: int = STEPS, python: str | None = None) -> IsolatedPolicy:
    """pi0.5 (arXiv 2504.16054), fine-tuned on LIBERO, by openpi's code; see `pi0` (chunks of 10)."""
    return _serve("pi05", "pi05_libero", checkpoint, steps, python)


def _serve(name: str, config: str, checkpoint: str, steps: int, python: str | None) -> IsolatedPolicy:
    card = libero_card(
        name,
        checkpoint,
        int(steps),
        ("image", "wrist_image", "state"),
        protocol="openvla",
        picture_size="224 px, resized with padding",
        config=config,
    )
    return IsolatedPolicy(card, "serve_openpi.py", {"config": config, "checkpoint": checkpoint}, python)
