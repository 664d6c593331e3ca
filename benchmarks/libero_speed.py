"""Env steps per second on official assets: this package's env against LIBERO's own, in turn, in one process.

Run: python benchmarks/libero_speed.py [--suites libero_object libero_spatial] [--steps 48] [--rounds 3]
The policy is the zero action; both cameras are read, by ours once per chunk, by the original at every step. Resets and
settling are timed apart. Prints medians and ratios; nothing here is a test.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from vvla_policies.envs.protocol import get_protocol
from vvla_policies.envs.suite import EnvSettings, load_suite

from vvla_policies.observation import robosuite_gripper

STILL = np.array([0, 0, 0, 0, 0, 0, 1.0])


def original(settings: EnvSettings, bddl: Path) -> Any:
    """LIBERO's own environment with both cameras."""
    import libero.libero
    from libero.libero.envs import OffScreenRenderEnv

    libero.libero._assets_path_cache = str(settings.assets.path)  # noqa: SLF001 - its only setting for this
    height, width = settings.protocol.image_size
    return OffScreenRenderEnv(
        bddl_file_name=str(bddl), camera_heights=height, camera_widths=width, horizon=10**6, ignore_done=True
    )


def seconds(action: Any) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measure(suite_name: str, steps: int, rounds: int) -> None:
    """Prints the figures of one suite."""
    suite = load_suite(suite_name)
    settings = EnvSettings(get_protocol("openvla"), suite.assets("official"))
    ours = suite.make_env(settings, 0)
    theirs = original(settings, suite.bddl_file(0))
    state, still = suite.init_states(0)[0], robosuite_gripper(STILL)

    def settle_theirs() -> None:
        theirs.seed(0)
        theirs.reset()
        theirs.set_init_state(state)
        for _ in range(settings.protocol.settle_steps):
            theirs.step(still)

    def run_ours(chunk: int) -> None:
        for _ in range(steps // chunk):
            ours.run(np.tile(STILL, (chunk, 1)))
            ours.observe()

    rows: dict[str, list[float]] = {}
    for _ in range(rounds):
        rows.setdefault("reset and settle, original", []).append(seconds(settle_theirs))
        rows.setdefault("reset and settle, ours", []).append(seconds(lambda: ours.reset(seed=0)))
        rows.setdefault("step, original", []).append(
            seconds(lambda: [theirs.step(still) for _ in range(steps)]) / steps
        )
        for chunk in (1, 8):
            rows.setdefault(f"step, ours, chunks of {chunk}", []).append(seconds(lambda: run_ours(chunk)) / steps)  # noqa: B023
        rows.setdefault("step, ours, nothing drawn", []).append(
            seconds(lambda: ours.run(np.tile(STILL, (steps, 1)))) / steps
        )
    report(suite_name, rows)
    ours.close()
    theirs.close()


def report(suite_name: str, rows: dict[str, list[float]]) -> None:
    """Medians, and ratios to the original of the same round."""
    print(f"\n{suite_name} (medians of {len(next(iter(rows.values())))} rounds)")
    for name, times in rows.items():
        base = rows["reset and settle, original" if name.startswith("reset") else "step, original"]
        ratio = statistics.median(b / t for b, t in zip(base, times, strict=True))
        print(f"  {name:32s} {1000 * statistics.median(times):8.1f} ms   {ratio:5.2f} x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", nargs="+", default=["libero_object", "libero_spatial"])
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for name in options.suites:
        measure(name, options.steps, options.rounds)
