"""How fast CALVIN runs: chains by the zero policy, both cameras, against a loop that draws every step as the original.

In turns on the same machine, on official assets, in CPU time (both run on one core), which other programs on the
machine hardly change:

- original: after every step both cameras are drawn and contacts of table, blocks and robot are read, as CALVIN's own
  `env.step` does (`original` names a module with a function `make(scene, assets)` to time another environment instead);
- chunk 1, chunk 8: this package's environment, observed after so many steps.

Usage: python benchmarks/calvin_speed.py [--steps 96] [--rounds 3] [--original MODULE]
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from vvla_policies.envs.calvin import assets
from vvla_policies.envs.calvin.cameras import draw
from vvla_policies.envs.calvin.env import CalvinEnv
from vvla_policies.envs.suite import EnvSettings, load_suite

STEPS_PER_CHAIN = 360
ZERO = np.array([0, 0, 0, 0, 0, 0, 1.0])


def original_like(env: CalvinEnv) -> Callable[[], None]:
    """One step of a loop that does all that the original does."""
    world, sizes = env.world, {camera: env.settings.protocol.size(camera) for camera in env.settings.cameras}

    def step() -> None:
        world.step(ZERO)
        for camera, size in sizes.items():
            draw(world, camera, size)
        world.robot.observation()
        world.scene_obs()
        world.look()
        world.bullet.getContactPoints(bodyA=world.table)

    return step


def seconds_per_step(env: CalvinEnv, kind: str, steps: int, other: Any) -> float:
    """Mean CPU time of a step within one chain."""
    env.start(0, 0, 0)
    if kind == "original":
        step = original_like(env) if other is None else other.begin()
        start = time.process_time()
        for _ in range(steps):
            step()
        return (time.process_time() - start) / steps
    chunk = np.tile(ZERO, (int(kind.split()[1]), 1))
    env.observe()
    start = time.process_time()
    for _ in range(steps // len(chunk)):
        env.run(chunk)
        env.observe()
    return (time.process_time() - start) / (steps // len(chunk) * len(chunk))


def main() -> None:
    """Prints milliseconds a step, chains a minute and the ratio to the original's loop: the best of all rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=96, help="of each measurement, at most 352")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--assets", default="official", choices=("official", "primitive"))
    parser.add_argument("--original", help="a module with make(scene, assets).begin(), which returns a step to call")
    given = parser.parse_args()
    suite = load_suite("calvin_abc_d")
    found = assets.find(given.assets)
    other = importlib.import_module(given.original).make("D", Path(found.path)) if given.original else None
    env = CalvinEnv(suite, EnvSettings(suite.protocol(), found))  # type: ignore[arg-type]
    kinds = ("original", "chunk 1", "chunk 8")
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(given.rounds):
        for kind in kinds:
            times[kind].append(seconds_per_step(env, kind, given.steps, other))
    best = {kind: min(values) for kind, values in times.items()}
    for kind in kinds:
        rate = 60 / (best[kind] * STEPS_PER_CHAIN)
        ratio = best["original"] / best[kind]
        print(f"{kind:9}  {1000 * best[kind]:6.1f} ms/step  {rate:5.1f} chains/min of {STEPS_PER_CHAIN}  x{ratio:.2f}")
    env.close()


if __name__ == "__main__":
    main()
