"""Scores of chains of subtasks: how many chains got how far, and their average length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vvla_policies.evaluation.analysis.comparison import bootstrap_means
from vvla_policies.evaluation.analysis.statistics import CONFIDENCE, Count, Estimate, wilson
from vvla_policies.evaluation.records.runs import EpisodeRecord

SUBTASKS = 5


@dataclass(frozen=True)
class ChainScore:
    """How far the chains of a suite got.

    Attributes:
        reached: share of the chains with at least 1, 2, ... subtasks done in a row, with Wilson intervals.
        length: average number of subtasks done.
        low: lower end of its bootstrap interval.
        high: upper end.
        n: chains.
    """

    reached: tuple[Estimate, ...]
    length: float
    low: float
    high: float
    n: int


def chain_score(records: Sequence[EpisodeRecord], subtasks: int = SUBTASKS) -> ChainScore:
    """The score of some chains; one that ended in an error counts with what it had done.

    Args:
        records: one for each chain, at least one.
        subtasks: in a chain.
    """
    lengths = [record.completed for record in records]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(bootstrap_means(lengths), [tail, 1 - tail])
    reached = tuple(wilson(Count(sum(x >= k for x in lengths), len(lengths))) for k in range(1, subtasks + 1))
    return ChainScore(reached, sum(lengths) / len(lengths), float(low), float(high), len(lengths))
