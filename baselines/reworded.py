"""`reworded`: another policy that is told the same in other words; shows how much hangs on the exact instruction.

    vvla-eval --policy reworded --option policy=student --suite libero_goal

The words are changed by the table `WORDS`, from the longest phrase to the shortest, each part of an instruction once:

>>> reword("pick up the black bowl next to the plate and place it on the plate", WORDS)
'grab the dark bowl beside the dish and set it onto the dish'
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from vvla_policies.errors import PolicyError
from vvla_policies.observation import Observation
from vvla_policies.policy import BatchedPolicy, Memory
from vvla_policies.registry import load_policy

WORDS: Mapping[str, str] = {
    "pick up": "grab",
    "place it on": "set it onto",
    "place it in": "drop it into",
    "put": "place",
    "turn on": "switch on",
    "turn off": "switch off",
    "open": "pull open",
    "close": "shut",
    "push": "slide",
    "on top of": "onto",
    "on the": "onto the",
    "in the": "into the",
    "inside": "into it",
    "next to": "beside",
    "between": "in the middle of",
    "from table center": "at the centre of the table",
    "to the right of": "right of",
    "to the front of": "in front of",
    "both": "the two things,",
    "black bowl": "dark bowl",
    "plate": "dish",
    "mug": "cup",
    "stove": "cooker",
    "cabinet": "cupboard",
    "wine bottle": "bottle of wine",
}


class RewordedPolicy(BatchedPolicy):
    """Hands everything on to another policy, except the instruction, which it changes.

    Args:
        policy: name of the other policy, which must take batches.
        words: a YAML or JSON file, phrase to phrase (or instruction to instruction), in place of `WORDS`.
        **options: of the other policy.

    Raises:
        PolicyError: the file holds no such table, or the policy takes one episode at a time.
    """

    def __init__(self, policy: str, words: str | Path | None = None, **options: Any) -> None:
        inner = load_policy(policy, **options)
        if not isinstance(inner, BatchedPolicy):
            raise PolicyError(f"'{policy}' takes one episode at a time; reworded needs a policy that takes batches")
        self._inner = inner
        self._words = WORDS if words is None else _read(Path(words))
        notes = {**inner.card.notes, "words": dict(self._words)}
        self.card = replace(inner.card, name=f"{inner.card.name}, reworded", notes=notes)

    def initial_memory(self, seed: int) -> Memory:
        """The other policy's."""
        return self._inner.initial_memory(seed)

    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> Sequence[ArrayLike]:
        """The other policy's answers to the changed instructions."""
        return self._inner.act_batch(obs, [reword(text, self._words) for text in instructions], memories)

    def close(self) -> None:
        """Closes the other policy."""
        self._inner.close()


def reword(instruction: str, words: Mapping[str, str]) -> str:
    """An instruction with its phrases replaced, whole words only, longest first; what was replaced stays as it is."""
    if instruction in words:
        return words[instruction]
    phrases = sorted(words, key=len, reverse=True)
    pattern = r"\b(" + "|".join(map(re.escape, phrases)) + r")\b"
    return re.sub(pattern, lambda found: words[found[1]], instruction)


def _read(path: Path) -> dict[str, str]:
    import yaml

    try:
        told = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise PolicyError(f"cannot read words from {path}: {' '.join(str(error).split())}") from error
    if not (isinstance(told, dict) and told and all(isinstance(x, str) for pair in told.items() for x in pair)):
        raise PolicyError(f"{path} must hold a table from phrases to other phrases")
    return told
