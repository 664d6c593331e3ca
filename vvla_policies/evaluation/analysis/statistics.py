"""Success rates and how far to trust them.

One suite: Wilson's score interval (Wilson 1927), which keeps inside [0, 1] and holds its level at 0 % and 100 %, where
the textbook interval has width zero. An average of suites or tasks: each keeps its own weight whatever its number of
episodes, and the interval is put together from the Wilson intervals of the parts by MOVER, "method of variance
estimates recovery" (Zou & Donner, Statistics in Medicine 27, 2008), which needs no normal approximation at the ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Count:
    """Successes among `n` episodes; an episode that ended in an error counts as one without success."""

    successes: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.n:
            raise ValueError(f"{self.successes} successes among {self.n} episodes")


@dataclass(frozen=True)
class Estimate:
    """A success rate with its interval, all in [0, 1]; NaN where there are no episodes.

    Attributes:
        rate: the success rate.
        low: lower end of the interval.
        high: upper end.
        n: the episodes behind it.
    """

    rate: float
    low: float
    high: float
    n: int


def wilson(count: Count, confidence: float = CONFIDENCE) -> Estimate:
    """Wilson's score interval of one proportion, without continuity correction.

    Args:
        count: successes and episodes.
        confidence: two-sided level.

    >>> e = wilson(Count(9, 10))
    >>> round(e.low, 4), e.rate, round(e.high, 4)
    (0.5958, 0.9, 0.9821)
    """
    if count.n == 0:
        return Estimate(nan, nan, nan, 0)
    rate = count.successes / count.n
    low, high = score_interval(rate, count.n, confidence)
    return Estimate(rate, low, high, count.n)


def score_interval(rate: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval as a function of the rate and of a number of episodes that need not be whole.

    Args:
        rate: share of successes, in [0, 1].
        n: episodes, or as many as dependent ones are worth; above 0.
        confidence: two-sided level.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    shrink = 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / shrink
    half = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / shrink
    return 0.0 if rate == 0 else max(0.0, centre - half), 1.0 if rate == 1 else min(1.0, centre + half)


def average(parts: Sequence[Estimate]) -> Estimate:
    """The plain mean of independent rates with a MOVER interval: each part counts the same, however many episodes.

    Args:
        parts: for example the four suites of LIBERO, each with its Wilson interval.

    >>> four = [wilson(Count(k, 50)) for k in (49, 48, 45, 40)]
    >>> e = average(four)
    >>> round(e.rate, 3), round(e.low, 3), round(e.high, 3), e.n
    (0.91, 0.856, 0.937, 200)
    """
    if not parts or any(part.n == 0 for part in parts):
        return Estimate(nan, nan, nan, sum(part.n for part in parts))
    weight = 1 / len(parts)
    rate = sum(part.rate for part in parts) * weight
    below = sqrt(sum((part.rate - part.low) ** 2 for part in parts)) * weight
    above = sqrt(sum((part.high - part.rate) ** 2 for part in parts)) * weight
    return Estimate(rate, max(0.0, rate - below), min(1.0, rate + above), sum(part.n for part in parts))


def over_tasks(counts: Sequence[Count]) -> Estimate:
    """A suite's rate: the mean over its tasks.

    With the same number of episodes for each task that is successes / episodes, with Wilson's interval. Otherwise (a
    run that is not finished) it is the `average` of the tasks, so that no task counts more because it ran first.
    """
    seen = [count for count in counts if count.n]
    if len({count.n for count in seen}) <= 1:
        return wilson(Count(sum(c.successes for c in seen), sum(c.n for c in seen)))
    return average([wilson(count) for count in seen])
