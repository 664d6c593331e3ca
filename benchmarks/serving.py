"""How much several clients gain by sharing a server: answers per second with 1 and with 8 clients, as a ratio.

The server is a process of its own (`vvla serve`), the clients share one thread.

python benchmarks/serving.py --policy noop
python benchmarks/serving.py --policy student --option preset=vita-mini --seconds 20
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time

from websockets.asyncio.client import connect

from vvla_policies.policy import PolicyCard, sample_observation
from vvla_policies.serving.formats import write_request
from vvla_policies.serving.wire import decode, encode

CLIENTS = 8


async def rate(url: str, clients: int, seconds: float) -> tuple[float, float]:
    """Answers per second, and questions per call, of clients that ask again as soon as they are answered."""
    request = encode(write_request(sample_observation(PolicyCard("any")), "open the drawer", "vvla"))
    batches: list[int] = []

    async def ask(started: asyncio.Barrier) -> None:
        async with connect(url, compression=None, max_size=None, proxy=None) as connection:
            await connection.recv()
            await connection.send(request)  # the first call may be slow
            await connection.recv()
            await started.wait()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                await connection.send(request)
                batches.append(decode(await connection.recv())["server_timing"]["batch"])

    async with asyncio.TaskGroup() as tasks:
        started = asyncio.Barrier(clients)
        for _ in range(clients):
            tasks.create_task(ask(started))
    return len(batches) / seconds, sum(batches) / len(batches)


def main() -> None:
    """Starts a server, measures, ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", default="noop")
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    command = [sys.executable, "-c", "from vvla_policies.cli.main import app; app()", "serve", "--port", "0"]
    command += ["--policy", given.policy] + [part for option in given.option for part in ("--option", option)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own command
        assert server.stdout is not None
        url = server.stdout.readline().split()[3].rstrip(";")
        alone, _ = asyncio.run(rate(url, 1, given.seconds))
        together, batch = asyncio.run(rate(url, CLIENTS, given.seconds))
        server.terminate()
    print(f"{given.policy}: 1 client {alone:.1f}/s, {CLIENTS} clients {together:.1f}/s, ratio {together / alone:.2f}")
    print(f"questions per call with {CLIENTS} clients: {batch:.1f}")


if __name__ == "__main__":
    main()
