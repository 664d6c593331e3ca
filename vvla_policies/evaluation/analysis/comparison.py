"""Two policies on the same episodes: is one better, by how much, and how sure is that?

Each episode's key fixes all but the policy, so outcomes come in pairs, and pairs that ended alike say nothing about a
difference. The question "is there any?" is answered by the exact test of McNemar (Psychometrika 12, 1947), "how large?"
by Newcombe's interval for paired proportions (Statistics in Medicine 17, 1998, 2635-2650, method 10).

Both are about these tasks. For an average over tasks that stands for tasks like them, tasks are clusters: the number of
episodes is divided by the design effect, the ratio of the variance between tasks to that of independent episodes, and
adjusted for the few tasks (Korn & Graubard, Survey Methodology 24, 1998; Dean & Pagano, JSSAM 3, 2015).

Lengths of chains are compared by a paired bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from statistics import NormalDist, fmean, variance

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr
from scipy.stats import t

from vvla_policies.evaluation.analysis.statistics import CONFIDENCE, Count, Estimate, score_interval

RESAMPLES = 10_000


@dataclass(frozen=True)
class Pairs:
    """How the episodes of two policies ended, counted in pairs.

    Attributes:
        both: both succeeded.
        only_a: only the first did.
        only_b: only the second did.
        neither: neither did.
    """

    both: int
    only_a: int
    only_b: int
    neither: int

    @classmethod
    def of(cls, a: Sequence[bool], b: Sequence[bool]) -> Pairs:
        """Counts the pairs.

        Args:
            a: successes of the first policy.
            b: successes of the second, for the same episodes in the same order.

        Raises:
            ValueError: they are not equally many.
        """
        kinds = [(bool(x), bool(y)) for x, y in zip(a, b, strict=True)]
        return cls(*(kinds.count(kind) for kind in ((True, True), (True, False), (False, True), (False, False))))

    @property
    def n(self) -> int:
        """Number of pairs."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def discordance(self) -> float:
        """Share of the pairs that ended differently, NaN without pairs."""
        return (self.only_a + self.only_b) / self.n if self.n else nan


