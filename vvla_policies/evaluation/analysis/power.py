"""How many episodes show a difference, and which difference a number of episodes can show.

Exact powers of McNemar's exact test for `n` pairs of which a share ends differently. Two policies whose outcomes hang
together (both fail on the same hard starts) leave fewer such pairs, and need fewer episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan, sqrt
from statistics import NormalDist

import numpy as np
from scipy.stats import binom

LEVEL, POWER = 0.05, 0.8
MOST_EPISODES = 200_000
TAIL = 1e-12


def discordance(rate_a: float, rate_b: float, correlation: float = 0.0) -> float:
    """The share of episodes that end differently for two policies.

    Args:
        rate_a: success rate of the first policy, in [0, 1].
        rate_b: of the second.
        correlation: of their outcomes: 0 if one's failures say nothing about the other's.

    Returns:
        At least the difference of the rates, which it cannot be below.

    >>> round(discordance(0.9, 0.95), 3)
    0.14
    """
    apart = rate_a * (1 - rate_b) + rate_b * (1 - rate_a)
    together = 2 * correlation * sqrt(rate_a * (1 - rate_a) * rate_b * (1 - rate_b))
    return max(abs(rate_b - rate_a), apart - together)


def power(n: int, difference: float, discordant: float, level: float = LEVEL) -> float:
    """The chance that McNemar's exact test finds a difference, either way; with difference 0 its false-positive rate.

    Args:
        n: pairs of episodes.
        difference: of the success rates, in [0, 1].
        discordant: share of pairs that end differently, at least `difference`.
        level: of the test.
    """
    if n < 1 or discordant <= 0:
        return 0.0
    least, most = binom.ppf([TAIL, 1 - TAIL], n, min(1.0, discordant))
    m = np.arange(least, most + 1)
    favour = min(1.0, 0.5 + difference / (2 * discordant))
    k = binom.ppf(level / 2, m, 0.5)  # the test rejects at up to k pairs, or k - 1, for one of the policies
    k = np.where(binom.cdf(k, m, 0.5) <= level / 2, k, k - 1)
    found = binom.cdf(k, m, favour) + binom.sf(m - k - 1, m, favour)
    return float(binom.pmf(m, n, min(1.0, discordant)) @ np.where(k < 0, 0.0, found))


def episodes_needed(difference: float, discordant: float, wanted: float = POWER, level: float = LEVEL) -> float:
    """The number of pairs from which on the power is at least `wanted`; inf above `MOST_EPISODES`.

    Args:
        difference: of the success rates, in (0, 1].
        discordant: share of pairs that end differently.
        wanted: power.
        level: of the test.
    """
    if power(MOST_EPISODES, difference, discordant, level) < wanted:
        return inf
    low, high = 0, 1
    while power(high, difference, discordant, level) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = power(middle, difference, discordant, level) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def detectable(
    n: int,
    discordant: Callable[[float], float],
    wanted: float = POWER,
    level: float = LEVEL,
    largest: float = 1.0,
) -> float:
    """The smallest difference that `n` pairs find with the wanted power, to 0.0001; NaN if `largest` is too small.

    Args:
        n: pairs of episodes.
        discordant: from a difference to the share of pairs that end differently.
        wanted: power.
        level: of the test.
        largest: difference that is possible.
    """
    if power(n, largest, discordant(largest), level) < wanted:
        return nan
    low, high = 0.0, largest
    while high - low > 1e-4:
        middle = (low + high) / 2
        enough = power(n, middle, discordant(middle), level) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high


def detectable_mean(n: int, deviation: float, wanted: float = POWER, level: float = LEVEL) -> float:
    """The smallest difference of paired means that `n` pairs find, by the normal approximation.

    Args:
        n: pairs, such as chains.
        deviation: standard deviation of the differences.
        wanted: power.
        level: of the test, two-sided.
    """
    normal = NormalDist()
    return (normal.inv_cdf(1 - level / 2) + normal.inv_cdf(wanted)) * deviation / sqrt(n) if n else nan
