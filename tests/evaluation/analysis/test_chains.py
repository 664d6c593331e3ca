"""Scores of chains."""

from dataclasses import replace

import pytest

from tests.evaluation.made import record
from vvla_policies.evaluation.analysis.chains import chain_score
from vvla_policies.evaluation.analysis.statistics import Count, wilson


def test_chain_score():
    lengths = [0, 1, 1, 3, 5, 5, 5, 2, 4, 4]
    found = chain_score([replace(record("calvin", 0, k, n == 5), completed=n) for k, n in enumerate(lengths)])
    assert [e.rate for e in found.reached] == [0.9, 0.7, 0.6, 0.5, 0.3]
    assert found.reached[0] == wilson(Count(9, 10))
    assert found.length == pytest.approx(sum(e.rate for e in found.reached)) == 3.0
    assert found.low < 3.0 < found.high
    assert found.n == 10
