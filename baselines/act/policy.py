"""`act`: ACT (arXiv 2304.13705) by this package's own code, to be taught with `vvla train act`.

Card: both cameras, upright, brought to 64 px; end-effector position, axis-angle and gripper, scaled by the
demonstrations' mean and standard deviation; actions as the benchmark takes them, unscaled. A chunk has 16 steps, of
which 8 are executed before it looks again; `--option mode=ensemble` is the paper's temporal ensembling: it looks at
every step and executes the weighted mean of what the last 16 chunks say. Protocol: any. Weights: none are published; a
checkpoint's own card says what it was taught.
"""

from __future__ import annotations

from pathlib import Path

from vvla_policies.baselines.imitation.policy import ImitatorPolicy, opened


class ActPolicy(ImitatorPolicy):
    """ACT, opened from a checkpoint.

    Args:
        checkpoint: folder or hub id; None for the one that comes with the package, if there is one.
        preset: the size of a network with random weights, in place of a checkpoint.
        benchmark: "libero" or "calvin", where there is no checkpoint.
        device: see `FramewisePolicy`.
        lanes: see `FramewisePolicy`.
        seed: of random weights.
        mode: and the following, see `Execution`; None for the checkpoint's own.
        steps: executed steps.
        decay: of the ensemble.
        threshold: of the gripper.
    """

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        preset: str | None = None,
        benchmark: str = "libero",
        device: str | None = None,
        lanes: int | None = None,
        seed: int = 0,
        mode: str | None = None,
        steps: int | None = None,
        decay: float | None = None,
        threshold: float | None = None,
    ) -> None:
        network, card, source = opened("act", checkpoint, preset, benchmark, seed)
        super().__init__(network, card, source, device, lanes, mode=mode, steps=steps, decay=decay, threshold=threshold)
