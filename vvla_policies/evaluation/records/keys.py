"""What names an episode, and what its result is a function of."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, order=True)
class EpisodeKey:
    """What an episode's result is a function of, within one run (protocol, assets and policy are the run's).

    Attributes:
        suite: name of the suite.
        task: number of the task in the suite.
        init_state: number of the recorded initial state.
        seed: the run's seed, plus one for each time the initial states were used up.
    """

    suite: str
    task: int
    init_state: int
    seed: int

    def __str__(self) -> str:
        """The key as it stands in records and file names.

        >>> str(EpisodeKey("libero_long", 3, 12, 0))
        'libero_long-t03-i12-s0'
        """
        return f"{self.suite.replace(':', '.')}-t{self.task:02d}-i{self.init_state:02d}-s{self.seed}"

    def stream(self, purpose: str) -> int:
        """A seed below 2**31 for one purpose ("env", "policy"), independent of all others."""
        words = [zlib.crc32(text.encode()) for text in (self.suite, purpose)]
        entropy = np.random.SeedSequence([*words, self.task, self.init_state, self.seed])
        return int(entropy.generate_state(1)[0] >> 1)


def parse_key(text: str, suite: str) -> EpisodeKey:
    """The inverse of `str(key)`.

    >>> parse_key("libero_long-t03-i12-s0", "libero_long")
    EpisodeKey(suite='libero_long', task=3, init_state=12, seed=0)
    """
    task, state, seed = (int(part[1:]) for part in text.rsplit("-", 3)[1:])
    return EpisodeKey(suite, task, state, seed)
