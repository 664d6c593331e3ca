"""Comparisons of made-up runs: what is compared, what is refused, what is said."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from vvla_policies.envs.suite import ALIASES

from tests.evaluation.made import record, run_of
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.analysis.contrasts import compare
from vvla_policies.evaluation.reports.contrast_tables import render

LIBERO = ALIASES["libero"]


def outcomes(folder, successes, suite="libero_goal", **conditions):
    """A run over the tasks of a suite; `successes` is (tasks, episodes)."""
    records = [record(suite, t, k, bool(s)) for t, row in enumerate(successes) for k, s in enumerate(row)]
    return run_of(folder, records, **conditions)


def two(rates, tasks=10, episodes=50, seed=0, correlation=0.5):
    """Two runs of policies with known rates whose outcomes hang together."""
    rng = np.random.default_rng(seed)
    shared, apart = rng.uniform(size=(tasks, episodes)), rng.uniform(size=(2, tasks, episodes))
    alike = rng.uniform(size=(tasks, episodes)) < correlation
    draws = np.where(alike, shared, apart)
    return {name: outcomes(name, d < r) for name, d, r in zip("ab", draws, rates, strict=True)}


def test_a_clear_difference_is_found():
    comparison = compare(two((0.7, 0.85)))
    (found,) = comparison.contrasts
    assert found.p < 0.001
    assert found.difference.low > 0
    assert found.difference.low < 0.15 < found.difference.high
    assert "b is better than a" in render(comparison)


def test_equal_policies_are_said_to_be_without_evidence_and_what_could_have_been_shown():
    comparison = compare(two((0.8, 0.8)))
    (found,) = comparison.contrasts
    assert found.p > 0.05
    text = " ".join(render(comparison).split())
    assert "no evidence that a and b differ" in text
    assert f"500 episodes show {100 * found.detectable:.1f} points or more" in text


def test_known_rates_are_told_apart_as_often_as_planned():
    """80 and 90 %, 250 episodes: the planned power against comparisons of whole runs."""
    from vvla_policies.evaluation.analysis.power import discordance, power

    found = [compare(two((0.8, 0.9), 2, 125, k, correlation=0)).contrasts[0].p <= 0.05 for k in range(60)]
    assert np.mean(found) == pytest.approx(power(250, 0.1, discordance(0.8, 0.9)), abs=0.12)


def test_only_shared_episodes_count():
    a = outcomes("a", np.ones((2, 10)))
    b = outcomes("b", np.zeros((2, 4)))
    comparison = compare({"a": a, "b": b})
    assert comparison.contrasts[0].n == 8
    assert comparison.left_out == {"a": 12, "b": 0}
    assert "left out: 12 of a" in render(comparison)


def test_several_policies_are_adjusted_for_their_number():
    rng = np.random.default_rng(1)
    runs = {name: outcomes(name, rng.uniform(size=(10, 20)) < 0.5) for name in "abcd"}
    comparison = compare(runs)
    assert len(comparison.contrasts) == 6
    assert all(c.adjusted >= c.p for c in comparison.contrasts)
    assert "p (Holm)" in render(comparison)


def test_a_difference_between_tasks_widens_the_interval_over_tasks():
    a = outcomes("a", np.repeat([[0], [1]] * 5, 50, axis=1))
    b = outcomes("b", np.repeat([[1], [1], [1], [1], [0]] * 2, 50, axis=1))
    (found,) = compare({"a": a, "b": b}).contrasts
    assert found.over_tasks.high - found.over_tasks.low > 3 * (found.difference.high - found.difference.low)


def test_four_suites_have_a_mean():
    runs = {}
    for name, rate in (("a", 0.5), ("b", 0.75)):
        records = [record(s, t, k, k < 4 * rate) for s in LIBERO for t in range(2) for k in range(4)]
        runs[name] = run_of(name, records)
    comparison = compare(runs)
    mean = comparison.contrasts[-1]
    assert (mean.suite, mean.n, mean.difference.value) == ("libero", 32, pytest.approx(0.25))
    assert comparison.standings[-1].mean == 0.75
    assert "libero, mean of 4" in render(comparison)


def test_chains_are_compared_by_their_lengths():
    rng = np.random.default_rng(2)

    def chains(folder, rate):
        lengths = np.minimum(rng.geometric(1 - rate, 300) - 1, 5)
        records = [replace(record("calvin_abc_d", 0, k, n == 5), completed=int(n)) for k, n in enumerate(lengths)]
        run = run_of(folder, records)
        suites = {"calvin_abc_d": replace(run.manifest.suites["calvin_abc_d"], benchmark="calvin")}
        return replace(run, manifest=replace(run.manifest, suites=suites)), lengths

    (a, lengths_a), (b, lengths_b) = chains("a", 0.7), chains("b", 0.9)
    comparison = compare({"a": a, "b": b})
    (found,) = comparison.contrasts
    assert found.chained
    assert found.difference.value == pytest.approx(lengths_b.mean() - lengths_a.mean())
    assert found.difference.low > 0
    text = render(comparison)
    assert "Average length" in text
    assert "subtasks" in text
    assert "McNemar" not in text


@pytest.mark.parametrize(
    ("conditions", "said"), [({"protocol": "lerobot"}, "protocol"), ({"assets": "official"}, "assets")]
)
def test_runs_under_other_conditions_do_not_compare(conditions, said):
    a, b = outcomes("a", np.ones((1, 2))), outcomes("b", np.ones((1, 2)), **conditions)
    with pytest.raises(RecordError, match=f"a and b do not compare: libero_goal has {said}"):
        compare({"a": a, "b": b})


def test_another_simulator_is_noted():
    a, b = outcomes("a", np.ones((1, 2))), outcomes("b", np.ones((1, 2)), mujoco="3.3.7")
    assert "a and b were not run alike: mujoco: '3.3.2' and '3.3.7'." in render(compare({"a": a, "b": b}))


def test_episodes_that_started_otherwise_do_not_compare():
    a, b = outcomes("a", np.ones((1, 2))), outcomes("b", np.ones((1, 2)))
    a, b = (replace(r, records=tuple(replace(x, fixtures=p) for x in r.records)) for r, p in ((a, "1"), (b, "2")))
    with pytest.raises(RecordError, match="did not start alike in a, b"):
        compare({"a": a, "b": b})


def test_nothing_to_compare():
    a = outcomes("a", np.ones((1, 2)))
    with pytest.raises(RecordError, match="two or more"):
        compare({"a": a})
    with pytest.raises(RecordError, match="a, b share no episode: run them on"):
        compare({"a": a, "b": outcomes("b", np.ones((1, 2)), suite="libero_object")})


def test_csv_and_markdown():
    comparison = compare(two((0.7, 0.85)))
    (row,) = csv.DictReader(io.StringIO(render(comparison, "csv")))
    assert float(row["difference"]) == pytest.approx(comparison.contrasts[0].difference.value, abs=1e-5)
    assert float(row["low"]) < float(row["difference"]) < float(row["high"])
    assert "| libero_goal |" in render(comparison, "markdown").replace("  ", " ").replace("  ", " ")


@pytest.mark.parametrize("width", [80, 100])
def test_a_single_pair_fits_the_terminal(width):
    assert max(map(len, render(compare(two((0.7, 0.85))), width=width).splitlines())) <= width
