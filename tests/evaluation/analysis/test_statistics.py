"""Intervals against published values, scipy, and their promise: the share of times they hold the truth."""

import math

import numpy as np
import pytest

from vvla_policies.evaluation.analysis.statistics import Count, average, over_tasks, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_values(successes, n, low, high):
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3
    found = wilson(Count(successes, n))
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_agrees_with_scipy(confidence):
    stats = pytest.importorskip("scipy.stats")
    for n in (1, 2, 10, 50, 500):
        for successes in {0, 1, n // 2, n - 1, n}:
            other = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
            found = wilson(Count(successes, n), confidence)
            assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "low", "high"), [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)]
)
def test_average_gives_newcombes_published_difference(a, b, low, high):
    # p - q is twice the average of p and 1 - q, less 1: Newcombe 17 (1998) 873-890, table II, method 10
    found = average([wilson(Count(*a)), wilson(Count(b[1] - b[0], b[1]))])
    assert (round(2 * found.low - 1, 4), round(2 * found.high - 1, 4)) == (low, high)


def test_average_weighs_every_suite_the_same():
    found = average([wilson(Count(10, 10)), wilson(Count(0, 90))])
    assert found.rate == 0.5
    assert found.n == 100


def test_average_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = np.array([0.98, 0.95, 0.9, 0.6])
    draws = rng.binomial(50, truth, size=(2000, 4))
    intervals = [average([wilson(Count(int(k), 50)) for k in row]) for row in draws]
    held = np.mean([e.low <= truth.mean() <= e.high for e in intervals])
    assert 0.93 <= held <= 0.98


def test_a_suite_with_even_tasks_is_the_pooled_rate():
    assert over_tasks([Count(5, 10), Count(9, 10)]) == wilson(Count(14, 20))


def test_an_unfinished_suite_gives_no_task_more_weight():
    found = over_tasks([Count(50, 50), Count(0, 5), Count(0, 0)])
    assert found.rate == 0.5
    assert found.low < 0.5 < found.high


def test_no_episodes_give_no_number():
    for found in (wilson(Count(0, 0)), average([]), over_tasks([]), over_tasks([Count(0, 0)])):
        assert found.n == 0
        assert math.isnan(found.rate)


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="3 successes among 2"):
        Count(3, 2)
