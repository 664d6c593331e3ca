"""Episodes per hour as `vvla plan` foresees them, beside what this machine then does: local workers, and Ray clusters.

Run: python benchmarks/plan_check.py [--suite libero_object] [--assets primitive] [--episodes 4] [--workers 1 2 3 4]
     [--nodes 2 3]
First the pieces are measured (`vvla bench`), then whole runs; the zero policy in chunks of 8 reads both cameras. The
machines of a cluster are processes on this one, so in the model each has its part of the cores. Times are from the
first episode's beginning to the last record. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from vvla_policies.bench.costs import Costs, measure
from vvla_policies.bench.model import Setup, predict
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeRecord
from vvla_policies.evaluation.rollouts.evaluate import Request, Silent, evaluate


class Watch(Silent):
    """Takes the time."""

    began = ended = 0.0

    def started(self, key: EpisodeKey, worker: int) -> None:
        """Starts at the first episode."""
        self.began = self.began or time.perf_counter()

    def finished(self, record: EpisodeRecord) -> None:
        """Stops at the last."""
        self.ended = time.perf_counter()


def compare(name: str, request: Request, costs: Costs, setup: Setup) -> None:
    """Runs and prints a row."""
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        run = evaluate(replace(request, out=Path(folder) / "run"), watch)
    measured = 3600 * len(run.records) / (watch.ended - watch.began)
    foreseen = predict(replace(costs, start=0.0), setup, [record.key for record in run.records]).episodes_per_hour
    print(f"{name:<28}{foreseen:>10.0f}{measured:>10.0f}{foreseen / measured:>8.2f}", flush=True)


def on_clusters(request: Request, costs: Costs, sizes: list[int]) -> None:
    """The same on Ray, one worker on each machine."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    for nodes in sizes:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            for _ in range(nodes):
                cluster.add_node(num_cpus=1)
            asked = replace(request, engine="ray", address=cluster.address, workers=1)
            compare(f"Ray, {nodes} machines", asked, costs, Setup(nodes, 1, 1, costs.cores / nodes))
        finally:
            cluster.shutdown()


def main() -> None:
    """Measures, then runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="libero_object")
    parser.add_argument("--assets", default="primitive")
    parser.add_argument("--episodes", type=int, default=4, help="of each task")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 3, 4])
    parser.add_argument("--nodes", type=int, nargs="*", default=[2, 3])
    asked = parser.parse_args()
    options = {"cameras": True, "chunk": 8}
    request = Request("noop", (asked.suite,), options, episodes=asked.episodes, assets=asked.assets)
    costs = measure(request)
    print(f"{asked.suite}, {asked.assets} assets, {asked.episodes} episodes of each task, {costs.cores} cores")
    print(f"{'episodes per hour':<28}{'foreseen':>10}{'measured':>10}{'ratio':>8}")
    for workers in asked.workers:
        setup = Setup(1, workers, workers, costs.cores)
        compare(f"local, {workers} worker{'s'[: workers > 1]}", replace(request, workers=workers), costs, setup)
    on_clusters(request, costs, asked.nodes)


if __name__ == "__main__":
    main()
