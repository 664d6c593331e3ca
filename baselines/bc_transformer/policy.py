"""`bc-transformer`: LIBERO's BC-Transformer (arXiv 2306.03310) by this package's own code: `vvla train bc-transformer`.

Card: both cameras, upright, brought to 64 px; end-effector position, axis-angle and gripper, scaled by the
demonstrations' mean and standard deviation; actions as the benchmark takes them, unscaled. It looks at every step,
reads the last ten frames and draws one action from a mixture of Gaussians, as LIBERO's evaluation does; the draw comes
from the episode's seed. Protocol: any (LIBERO's own is `libero`). Weights: none are published; a checkpoint's own card
says what it was taught.
"""

from __future__ import annotations

from pathlib import Path

from vvla_policies.baselines.imitation.policy import ImitatorPolicy, opened


class BcTransformerPolicy(ImitatorPolicy):
    """BC-Transformer, opened from a checkpoint.

    Args:
        checkpoint: folder or hub id; None for the one that comes with the package, if there is one.
        preset: the size of a network with random weights, in place of a checkpoint.
        benchmark: "libero" or "calvin", where there is no checkpoint.
        device: see `FramewisePolicy`.
        lanes: see `FramewisePolicy`.
        seed: of random weights.
        history: frames; None for the checkpoint's own.
        threshold: of the gripper; likewise.
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        preset: str | None = None,
        benchmark: str = "libero",
        device: str | None = None,
        lanes: int | None = None,
        seed: int = 0,
        history: int | None = None,
        threshold: float | None = None,
    ) -> None:
        network, card, source = opened("bc-transformer", checkpoint, preset, benchmark, seed)
        super().__init__(network, card, source, device, lanes, history=history, threshold=threshold)
