"""Choosing the best of many options, when part of what each costs is quick to say and part is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def cheapest(options: Iterable[T], effort: Callable[[T], float], harm: Callable[[T], float], patience: int = 100) -> T:
    """The option with the least effort plus harm; the first of equals.

    Args:
        options: at least one.
        effort: quick to say; at least 0.
        harm: slow to say, asked only where it can matter; at least 0.
        patience: how often it is asked at most.

    >>> cheapest([3, -1, 2], abs, lambda x: 5.0 if x < 0 else 0.0)
    2
    """
    ranked = sorted(((effort(option), k, option) for k, option in enumerate(options)), key=lambda item: item[:2])
    best, least = ranked[0][2], float("inf")
    for cost, _, option in ranked[:patience]:
        if cost >= least:
            break
        total = cost + harm(option)
        if total < least:
            best, least = option, total
    return best
