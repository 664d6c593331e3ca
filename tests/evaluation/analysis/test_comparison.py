"""Paired statistics against published values, statsmodels and scipy, and their promises in simulation."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats import contingency_tables, multitest, proportion

from vvla_policies.evaluation.analysis.comparison import (
    Difference,
    Pairs,
    clustered_difference,
    clustered_rate,
    holm,
    length_test,
    mcnemar,
    mean_difference,
    newcombe,
    paired_test,
)
from vvla_policies.evaluation.analysis.statistics import Count, wilson


def drawn(n, runs, cells, seed):
    """The four counts of `runs` comparisons over `n` pairs; `cells` are the shares of both, only a, only b, neither."""
    counts, repeats = np.unique(np.random.default_rng(seed).multinomial(n, cells, runs), axis=0, return_counts=True)
    return [Pairs(*map(int, row)) for row in counts], repeats / runs


def test_pairs_are_counted():
    assert Pairs.of([True, True, False, False], [True, False, True, False]) == Pairs(1, 1, 1, 1)
    with pytest.raises(ValueError, match="zip"):
        Pairs.of([True], [True, False])


def test_mcnemar_agrees_with_statsmodels():
    for only_a in range(0, 30, 3):
        for only_b in range(0, 60, 7):
            expected = contingency_tables.mcnemar([[5, only_a], [only_b, 9]], exact=True).pvalue
            assert mcnemar(Pairs(5, only_a, only_b, 9)) == pytest.approx(expected, rel=1e-12)


def test_mcnemar_of_many_pairs_agrees_with_scipy():
    assert mcnemar(Pairs(0, 4900, 5100, 0)) == pytest.approx(stats.binomtest(4900, 10_000).pvalue, rel=1e-9)


@pytest.mark.parametrize(
    ("pairs", "low", "high"),
    [
        (Pairs(14, 5, 0, 22), -0.226, -0.011),  # Altman et al., Statistics with Confidence (2000), table 6.2
        (Pairs(1, 1, 7, 12), 0.026, 0.507),  # Bentur et al. 2009, in Fagerland et al., Stat. Med. 33 (2014) 2850
    ],
)
def test_newcombe_gives_published_intervals(pairs, low, high):
    found = newcombe(pairs)
    assert (round(found.low, 3), round(found.high, 3)) == (low, high)


def test_newcombe_without_correlation_is_the_interval_of_independent_rates():
    pairs = Pairs(24, 16, 36, 24)  # 40 and 60 of 100, both in 24: just what independence gives
    low, high = proportion.confint_proportions_2indep(60, 100, 40, 100, method="newcomb", compare="diff")
    found = newcombe(pairs)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("pairs", [Pairs(0, 0, 0, 9), Pairs(9, 0, 0, 0), Pairs(0, 9, 0, 0), Pairs(0, 0, 9, 0)])
def test_newcombe_stays_in_range_at_the_ends(pairs):
    found = newcombe(pairs)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_newcombe_changes_sign_with_the_order():
    one, other = newcombe(Pairs(30, 4, 11, 5)), newcombe(Pairs(30, 11, 4, 5))
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


@pytest.mark.parametrize("cells", [(0.86, 0.04, 0.07, 0.03), (0.25, 0.25, 0.25, 0.25), (0.9, 0.01, 0.04, 0.05)])
def test_newcombe_holds_the_truth_as_often_as_it_says(cells):
    counted, shares = drawn(200, 20_000, cells, seed=1)
    truth = cells[2] - cells[1]
    held = np.array([(d := newcombe(pairs)).low <= truth <= d.high for pairs in counted])
    assert 0.94 <= shares @ held <= 0.99


def test_mcnemar_finds_no_more_than_it_may_where_there_is_nothing():
    for cells in [(0.8, 0.05, 0.05, 0.1), (0.3, 0.2, 0.2, 0.3)]:
        counted, shares = drawn(500, 20_000, cells, seed=2)
        false = shares @ np.array([mcnemar(pairs) <= 0.05 for pairs in counted])
        assert 0.02 <= false <= 0.052


def test_mcnemar_is_safe_with_tasks_that_favour_either_policy():
    rng = np.random.default_rng(3)
    only_a = rng.binomial(25, 0.1, 5000) + rng.binomial(25, 0.3, 5000)
    only_b = rng.binomial(25, 0.3, 5000) + rng.binomial(25, 0.1, 5000)
    assert np.mean([mcnemar(Pairs(0, int(a), int(b), 0)) <= 0.05 for a, b in zip(only_a, only_b, strict=True)]) <= 0.05


def test_paired_test_puts_it_together():
    a, b = [True] * 5 + [False] * 15, [True] * 14 + [False] * 6
    found = paired_test(a, b)
    assert found.pairs == Pairs(5, 0, 9, 6)
    assert found.p == pytest.approx(2 / 2**9)
    assert found.difference == newcombe(found.pairs)


def test_no_pairs_give_no_number():
    found = paired_test([], [])
    assert math.isnan(found.difference.value)
    assert found.p == 1.0


def test_holm_agrees_with_statsmodels():
    rng = np.random.default_rng(4)
    for n in (1, 2, 3, 6, 15):
        p = list(rng.uniform(0, 0.2, n))
        assert holm(p) == pytest.approx(list(multitest.multipletests(p, method="holm")[1]))


# --- tasks as clusters -----------------------------------------------------------------------------------------------


def test_clusters_that_are_alike_widen_an_interval_only_for_being_few():
    even = clustered_rate([Count(45, 50)] * 10)
    plain = wilson(Count(450, 500))
    assert even.rate == plain.rate
    assert 1.0 < (even.high - even.low) / (plain.high - plain.low) < 1.2


def test_one_task_says_nothing_about_others():
    assert math.isnan(clustered_rate([Count(9, 10)]).low)
    assert math.isnan(clustered_difference([Pairs(1, 2, 3, 4)]).low)


def test_clustered_standard_error_is_that_of_statsmodels():
    """With many tasks Wilson's interval is close to the usual one, whose clustered error statsmodels knows."""
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    tasks, episodes = 400, 20
    successes = rng.binomial(episodes, rng.beta(3, 2, tasks))
    outcomes = np.concatenate([np.repeat([1.0, 0.0], [k, episodes - k]) for k in successes])
    fit = sm.OLS(outcomes, np.ones_like(outcomes)).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(tasks), episodes)}
    )
    found = clustered_rate([Count(int(k), episodes) for k in successes])
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(fit.bse[0], rel=0.02)


