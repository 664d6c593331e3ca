"""Questions about pictures, with the simulator's answers: what a vision-language model is taught before it acts.

where is the plate                      -> 29 46           third-person picture, 64 x 64 places from the upper left
where is the plate in the hand view     -> 15 12           the wrist's picture; "nowhere" if it is not in it
where to begin to put the bowl on the plate  -> 32 38      what the task moves first
where to end to put the bowl on the plate    -> 29 46      where it belongs
what is held                            -> nothing
is the top drawer open                  -> no
what is under the red block             -> table          CALVIN alone
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.lessons.truths import REGION, Truths

PLACES = 64
NOWHERE, NOTHING, YES, NO = "nowhere", "nothing", "yes", "no"
NAMES = {
    "akita_black_bowl": "black bowl",
    "bbq_sauce": "bbq sauce",
    "black_book": "black book",
    "chefmate_8_frypan": "frying pan",
    "cookies": "cookie box",
    "desk_caddy": "caddy",
    "flat_stove": "stove",
    "glazed_rim_porcelain_ramekin": "ramekin",
    "new_salad_dressing": "salad dressing",
    "porcelain_mug": "white mug",
    "red_coffee_mug": "red mug",
    "white_cabinet": "cabinet",
    "white_yellow_mug": "yellow and white mug",
    "wooden_cabinet": "cabinet",
    "wooden_tray": "tray",
    "wooden_two_layer_shelf": "shelf",
}
"""What LIBERO's instructions call a category, where that is not its name with spaces."""

MECHANISMS = {
    "top_level": "is the top drawer open",
    "middle_level": "is the middle drawer open",
    "bottom_level": "is the bottom drawer open",
    "microjoint": "is the microwave open",
    "base__drawer": "is the drawer open",
    "base__slide": "is the sliding door on the left",
    "lightbulb": "is the light bulb on",
    "led": "is the led light on",
}
"""End of a joint's name to a question about it, whose answer is no at the upper end of `Truths.openness`."""
_OPEN, _CLOSED = 0.3, 0.8

Question = tuple[str, str]
Asker = Callable[[int, np.random.Generator], Question | None]


class Examiner:
    """Asks about frames of one task.

    Args:
        truths: of its frames.
        instruction: of the task.
    """

    def __init__(self, truths: Truths, instruction: str) -> None:
        self._truths = truths
        self._instruction = instruction
        self._names = [called(category) for category in truths.categories]
        count = Counter(self._names)
        self._single = [k for k, name in enumerate(self._names) if count[name] == 1 and name != REGION]
        self._goals = [truths.things.index(name) for name in truths.interest if name in truths.things]
        self._mechanisms = {
            k: question
            for k, joint in enumerate(truths.joints)
            for ending, question in MECHANISMS.items()
            if joint.endswith(ending)
        }
        self._lying = np.flatnonzero((truths.under >= 0).any(axis=0))
        self._askers: list[Asker] = [self._where, self._where, self._where_in_hand, self._where_in_hand, self._held]
        self._askers += [self._begin, self._end] if self._goals else []
        self._askers += [self._open] if self._mechanisms else []
        self._askers += [self._under] if len(self._lying) else []

    def ask(self, frame: int, count: int, rng: np.random.Generator) -> list[Question]:
        """So many questions and answers about a frame, drawn from `rng`."""
        asked: list[Question] = []
        while len(asked) < count:
            question = self._askers[rng.integers(len(self._askers))](frame, rng)
            if question is not None:
                asked.append(question)
        return asked

    def _where(self, frame: int, rng: np.random.Generator) -> Question | None:
        thing = int(rng.choice(self._single))
        place = _place(self._truths.points[frame, thing, 0])
        return None if place == NOWHERE else (f"where is the {self._names[thing]}", place)

    def _where_in_hand(self, frame: int, rng: np.random.Generator) -> Question | None:
        thing = int(rng.choice(self._single))
        place = _place(self._truths.points[frame, thing, 1])
        if place == NOWHERE and rng.random() < 0.5:  # most things are out of the wrist's view most of the time
            return None
        return f"where is the {self._names[thing]} in the hand view", place

    def _begin(self, frame: int, rng: np.random.Generator) -> Question | None:
        place = _place(self._truths.points[frame, self._goals[0], 0])
        return None if place == NOWHERE else (f"where to begin to {self._instruction}", place)

    def _end(self, frame: int, rng: np.random.Generator) -> Question | None:
        place = _place(self._truths.points[frame, self._goals[-1], 0])
        return None if place == NOWHERE else (f"where to end to {self._instruction}", place)

    def _held(self, frame: int, rng: np.random.Generator) -> Question | None:
        held = self._truths.held[frame]
        if held < 0:
            return ("what is held", NOTHING) if rng.random() < 0.5 else None
        return "what is held", self._names[held]

    def _open(self, frame: int, rng: np.random.Generator) -> Question | None:
        joint = int(rng.choice(list(self._mechanisms)))
        share = self._truths.openness[frame, joint]
        if _OPEN < share < _CLOSED:
            return None
        return self._mechanisms[joint], YES if share <= _OPEN else NO

    def _under(self, frame: int, rng: np.random.Generator) -> Question | None:
        thing = int(rng.choice(self._lying))
        surface = self._truths.under[frame, thing]
        if surface < 0:
            return None
        return f"what is under the {self._names[thing]}", called(self._truths.surfaces[surface])


def called(category: str) -> str:
    """What a category is called in instructions.

    >>> called("akita_black_bowl"), called("wine_bottle")
    ('black bowl', 'wine bottle')
    """
    return NAMES.get(category, category.replace("_", " "))


def vocabulary() -> list[str]:
    """Words of questions and answers, beyond those of the instructions."""
    phrases = [*NAMES.values(), *MECHANISMS.values(), "where is the in hand view to begin end what held under"]
    return [*dict.fromkeys(" ".join([*phrases, NOWHERE, NOTHING, YES, NO]).split()), *map(str, range(PLACES))]


def _place(point: NDArray[np.float32]) -> str:
    if np.isnan(point).any():
        return NOWHERE
    column, row = (point * PLACES).astype(int)
    return f"{column} {row}"
