"""Planned powers against simulation and the literature's approximation."""

import math

import numpy as np
import pytest

from vvla_policies.evaluation.analysis.comparison import Pairs, mcnemar
from vvla_policies.evaluation.analysis.power import detectable, detectable_mean, discordance, episodes_needed, power


def found_in_simulation(n, difference, discordant, runs=40_000, seed=0):
    """How often McNemar's exact test says that two policies of known rates differ."""
    only_b, only_a = (discordant + difference) / 2, (discordant - difference) / 2
    draws = np.random.default_rng(seed).multinomial(n, (only_a, only_b, 1 - discordant), runs)
    counted, repeats = np.unique(draws[:, :2], axis=0, return_counts=True)
    return repeats @ np.array([mcnemar(Pairs(0, int(a), int(b), 0)) <= 0.05 for a, b in counted]) / runs


@pytest.mark.parametrize(
    ("n", "difference", "discordant"),
    [(500, 0.05, 0.14), (100, 0.2, 0.35), (2000, 0.02, 0.1), (500, 0.0, 0.14), (40, 0.3, 0.3)],
)
def test_power_is_what_a_simulation_finds(n, difference, discordant):
    assert power(n, difference, discordant) == pytest.approx(found_in_simulation(n, difference, discordant), abs=0.01)


def test_two_policies_are_told_apart_at_the_planned_power():
    share = discordance(0.90, 0.95)
    n = episodes_needed(0.05, share, wanted=0.8)
    assert found_in_simulation(n, 0.05, share, seed=1) == pytest.approx(0.8, abs=0.015)


def test_two_equal_policies_are_not_told_apart_more_often_than_the_level():
    for rate in (0.5, 0.8, 0.95):
        share = discordance(rate, rate)
        assert power(500, 0.0, share) <= 0.05
        assert 0.02 <= found_in_simulation(500, 0.0, share, seed=2) <= 0.052


def test_episodes_needed_is_near_the_usual_approximation():
    """Connor, Biometrics 43 (1987) 207; an exact test needs a little more."""
    d, psi = 0.05, 0.14
    approximate = (1.959964 * psi**0.5 + 0.841621 * (psi - d * d) ** 0.5) ** 2 / d**2
    assert 1.0 < episodes_needed(d, psi) / approximate < 1.1


def test_fewer_episodes_are_not_enough():
    n = episodes_needed(0.1, 0.3)
    assert power(n, 0.1, 0.3) >= 0.8 > power(n - 10, 0.1, 0.3)


def test_detectable_is_the_inverse_of_episodes_needed():
    n = episodes_needed(0.05, 0.2)
    assert detectable(n, lambda _: 0.2) == pytest.approx(0.05, abs=0.001)


def test_what_cannot_be_found():
    assert math.isnan(detectable(4, lambda d: d))
    assert math.isinf(episodes_needed(0.0005, 0.5))
    assert power(0, 0.1, 0.2) == power(100, 0.0, 0.0) == 0.0


def test_six_pairs_in_a_row_are_the_fewest_that_show_anything():
    assert power(5, 1.0, 1.0) == 0.0
    assert power(6, 1.0, 1.0) == pytest.approx(1.0)
    assert episodes_needed(1.0, 1.0) == 6


def test_discordance_is_at_least_the_difference():
    assert discordance(0.5, 1.0, correlation=0.9) == 0.5
    assert discordance(0.8, 0.8, correlation=1.0) == pytest.approx(0.0)


def test_detectable_mean_keeps_its_power():
    rng = np.random.default_rng(3)
    d = detectable_mean(400, 1.5)
    means = rng.normal(d, 1.5, (4000, 400)).mean(1)
    assert np.mean(means * 20 / 1.5 > 1.96) == pytest.approx(0.8, abs=0.02)