@dataclass(frozen=True)
class Difference:
    """The second policy's mean less the first one's, with its interval; NaN where there is none.

    Attributes:
        value: in rates (0.05 is five points), or in subtasks for lengths of chains.
        low: lower end of the interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedTest:
    """What paired outcomes say.

    Attributes:
        pairs: the counts.
        difference: second less first, with Newcombe's interval.
        p: two-sided p-value of McNemar's exact test.
    """

    pairs: Pairs
    difference: Difference
    p: float


def paired_test(a: Sequence[bool], b: Sequence[bool]) -> PairedTest:
    """Compares two policies by their successes on the same episodes.

    Args:
        a: successes of the first policy.
        b: successes of the second, for the same episodes in the same order.

    Raises:
        ValueError: they are not equally many.

    >>> test = paired_test([True] * 5 + [False] * 15, [True] * 14 + [False] * 6)
    >>> d = test.difference
    >>> round(d.value, 2), round(d.low, 2), round(d.high, 2), round(test.p, 5)
    (0.45, 0.18, 0.63, 0.00391)
    """
    pairs = Pairs.of(a, b)
    return PairedTest(pairs, newcombe(pairs), mcnemar(pairs))


def mcnemar(pairs: Pairs) -> float:
    """Two-sided p-value of McNemar's exact test: pairs that ended differently favour either policy like a fair coin.

    With tasks of different kinds it errs on the safe side. 1 where no pair ended differently.
    """
    tail = bdtr(min(pairs.only_a, pairs.only_b), pairs.only_a + pairs.only_b, 0.5)  # the binomial distribution
    return min(1.0, 2 * float(tail))


def newcombe(pairs: Pairs, worth: float | None = None, confidence: float = CONFIDENCE) -> Difference:
    """Difference of two paired rates with Newcombe's interval: two Wilson intervals, joined by their correlation.

    Args:
        pairs: the counts.
        worth: how many independent pairs they are worth, if not all.
        confidence: two-sided level.
    """
    if not pairs.n:
        return Difference(nan, nan, nan)
    n = pairs.n if worth is None else worth
    rate_a, rate_b = (pairs.both + pairs.only_a) / pairs.n, (pairs.both + pairs.only_b) / pairs.n
    (low_a, high_a), (low_b, high_b) = (score_interval(rate, n, confidence) for rate in (rate_a, rate_b))
    twice = 2 * _correlation(pairs, n)
    value = rate_b - rate_a
    down, up = (rate_b - low_b, high_a - rate_a), (high_b - rate_b, rate_a - low_a)
    below, above = (sqrt(max(0.0, x * x - twice * x * y + y * y)) for x, y in (down, up))
    return Difference(value, value - below, value + above)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several tests, adjusted so that the chance of any false finding stays at the level (Holm 1979).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, least = [1.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[k]))
        adjusted[k] = least
    return adjusted


# --- tasks as clusters -------------------------------------------------------------------------------------------


def clustered_rate(tasks: Sequence[Count], confidence: float = CONFIDENCE) -> Estimate:
    """The mean over tasks, with a Wilson interval that takes the tasks for a sample of tasks like them.

    It is never narrower than the one that takes episodes as independent. NaN ends with fewer than two tasks.
    """
    tasks = [task for task in tasks if task.n]
    n = sum(task.n for task in tasks)
    rates = [task.successes / task.n for task in tasks]
    if len(tasks) < 2:
        return Estimate(rates[0] if rates else nan, nan, nan, n)
    rate = fmean(rates)
    worth = _worth(n, rates, rate * (1 - rate), confidence)
    return Estimate(rate, *score_interval(rate, worth, confidence), n)


def clustered_difference(tasks: Sequence[Pairs], confidence: float = CONFIDENCE) -> Difference:
    """The difference with Newcombe's interval that takes the tasks for a sample of tasks like them.

    It is never narrower than the one that takes episodes as independent. NaN ends with fewer than two tasks.
    """
    tasks = [task for task in tasks if task.n]
    whole = Pairs(*(sum(getattr(task, name) for task in tasks) for name in ("both", "only_a", "only_b", "neither")))
    if len(tasks) < 2:
        return Difference(newcombe(whole).value, nan, nan)
    of_tasks = [(task.only_b - task.only_a) / task.n for task in tasks]
    spread = whole.discordance - ((whole.only_b - whole.only_a) / whole.n) ** 2
    interval = newcombe(whole, _worth(whole.n, of_tasks, spread, confidence), confidence)
    shift = fmean(of_tasks) - interval.value  # unfinished runs: no task counts more because it has more episodes
    return Difference(fmean(of_tasks), max(-1.0, interval.low + shift), min(1.0, interval.high + shift))


def mean_difference(parts: Sequence[Difference]) -> Difference:
    """The plain mean of independent differences, such as those of four suites, intervals joined by MOVER."""
    if not parts:
        return Difference(nan, nan, nan)
    value = fmean(part.value for part in parts)
    below = sqrt(sum((part.value - part.low) ** 2 for part in parts)) / len(parts)
    above = sqrt(sum((part.high - part.value) ** 2 for part in parts)) / len(parts)
    return Difference(value, value - below, value + above)


# --- lengths of chains -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LengthTest:
    """What paired lengths of chains say.

    Attributes:
        n: number of pairs.
        mean_a: average length under the first policy.
        mean_b: under the second.
        difference: second less first, with the bootstrap's percentile interval.
        p: two-sided, from the same bootstrap: at or below the level where the interval excludes 0.
        deviation: standard deviation of the differences.
    """

    n: int
    mean_a: float
    mean_b: float
    difference: Difference
    p: float
    deviation: float


def length_test(
    a: Sequence[int], b: Sequence[int], confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> LengthTest:
    """Compares average lengths of the same chains by a paired bootstrap with a fixed seed.

    Args:
        a: subtasks completed in each chain under the first policy.
        b: under the second, for the same chains in the same order.
        confidence: two-sided level.
        resamples: how many are drawn.
        seed: of the draws.

    Raises:
        ValueError: they are not equally many, or none.
    """
    gains = np.subtract(b, a)
    if not gains.size:
        raise ValueError("no chains to compare")
    drawn = bootstrap_means(gains, resamples, seed)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return LengthTest(
        n=len(gains),
        mean_a=float(np.mean(a)),
        mean_b=float(np.mean(b)),
        difference=Difference(float(gains.mean()), float(low), float(high)),
        p=min(1.0, 2 * (beyond + 1) / (resamples + 1)),
        deviation=float(gains.std(ddof=1)) if len(gains) > 1 else nan,
    )


def bootstrap_means(values: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.float64]:
    """Means of resamples of whole numbers, such as lengths of chains or their differences: float64 (resamples,)."""
    kinds, counts = np.unique(values, return_counts=True)
    n = int(counts.sum())
    return np.asarray(np.random.default_rng(seed).multinomial(n, counts / n, resamples) @ kinds / n)


def _correlation(pairs: Pairs, n: float) -> float:
    """Phi of the four counts, scaled to `n` pairs, with Newcombe's continuity correction where it is positive."""
    share = n / pairs.n
    a, b, c, d = (share * count for count in (pairs.both, pairs.only_a, pairs.only_b, pairs.neither))
    scale = (a + b) * (c + d) * (a + c) * (b + d)
    if scale == 0:
        return 0.0
    excess = a * d - b * c
    return (max(0.0, excess - n / 2) if excess > 0 else excess) / sqrt(scale)


def _worth(n: int, means: Sequence[float], spread: float, confidence: float) -> float:
    """How many independent episodes `n` episodes in clusters are worth.

    Args:
        n: episodes.
        means: of the clusters.
        spread: variance of one episode, were all independent.
        confidence: of the interval that it is for.
    """
    between = variance(means) / len(means)
    effect = max(1.0, between * n / spread) if spread > 0 else 1.0
    tail = 0.5 + confidence / 2
    return float(n / effect * (NormalDist().inv_cdf(tail) / t.ppf(tail, len(means) - 1)) ** 2)
