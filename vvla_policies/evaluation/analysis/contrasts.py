"""Runs compared pair by pair, on the episodes that all of them hold.

What makes episodes comparable is checked first: the same keys, protocol and assets, and the same fixtures where both
recorded them. An episode that ended in an error counts as a failure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import nan
from statistics import fmean

from vvla_policies.errors import RecordError
from vvla_policies.evaluation.analysis.comparison import (
    Difference,
    PairedTest,
    Pairs,
    clustered_difference,
    clustered_rate,
    holm,
    length_test,
    mcnemar,
    mean_difference,
    paired_test,
)
from vvla_policies.evaluation.analysis.power import POWER, detectable, detectable_mean
from vvla_policies.evaluation.analysis.scores import AVERAGES
from vvla_policies.evaluation.analysis.statistics import Count, Estimate, average, over_tasks
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeRecord, Run, differences


@dataclass(frozen=True)
class Standing:
    """How one run did on the shared episodes of a suite.

    Attributes:
        run: its name.
        policy: the policy's name.
        suite: the suite, or the name of an average.
        mean: success rate in [0, 1], or average length of the chains.
        estimate: the rate with the interval for these tasks; None for chains.
        over_tasks: the rate with the interval for tasks like these; None for chains.
        n: episodes.
        errors: among them, counted as failures.
        chained: whether `mean` is a length.
    """

    run: str
    policy: str
    suite: str
    mean: float
    estimate: Estimate | None
    over_tasks: Estimate | None
    n: int
    errors: int
    chained: bool


@dataclass(frozen=True)
class Contrast:
    """Two runs on one suite.

    Attributes:
        suite: the suite, or the name of an average.
        first: name of the one run.
        second: of the other; differences are its mean less the first one's.
        difference: for these tasks.
        over_tasks: for tasks like these; NaN ends for chains, which are not grouped by task.
        only_first: episodes that only the first succeeded in; for chains, in which it got further.
        only_second: the same for the second.
        n: pairs.
        p: of the exact test of McNemar (chains: of the paired bootstrap).
        adjusted: the same, adjusted by Holm for the pairs of runs that were compared on this suite.
        detectable: the smallest difference that so many episodes show with a power of 0.8; NaN if none does.
        chained: whether differences are of lengths.
    """

    suite: str
    first: str
    second: str
    difference: Difference
    over_tasks: Difference
    only_first: int
    only_second: int
    n: int
    p: float
    adjusted: float
    detectable: float
    chained: bool


@dataclass(frozen=True)
class Comparison:
    """Several runs, compared.

    Attributes:
        standings: by suite, then run.
        contrasts: by suite, then pair.
        left_out: run name to how many of its episodes not all runs hold.
        notes: what else to know, in sentences.
    """

    standings: tuple[Standing, ...]
    contrasts: tuple[Contrast, ...]
    left_out: Mapping[str, int]
    notes: tuple[str, ...]


def compare(runs: Mapping[str, Run]) -> Comparison:
    """Compares runs pair by pair, suite by suite, on the episodes that all of them hold.

    Args:
        runs: name to run, at least two.

    Raises:
        RecordError: there is nothing to compare, or not under the same conditions.
    """
    if len(runs) < 2:
        raise RecordError("name two or more different runs to compare")
    keys = _shared(runs)
    notes = _same_conditions(runs, sorted({key.suite for key in keys}))
    _same_fixtures(runs, keys)
    suites = [suite for suite in next(iter(runs.values())).manifest.suites if any(key.suite == suite for key in keys)]
    results = {
        name: {suite: [run.record(key) for key in keys if key.suite == suite] for suite in suites}
        for name, run in runs.items()
    }
    chained = {s for s in suites if next(iter(runs.values())).manifest.suites[s].chained}
    standings = [_standing(name, run, s, results[name][s], s in chained) for s in suites for name, run in runs.items()]
    contrasts = [c for s in suites for c in _contrasts(s, {name: of[s] for name, of in results.items()}, s in chained)]
    return Comparison(
        standings=(*standings, *_mean_standings(runs, standings)),
        contrasts=(*contrasts, *_mean_contrasts(results, contrasts)),
        left_out={name: len(run.records) - len(keys) for name, run in runs.items()},
        notes=tuple(notes),
    )


# --- may they be compared? -------------------------------------------------------------------------------------------


def _shared(runs: Mapping[str, Run]) -> list[EpisodeKey]:
    held = [{record.key for record in run.records} for run in runs.values()]
    keys = sorted(set.intersection(*held))
    if not keys:
        raise RecordError(f"{', '.join(runs)} share no episode: run them on the same suites and tasks with one --seed")
    return keys


def _same_conditions(runs: Mapping[str, Run], suites: Sequence[str]) -> list[str]:
    """Notes on simulators that differ.

    Raises:
        RecordError: protocol or assets of a suite differ.
    """
    (first, one), *others = runs.items()
    found: dict[str, None] = {}
    for name, other in others:
        for line in differences(one.manifest, other.manifest):
            suite, _, what = line.partition(": ")
            if suite in suites and what.startswith(("protocol ", "assets ")):
                values = what.replace(", now ", " and ")
                raise RecordError(f"{first} and {name} do not compare: {suite} has {values}; evaluate one of them anew")
            if suite in suites:
                found[f"{first} and {name} were not run alike: {what.replace(', now ', ' and ')}."] = None
    return list(found)


def _same_fixtures(runs: Mapping[str, Run], keys: Sequence[EpisodeKey]) -> None:
    for key in keys:
        prints = {run.record(key).fixtures for run in runs.values()} - {""}
        if len(prints) > 1:
            raise RecordError(f"episode '{key}' did not start alike in {', '.join(runs)}: run them with one version")


# --- one suite ---------------------------------------------------------------------------------------------------


def _standing(name: str, run: Run, suite: str, records: Sequence[EpisodeRecord], chained: bool) -> Standing:
    counts = [Count(sum(r.success for r in group), len(group)) for group in _by_task(records)]
    estimate = over_tasks(counts)
    return Standing(
        run=name,
        policy=run.manifest.policy["card"]["name"],
        suite=suite,
        mean=fmean(r.completed for r in records) if chained else estimate.rate,
        estimate=None if chained else estimate,
        over_tasks=None if chained else clustered_rate(counts),
        n=len(records),
        errors=sum(r.error is not None for r in records),
        chained=chained,
    )


def _contrasts(suite: str, results: Mapping[str, Sequence[EpisodeRecord]], chained: bool) -> list[Contrast]:
    """All pairs of runs on one suite, p-values adjusted for their number."""
    test = _chains if chained else _successes
    found = [test(suite, first, second, results[first], results[second]) for first, second in combinations(results, 2)]
    return _adjusted(found)


def _adjusted(found: Sequence[Contrast]) -> list[Contrast]:
    return [replace(c, adjusted=p) for c, p in zip(found, holm([c.p for c in found]), strict=True)]


def _successes(suite: str, first: str, second: str, a: Sequence[EpisodeRecord], b: Sequence[EpisodeRecord]) -> Contrast:
    test = _test(a, b)
    tasks = [_test(x, y).pairs for x, y in zip(_by_task(a), _by_task(b), strict=True)]
    return Contrast(
        suite=suite,
        first=first,
        second=second,
        difference=test.difference,
        over_tasks=clustered_difference(tasks),
        only_first=test.pairs.only_a,
        only_second=test.pairs.only_b,
        n=test.pairs.n,
        p=test.p,
        adjusted=test.p,
        detectable=_detectable(test.pairs),
        chained=False,
    )


def _chains(suite: str, first: str, second: str, a: Sequence[EpisodeRecord], b: Sequence[EpisodeRecord]) -> Contrast:
    lengths_a, lengths_b = [r.completed for r in a], [r.completed for r in b]
    test = length_test(lengths_a, lengths_b)
    return Contrast(
        suite=suite,
        first=first,
        second=second,
        difference=test.difference,
        over_tasks=Difference(test.difference.value, nan, nan),
        only_first=sum(x > y for x, y in zip(lengths_a, lengths_b, strict=True)),
        only_second=sum(x < y for x, y in zip(lengths_a, lengths_b, strict=True)),
        n=test.n,
        p=test.p,
        adjusted=test.p,
        detectable=detectable_mean(test.n, test.deviation, POWER),
        chained=True,
    )


# --- averages of suites ------------------------------------------------------------------------------------------


def _mean_standings(runs: Mapping[str, Run], standings: Sequence[Standing]) -> Iterator[Standing]:
    for name, suites in AVERAGES.items():
        for run in runs:
            parts = [s for s in standings if s.run == run and s.suite in suites]
            rates = [s.estimate for s in parts if s.estimate]
            clusters = [s.over_tasks for s in parts if s.over_tasks]
            if len(rates) == len(suites):
                mean = average(rates)
                n, errors = sum(s.n for s in parts), sum(s.errors for s in parts)
                yield Standing(run, parts[0].policy, name, mean.rate, mean, average(clusters), n, errors, False)


def _mean_contrasts(
    results: Mapping[str, Mapping[str, Sequence[EpisodeRecord]]], contrasts: Sequence[Contrast]
) -> Iterator[Contrast]:
    """Suites weigh the same in the difference; the test counts all their episodes."""
    for name, suites in AVERAGES.items():
        pairs = [
            _mean_contrast(name, parts, _pooled(results, parts))
            for first, second in combinations(results, 2)
            if len(parts := [c for c in contrasts if (c.first, c.second) == (first, second) and c.suite in suites])
            == len(suites)
        ]
        yield from _adjusted(pairs)


def _pooled(results: Mapping[str, Mapping[str, Sequence[EpisodeRecord]]], parts: Sequence[Contrast]) -> Pairs:
    a, b = (
        [record for part in parts for record in results[run][part.suite]] for run in (parts[0].first, parts[0].second)
    )
    return _test(a, b).pairs


def _mean_contrast(name: str, parts: Sequence[Contrast], pairs: Pairs) -> Contrast:
    p = mcnemar(pairs)
    return replace(
        parts[0],
        suite=name,
        difference=mean_difference([part.difference for part in parts]),
        over_tasks=mean_difference([part.over_tasks for part in parts]),
        only_first=pairs.only_a,
        only_second=pairs.only_b,
        n=pairs.n,
        p=p,
        adjusted=p,
        detectable=_detectable(pairs),
    )


def _test(a: Sequence[EpisodeRecord], b: Sequence[EpisodeRecord]) -> PairedTest:
    return paired_test([record.success for record in a], [record.success for record in b])


def _detectable(pairs: Pairs) -> float:
    """With the share of pairs that ended differently here, or the difference itself where that is more."""
    return detectable(pairs.n, lambda difference: max(difference, pairs.discordance))


def _by_task(records: Sequence[EpisodeRecord]) -> list[list[EpisodeRecord]]:
    found: dict[int, list[EpisodeRecord]] = defaultdict(list)
    for record in records:
        found[record.task].append(record)
    return [found[task] for task in sorted(found)]