def test_the_clustered_interval_covers_the_rate_over_tasks_like_these():
    rng = np.random.default_rng(6)
    plain = held = 0
    for row in rng.binomial(50, rng.beta(8, 2, (1500, 10))):
        found = clustered_rate([Count(int(k), 50) for k in row])
        held += found.low <= 0.8 <= found.high
        pooled = wilson(Count(int(row.sum()), 500))
        plain += pooled.low <= 0.8 <= pooled.high
    assert held / 1500 >= 0.93
    assert plain / 1500 < 0.7  # that is why


def test_the_clustered_difference_covers_the_difference_over_tasks_like_these():
    rng = np.random.default_rng(7)
    held = 0
    for gains in rng.uniform(-0.15, 0.35, (1000, 10)):
        table = [rng.multinomial(50, (0.4, 0.2 - g / 2, 0.2 + g / 2, 0.2)) for g in gains]
        found = clustered_difference([Pairs(*map(int, row)) for row in table])
        held += found.low <= 0.1 <= found.high
    assert held / 1000 >= 0.93


def test_an_unfinished_run_gives_no_task_more_weight():
    found = clustered_difference([Pairs(0, 0, 50, 0), Pairs(0, 5, 0, 0)])
    assert found.value == 0.0
    assert found.low < 0 < found.high


def test_the_mean_of_differences_joins_their_intervals():
    found = mean_difference([Difference(0.1, 0.0, 0.2), Difference(0.3, 0.2, 0.4)])
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.2 - 0.1 / 2**0.5, 0.2 + 0.1 / 2**0.5))


# --- lengths of chains -----------------------------------------------------------------------------------------------


def chains(rng, n, rate):
    return np.minimum(rng.geometric(1 - rate, n) - 1, 5)


def test_length_test_agrees_with_scipys_bootstrap():
    rng = np.random.default_rng(8)
    a, b = chains(rng, 1000, 0.8), chains(rng, 1000, 0.85)
    found = length_test(a, b)
    other = stats.bootstrap((b - a,), np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(9))
    interval = other.confidence_interval
    assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high), abs=0.02)
    assert found.p == pytest.approx(stats.ttest_rel(b, a).pvalue, abs=0.01)
    assert found == length_test(a, b)


def test_length_test_finds_nothing_where_there_is_nothing_at_the_nominal_rate():
    rng = np.random.default_rng(10)
    pairs = rng.geometric(0.2, (400, 2, 200)).clip(max=6) - 1
    found = [length_test(a, b, resamples=1000).p <= 0.05 for a, b in pairs]
    assert 0.02 <= np.mean(found) <= 0.075


def test_length_test_of_equal_chains_is_sure_of_nothing():
    found = length_test([0, 3, 5], [0, 3, 5])
    assert found.difference == Difference(0.0, 0.0, 0.0)
    assert found.p == 1.0


def test_length_test_needs_chains():
    with pytest.raises(ValueError, match="no chains"):
        length_test([], [])
