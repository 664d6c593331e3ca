"""From records to scores: one per task, per suite and, where all four suites of LIBERO are there, their average."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

from vvla_policies.envs.suite import ALIASES
from vvla_policies.evaluation.analysis.chains import ChainScore, chain_score
from vvla_policies.evaluation.analysis.statistics import Count, Estimate, average, over_tasks, wilson
from vvla_policies.evaluation.records.runs import EpisodeRecord, Run

AVERAGES = {"libero": ALIASES["libero"]}
"""Names of averages, and the suites that each needs."""


@dataclass(frozen=True)
class Conditions:
    """What two scores must share to be compared: printed with every score.

    Attributes:
        protocol: its name.
        assets: "official" or "primitive".
        fingerprint: of the assets.
        simulator: versions of the simulator and its packages, such as "mujoco 3.3.2".
        renderer: what drew the pictures.
    """

    protocol: str
    assets: str
    fingerprint: str
    simulator: str
    renderer: str


@dataclass(frozen=True)
class Score:
    """One row of a table.

    Attributes:
        run: the run's folder, in tables its name.
        policy: the policy's name.
        weights: fingerprint of its weights, "" if it has none.
        suite: the suite, or the name of an average.
        task: number of the task, None for a whole suite.
        instruction: of the task, "" for a whole suite.
        conditions: protocol, assets, simulator.
        seed: of the run.
        estimate: success rate, interval, episodes.
        successes: among the episodes; an average sums its suites.
        errors: episodes that ended in an error; they count as failures.
        steps: mean number of steps of the successful episodes, NaN if there are none.
        chain: how far chains got; None for what is no suite of chains.
    """

    run: str
    policy: str
    weights: str
    suite: str
    task: int | None
    instruction: str
    conditions: Conditions
    seed: int
    estimate: Estimate
    successes: int
    errors: int
    steps: float
    chain: ChainScore | None = None

    @property
    def is_average(self) -> bool:
        """Whether it stands for several suites."""
        return self.suite in AVERAGES


def conditions_of(run: Run, suite: str) -> Conditions:
    """The conditions that a suite of a run was evaluated under."""
    entry = run.manifest.suites[suite]
    versions = dict(entry.provenance)
    renderer = versions.pop("renderer", "")
    simulator = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Conditions(entry.protocol["name"], entry.assets["name"], entry.assets["fingerprint"], simulator, renderer)


def name_of(run: Run) -> str:
    """What tables call a run: its folder's name."""
    return run.folder.resolve().name


def by_suite(run: Run) -> dict[str, list[EpisodeRecord]]:
    """A run's records by suite, in the order of the run's manifest."""
    found: dict[str, list[EpisodeRecord]] = {suite: [] for suite in run.manifest.suites}
    for record in run.records:
        found[record.key.suite].append(record)
    return {suite: records for suite, records in found.items() if records}


def task_scores(run: Run) -> list[Score]:
    """One score for each task that has records; where episodes are chains, for each of their subtasks."""
    return [
        score
        for suite, records in by_suite(run).items()
        for score in (_subtask_scores if _chained(run, suite) else _plain_task_scores)(run, suite, records)
    ]


def _chained(run: Run, suite: str) -> bool:
    return run.manifest.suites[suite].chained


def _plain_task_scores(run: Run, suite: str, records: Sequence[EpisodeRecord]) -> list[Score]:
    return [_score(run, suite, of_task, task) for task, of_task in sorted(_by_task(records).items())]


def _subtask_scores(run: Run, suite: str, records: Sequence[EpisodeRecord]) -> list[Score]:
    """One score for each kind of subtask that some chain came to, by name."""
    tried: dict[str, list[bool]] = defaultdict(list)
    for record in records:
        for number, name in enumerate(record.subtasks[: record.completed + 1]):
            tried[name].append(number < record.completed)
    whole = _score(run, suite, records)
    return [
        replace(
            whole,
            task=number,
            instruction=name,
            estimate=wilson(Count(sum(tried[name]), len(tried[name]))),
            successes=sum(tried[name]),
            errors=0,
            steps=nan,
            chain=None,
        )
        for number, name in enumerate(sorted(tried))
    ]


def suite_scores(run: Run) -> list[Score]:
    """One score for each suite that has records, then the averages that the run is complete for."""
    found = [_score(run, suite, records) for suite, records in by_suite(run).items()]
    return [*found, *_averages(found)]


def _score(run: Run, suite: str, records: Sequence[EpisodeRecord], task: int | None = None) -> Score:
    counts = [Count(sum(r.success for r in of_task), len(of_task)) for of_task in _by_task(records).values()]
    card: dict[str, Any] = run.manifest.policy["card"]
    return Score(
        run=name_of(run),
        policy=card["name"],
        weights=card["weights"],
        suite=suite,
        task=task,
        instruction="" if task is None else records[0].instruction,
        conditions=conditions_of(run, suite),
        seed=run.manifest.seed,
        estimate=over_tasks(counts) if task is None else wilson(counts[0]),
        successes=sum(count.successes for count in counts),
        errors=sum(record.error is not None for record in records),
        steps=_mean([record.steps for record in records if record.success]),
        chain=chain_score(records) if _chained(run, suite) else None,
    )


def _averages(found: Sequence[Score]) -> Iterator[Score]:
    for name, suites in AVERAGES.items():
        parts = [score for score in found if score.suite in suites]
        if len(parts) == len(suites) and len({part.conditions for part in parts}) == 1:
            yield Score(
                run=parts[0].run,
                policy=parts[0].policy,
                weights=parts[0].weights,
                suite=name,
                task=None,
                instruction="",
                conditions=parts[0].conditions,
                seed=parts[0].seed,
                estimate=average([part.estimate for part in parts]),
                successes=sum(part.successes for part in parts),
                errors=sum(part.errors for part in parts),
                steps=_mean([part.steps for part in parts]),
            )


def _by_task(records: Sequence[EpisodeRecord]) -> dict[int, list[EpisodeRecord]]:
    found: dict[int, list[EpisodeRecord]] = defaultdict(list)
    for record in records:
        found[record.key.task].append(record)
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else nan
