"""Lessons: batches of questions and answers about the pictures of cached demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.data.batches import Batch, CachedWindows
from vvla_policies.distill.data.cache import CachedFile, make_whole
from vvla_policies.distill.lessons.questions import Examiner
from vvla_policies.distill.lessons.truths import Truths
from vvla_policies.student.tokens import PAD, ChatLayout

TRUTHS = "truths.npz"


class Lessons:
    """Draws each item's questions from its own number and epoch: `CachedWindows.lessons`.

    Args:
        files: of the windows.
        windows: whose items are asked about, each about its last frame.
        layout: of the dialogs.
        count: questions of each item.
        seed: of the questions.
    """

    def __init__(
        self, files: Sequence[CachedFile], windows: CachedWindows, layout: ChatLayout, count: int, seed: int
    ) -> None:
        self._examiners = [Examiner(cached_truths(file), file.instruction) for file in files]
        self._windows = windows
        self._layout = layout
        self._count, self._seed = count, seed

    def __call__(self, pairs: NDArray[np.int64]) -> Batch:
        """Dialogs of items.

        Args:
            pairs: (B, 2), epoch and number of each.

        Returns:
            "ids" int64 (B, L), padded on the right, and "said" bool (B, L), what the language model is to say.
        """
        dialogs = []
        for (epoch, number), (file, row) in zip(pairs.tolist(), self._windows.rows(pairs[:, 1]), strict=True):
            rng = np.random.default_rng([self._seed, epoch, number])
            dialogs.append(self._layout.lesson(self._examiners[file].ask(int(row), self._count, rng)))
        shape = len(dialogs), max(len(ids) for ids, _ in dialogs)
        ids, said = np.full(shape, PAD, dtype=np.int64), np.zeros(shape, dtype=bool)
        for k, (tokens, marks) in enumerate(dialogs):
            ids[k, : len(tokens)], said[k, : len(tokens)] = tokens, marks
        return {"ids": ids, "said": said}


def cached_truths(file: CachedFile) -> Truths:
    """The truths of a file of demonstrations, kept beside its pictures once they are known.

    Raises:
        RecordError: see `Source.truths`; or they cannot be kept.
    """
    path = file.folder / TRUTHS
    if not path.exists():
        truths = asdict(file.origin.truths(file.demos))
        make_whole(path, lambda work: np.savez(work, **truths))
    with np.load(path) as stored:
        told = {name: stored[name] for name in stored.files}
    names = {"things", "categories", "joints", "interest", "surfaces"} & told.keys()
    return Truths(**{**told, **{name: tuple(told[name].tolist()) for name in names}})
