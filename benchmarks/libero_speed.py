"""Env steps per second on official assets: this package's env against LIBERO's own, in turn, each in its own process.

Run: python benchmarks/libero_speed.py [--suites libero_object libero_spatial] [--steps 48] [--rounds 3]
The policy is the zero action; both cameras are read, by ours once per chunk, by the original at every step. Resets and
settling are timed apart. Prints medians and ratios; nothing here is a test.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from vvla_policies.envs.protocol import get_protocol
from vvla_policies.envs.suite import EnvSettings, load_suite

from vvla_policies.observation import robosuite_gripper

STILL = np.array([0, 0, 0, 0, 0, 0, 1.0])
RESET, EACH_STEP, BLIND = "reset and settle", "step, read every time", "step, nothing drawn"
CHUNKS = {f"step, read every {chunk}": chunk for chunk in (1, 8)}

Measurements = dict[str, Callable[[int], Any]]
"""Name to what is timed; it is given the number of steps to take."""


def settings_of(suite_name: str) -> EnvSettings:
    """Official assets, OpenVLA's protocol, both cameras."""
    return EnvSettings(get_protocol("openvla"), load_suite(suite_name).assets("official"))


def ours(suite_name: str) -> Measurements:
    """This package's environment."""
    env = load_suite(suite_name).make_env(settings_of(suite_name), 0)

    def run(steps: int, chunk: int) -> None:
        for _ in range(steps // chunk):
            env.run(np.tile(STILL, (chunk, 1)))
            env.observe()

    timed: Measurements = {RESET: lambda _: env.reset(seed=0)}
    timed |= {name: lambda steps, chunk=chunk: run(steps, chunk) for name, chunk in CHUNKS.items()}
    timed[BLIND] = lambda steps: env.run(np.tile(STILL, (steps, 1)))
    return timed


def original(suite_name: str) -> Measurements:
    """LIBERO's own environment with both cameras."""
    from vvla_policies.envs.libero.simulator import load_libero

    libero = load_libero()
    import libero.libero as package

    suite, settings = load_suite(suite_name), settings_of(suite_name)
    package._assets_path_cache = str(settings.assets.path)  # noqa: SLF001 - its only setting for this
    height, width = settings.protocol.image_size
    env = libero.OffScreenRenderEnv(
        bddl_file_name=str(suite.bddl_file(0)), camera_heights=height, camera_widths=width,
        horizon=10**6, ignore_done=True,
    )  # fmt: skip
    state, still = suite.init_states(0)[0], robosuite_gripper(STILL)

    def run(steps: int) -> None:
        for _ in range(steps):
            env.step(still)

    def reset(_: int) -> None:
        env.seed(0)
        env.reset()
        env.set_init_state(state)
        run(settings.protocol.settle_steps)

    return {RESET: reset, EACH_STEP: run}


def serve(pipe: Connection, side: Callable[[str], Measurements], suite_name: str) -> None:
    """A process that times what it is told to."""
    timed = side(suite_name)
    pipe.send(list(timed))
    while (order := pipe.recv()) is not None:
        name, steps = order
        start = time.perf_counter()
        timed[name](steps)
        pipe.send(time.perf_counter() - start)


class Side:
    """One environment in a process of its own."""

    def __init__(self, side: Callable[[str], Measurements], suite_name: str) -> None:
        self._pipe, other = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=serve, args=(other, side, suite_name), daemon=True)
        self._process.start()
        self.names: list[str] = self._pipe.recv()

    def seconds(self, name: str, steps: int) -> float:
        """How long the measurement takes, per step unless it is the reset."""
        self._pipe.send((name, steps))
        taken: float = self._pipe.recv()
        return taken if name == RESET else taken / steps

    def close(self) -> None:
        """Ends the process."""
        self._pipe.send(None)
        self._process.join()


def measure(suite_name: str, steps: int, rounds: int) -> None:
    """Prints the figures of one suite."""
    sides = {"original": Side(original, suite_name), "ours": Side(ours, suite_name)}
    rows: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for label, side in sides.items():
            for name in side.names:
                rows.setdefault((label, name), []).append(side.seconds(name, steps))
    for side in sides.values():
        side.close()
    print(f"\n{suite_name} (medians of {rounds} rounds of {steps} steps)")
    for (label, name), times in rows.items():
        base = rows["original", RESET if name == RESET else EACH_STEP]
        ratio = statistics.median(b / t for b, t in zip(base, times, strict=True))
        print(f"  {label:9s} {name:22s} {1000 * statistics.median(times):8.1f} ms   {ratio:5.2f} x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", nargs="+", default=["libero_object", "libero_spatial"])
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for chosen in options.suites:
        measure(chosen, options.steps, options.rounds)
