"""Kills parts of small runs at random moments and compares what is recorded in the end with undisturbed runs.

    python -m tests.faults.kills --kills 200 [--ray 5] [--only FAULT ...]

Runs 15 episodes of the fake suite again and again; whatever is hit, the same request is evaluated once more until all
is recorded. Prints a table: how often which fault struck, and how many episodes were lost, recorded twice, or came out
differently; exits with 1 if any did.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import fakes
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.records.runs import EPISODES, Run, load_run
from vvla_policies.evaluation.rollouts.evaluate import evaluate

PLANNED = 15
MOST = (
    3  # kills while one request is evaluated: more, and an episode that is hit each time is given up, as it should be
)
Disturbance = Callable[[Path, random.Random], int]
"""Runs all episodes into the folder under disturbances; returns how many struck."""


@dataclass
class Row:
    """What became of the runs under one kind of fault."""

    fault: str
    runs: int = 0
    struck: int = 0
    lost: int = 0
    repeated: int = 0
    different: int = 0

    @property
    def sound(self) -> bool:
        """Nothing went wrong."""
        return not (self.lost or self.repeated or self.different)

    def count(self, folder: Path, struck: int, undisturbed: list[dict[str, Any]]) -> None:
        """Compares what a folder holds, line by line."""
        lines = [json.loads(line) for line in (folder / EPISODES).read_text().splitlines()]
        keys = {(line["task"], line["init_state"], line["seed"]) for line in lines}
        outcomes = fakes.outcomes(load_run(folder))
        self.runs += 1
        self.struck += struck
        self.lost += PLANNED - len(keys)
        self.repeated += len(lines) - len(keys)
        self.different += sum(one != other for one, other in zip(outcomes, undisturbed, strict=True))


def finish(folder: Path, **settings: Any) -> Run:
    """Evaluates what is not recorded yet."""
    return evaluate(fakes.request(folder, "Counting", **{"episodes": 5, "retry_errors": True, **settings}))


def until_done(folder: Path, **settings: Any) -> None:
    """Goes on as a user would, with the same request."""
    for _ in range(20):
        with contextlib.suppress(VvlaError):
            finish(folder, **settings)
            return
    raise RuntimeError(f"{folder} does not come to an end")


# --- faults ----------------------------------------------------------------------------------------------------------


def workers(rng: random.Random) -> list[int]:
    """Processes of workers of this process, in random order."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    found = [int(pid) for pid in children if "spawn_main" in _command(pid)]
    return rng.sample(found, len(found))


def _command(pid: str) -> str:
    try:
        return Path("/proc", pid, "cmdline").read_text()
    except OSError:
        return ""


def signal_workers(number: signal.Signals, most: int, folder: Path, rng: random.Random) -> int:
    """Sends a signal to random workers while they run."""
    struck, over = 0, threading.Event()

    def strike() -> None:
        nonlocal struck
        while struck < most and not over.wait(rng.uniform(0.05, 1.5)):
            for pid in workers(rng)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                    struck += 1

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        until_done(folder, workers=2, stall_seconds=1.0)
    finally:
        over.set()
        thread.join()
    return struck


def forked(work: Callable[[], object]) -> int:
    """Does something in a copy of this process."""
    pid = os.fork()
    if pid:
        return pid
    with contextlib.suppress(BaseException):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 2)
        work()
        os._exit(0)
    os._exit(1)


def kill_driver(count: int, folder: Path, rng: random.Random) -> int:
    """Kills the whole run again and again; the last time it may end."""
    struck = 0
    while True:
        pid = forked(lambda: finish(folder, workers=count))
        end = time.monotonic() + rng.uniform(0, 1.0 + 2.0 * count)
        while time.monotonic() < end or struck >= 2 * MOST:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return struck
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        struck += 1


def kill_policy(folder: Path, rng: random.Random) -> int:
    """Kills the process of a served policy, and starts it again."""
    from vvla_policies.evaluation.rollouts.hosting import PolicyHost
    from vvla_policies.serving.server import Settings, serve_policy

    port, struck, over = rng.randrange(20_000, 30_000), 0, threading.Event()

    def serve() -> None:
        asyncio.run(serve_policy(PolicyHost("tests.fakes:Counting", {}), Settings(port=port)))

    pid = forked(serve)

    def strike() -> None:
        nonlocal pid, struck
        while not over.wait(rng.uniform(0.3, 1.5)) and struck < MOST - 1:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            struck += 1
            pid = forked(serve)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        served = fakes.request(folder, f"ws://127.0.0.1:{port}", episodes=5, retry_errors=True)
        while any(record.error for record in evaluate(served).records):
            pass
    finally:
        over.set()
        thread.join()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return struck


def fill_disk(folder: Path, rng: random.Random) -> int:
    """No file may grow beyond a random size, which grows from try to try."""
    struck, limit = 0, rng.randrange(600, 3000)

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        finish(folder)

    while os.waitpid(forked(work), 0)[1]:
        struck += 1
        limit += rng.randrange(600, 6000)
    return struck


