"""`diffusion`: Diffusion Policy (arXiv 2303.04137) by this package's own code, taught with `vvla train diffusion`.

Card: both cameras, upright, brought to 64 px; end-effector position, axis-angle and gripper, scaled by the
demonstrations' mean and standard deviation; actions as the benchmark takes them, unscaled. A chunk of 16 steps comes
out of noise in 10 steps of DDIM; 8 of it are executed before it looks again (receding horizon). The noise comes from
the episode's seed. Protocol: any. Weights: none are published; a checkpoint's own card says what it was taught.
"""

from __future__ import annotations

from pathlib import Path

from vvla_policies.baselines.imitation.policy import ImitatorPolicy, opened


class DiffusionPolicy(ImitatorPolicy):
    """Diffusion Policy, opened from a checkpoint.

    Args:
        checkpoint: folder or hub id; None for the one that comes with the package, if there is one.
        preset: the size of a network with random weights, in place of a checkpoint.
        benchmark: "libero" or "calvin", where there is no checkpoint.
        device: see `FramewisePolicy`.
        lanes: see `FramewisePolicy`.
        seed: of random weights.
        steps: executed steps; None for the checkpoint's own.
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
        steps: int | None = None,
        threshold: float | None = None,
    ) -> None:
        network, card, source = opened("diffusion", checkpoint, preset, benchmark, seed)
        super().__init__(network, card, source, device, lanes, steps=steps, threshold=threshold)
