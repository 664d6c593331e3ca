"""Episodes on the machines of a (local) Ray cluster: the records of a run in one process, whatever becomes of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import fakes
from vvla_policies.errors import MissingExtraError, VvlaError
from vvla_policies.evaluation.records.runs import EPISODES, EpisodeRecord, load_run
from vvla_policies.evaluation.rollouts.evaluate import evaluate

pytest.importorskip("ray", reason="the ray extra is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without CPUs and one machine; episodes take a while on it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*fakes.Faults(step_seconds=0.01).item())  # Ray's processes inherit it
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        made.add_node(num_cpus=1)
        yield made
        made.shutdown()


def on(cluster: Any, out: Path, policy: str = "Expert", **changes: Any) -> Any:
    settings = {"episodes": 5, "workers": 1, "engine": "ray", "address": cluster.address, **changes}
    return fakes.request(out, policy, **settings)


def test_a_run_is_gone_on_with_on_a_cluster(cluster: Any, tmp_path: Path) -> None:
    whole = evaluate(fakes.request(tmp_path / "whole", "Looker"))
    evaluate(fakes.request(tmp_path / "run", "Looker", episodes=1))
    listener = fakes.Listener()
    run = evaluate(on(cluster, tmp_path / "run", "Looker", episodes=2), listener)
    assert len(listener.records) == len(listener.begun) == 3
    assert fakes.outcomes(run) == fakes.outcomes(whole)
    assert all(len(run.actions(record.key)) == record.steps for record in run.records)
    assert [session.workers for session in run.manifest.sessions] == [0, 1]


class Accident(fakes.Listener):
    """Kills a machine after some episodes, and lets another join."""

    def __init__(self, cluster: Any, machine: Any, after: int) -> None:
        super().__init__()
        self.cluster, self.machine, self.after = cluster, machine, after

    def finished(self, record: EpisodeRecord) -> None:
        super().finished(record)
        if len(self.records) == self.after:
            self.cluster.remove_node(self.machine, allow_graceful=False)
            self.cluster.add_node(num_cpus=1)


def test_a_machine_that_is_lost_and_one_that_joins(cluster: Any, tmp_path: Path) -> None:
    """Three machines with two workers each; one is lost half-way, another comes in its place."""
    whole = evaluate(fakes.request(tmp_path / "whole", episodes=20))
    doomed, _ = [cluster.add_node(num_cpus=1) for _ in range(2)]
    run = evaluate(on(cluster, tmp_path / "run", episodes=20, workers=2), Accident(cluster, doomed, after=25))
    assert fakes.outcomes(run) == fakes.outcomes(whole)
    assert len((tmp_path / "run" / EPISODES).read_text().splitlines()) == 60, "an episode was recorded twice"
    assert len({record.worker for record in run.records}) >= 6
    assert fakes.outcomes(load_run(tmp_path / "run")) == fakes.outcomes(whole)


@pytest.mark.slow
@pytest.mark.libero
def test_sixty_libero_episodes_on_three_machines_of_which_one_is_lost(cluster: Any, tmp_path: Path) -> None:
    asked = {"suites": ("tests.evaluation.rollouts.cluster.short:SUITE",), "episodes": 6, "assets": "primitive"}
    whole = evaluate(fakes.request(tmp_path / "whole", "random", **asked))
    machines = list(cluster.worker_nodes)
    machines += [cluster.add_node(num_cpus=1) for _ in range(3 - len(machines))]
    run = evaluate(on(cluster, tmp_path / "run", "random", **asked), Accident(cluster, machines[0], after=30))
    assert len(run.records) == 60
    assert not fakes.errors(run)
    assert fakes.outcomes(run) == fakes.outcomes(whole)
    assert len((tmp_path / "run" / EPISODES).read_text().splitlines()) == 60


def test_what_the_user_can_mend_is_one_line(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(VvlaError, match=r"^policy 'foreign' does not fit suite 'fake': it acts in calvin"):
        evaluate(on(cluster, tmp_path / "run", "Foreign"))
    assert not (tmp_path / "run").exists()
    with pytest.raises(VvlaError, match="--workers 0"):
        evaluate(on(cluster, tmp_path / "run", workers=0))


def test_no_cluster_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(VvlaError, match=r"no Ray cluster at '127\.0\.0\.1:1'"):
        evaluate(fakes.request(tmp_path / "run", engine="ray", address="127.0.0.1:1"))


def test_an_engine_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(VvlaError, match=r"unknown engine 'rai'\. Did you mean 'ray'\?"):
        evaluate(fakes.request(tmp_path / "run", engine="rai"))


def test_without_ray_the_command_that_installs_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"^Ray is not installed; run: pip install 'vvla-policies\[ray\]'$"):
        evaluate(fakes.request(tmp_path / "run", engine="ray"))