def cut_last_line(folder: Path, rng: random.Random) -> int:
    """Cuts the record file somewhere in its last line, as a crash of the machine may, and goes on."""
    finish(folder, episodes=rng.randrange(1, 6))
    path = folder / EPISODES
    content = path.read_bytes()
    last = len(content.splitlines(keepends=True)[-1])
    path.write_bytes(content[: len(content) - rng.randrange(1, last)])
    finish(folder)
    return 1


def run_out_of_memory(folder: Path, rng: random.Random) -> int:
    """A policy with room for a random number of questions, asked by eight slots at once."""
    from tests.faults.hungry import Hungry
    from vvla_policies.evaluation.records.storage import RunFolder
    from vvla_policies.evaluation.rollouts.crew import LocalCrew
    from vvla_policies.evaluation.rollouts.engine import Engine
    from vvla_policies.evaluation.rollouts.hosting import PolicyHost
    from vvla_policies.evaluation.rollouts.interrupts import Interrupts
    from vvla_policies.evaluation.rollouts.preparation import prepare
    from vvla_policies.evaluation.rollouts.schedule import Queue
    from vvla_policies.evaluation.rollouts.slots import LocalSlot

    room = rng.randrange(1, 8)
    host = PolicyHost("tests.faults.hungry:Hungry", {"room": room})
    asked = fakes.request(folder, "Counting", episodes=5)
    prepared = prepare(host.card, asked.suites, None, 5, 0)
    Hungry.batches.clear()
    manifest = LocalCrew(asked, Interrupts()).brief.manifest(asked)
    with RunFolder(folder, manifest, keys=prepared.keys) as records:
        Engine(
            prepared.suites, prepared.scenes, Queue(prepared.keys), host, [LocalSlot(n) for n in range(8)],
            records.append, lambda key, slot: None, batch_size=8, stall_seconds=60,
        ).run()  # fmt: skip
    return sum(batch > room for batch in Hungry.batches)


# --- Ray -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def ray_kills() -> Iterator[Disturbance]:
    """Kills one of two machines of a local cluster after a random number of episodes; another joins."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    machines = [cluster.add_node(num_cpus=1) for _ in range(2)]

    class Accident(fakes.Listener):
        """Hears of episodes."""

        def __init__(self, after: int) -> None:
            super().__init__()
            self.after = after

        def finished(self, record: Any) -> None:
            """Kills."""
            super().finished(record)
            if len(self.records) == self.after:
                cluster.remove_node(machines.pop(0), allow_graceful=False)
                machines.append(cluster.add_node(num_cpus=1))

    def disturb(folder: Path, rng: random.Random) -> int:
        settings = {"episodes": 5, "workers": 1, "engine": "ray", "address": cluster.address}
        evaluate(fakes.request(folder, "Counting", **settings), Accident(rng.randrange(1, PLANNED)))
        return 1

    try:
        yield disturb
    finally:
        cluster.shutdown()


# --- the table -------------------------------------------------------------------------------------------------------


def faults() -> dict[str, tuple[Disturbance, float]]:
    """Name to disturbance and its share of all strikes."""
    return {
        "worker killed": (lambda f, r: signal_workers(signal.SIGKILL, MOST - 1, f, r), 0.2),
        "worker stalled": (lambda f, r: signal_workers(signal.SIGSTOP, MOST - 1, f, r), 0.05),
        "run killed, no workers": (lambda f, r: kill_driver(0, f, r), 0.35),
        "run killed, one worker": (lambda f, r: kill_driver(1, f, r), 0.15),
        "policy's server killed": (kill_policy, 0.1),
        "disk full": (fill_disk, 0.1),
        "last line cut": (cut_last_line, 0.1),
        "policy out of memory": (run_out_of_memory, 0.1),
    }


def say(line: str) -> None:
    """Prints at once."""
    print(line, flush=True)  # noqa: T201 - a script


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="strikes in all, but for Ray")
    parser.add_argument("--ray", type=int, default=0, help="machines of a local Ray cluster to kill")
    parser.add_argument("--only", nargs="+", default=list(faults()), choices=faults(), metavar="FAULT")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    os.environ.update([fakes.Faults(step_seconds=0.003).item()])
    started = time.monotonic()
    rows = []
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        undisturbed = fakes.outcomes(finish(Path(name, "undisturbed")))
        shares = {fault: faults()[fault] for fault in given.only}
        chosen = {fault: (disturb, round(given.kills * share)) for fault, (disturb, share) in shares.items()}
        if given.ray:
            chosen["Ray machine killed"] = (stack.enter_context(ray_kills()), given.ray)
        for fault, (disturb, wanted) in chosen.items():
            row, rng = Row(fault), random.Random(f"{given.seed} {fault}")
            while row.struck < wanted:
                folder = Path(name, f"{fault} {row.runs}".replace(" ", "-"))
                struck = disturb(folder, rng)
                row.count(folder, struck, undisturbed)
            rows.append(row)
            say(
                f"{row.fault:24} {row.struck:4} times in {row.runs:3} runs: {row.lost} episodes lost, "
                f"{row.repeated} repeated, {row.different} different"
            )
    total = sum(row.struck for row in rows)
    say(f"{total} strikes in {sum(row.runs for row in rows)} runs, {time.monotonic() - started:.0f} s")
    return 0 if all(row.sound for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
