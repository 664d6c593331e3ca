"""From predictions to actions: what an episode remembers, which predicted steps are executed, when the gripper closes.

Shared by teacher and student. At each call a model predicts T steps (T, 7): six arm values in [-1, 1] and the
probability that the gripper is open. `Execution` says what becomes of them; its presets are the papers' settings.

    follow(memory, instruction)                         # a new instruction starts the memory afresh
    remember(memory, frame, settings)                   # the newest frame's encoding joins the history
    frames = window(memory, settings)                   # what the model reads; its answer is that at the last frame
    actions = execute(memory, prediction, settings)     # (T', 7), gripper +1 or -1
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vvla_policies.errors import PolicyError, UnknownNameError
from vvla_policies.policy import ACTION_DIM, ActionChunk, Memory

Mode = Literal["index", "ensemble", "chunk"]


@dataclass(frozen=True)
class Execution:
    """How predictions become actions.

    Attributes:
        history: frames the model reads, the newest included.
        pad: fill a short history by repeating its newest frame, and read the answer at the last place; otherwise the
            window grows up to `history`.
        mode: "index" executes one predicted step per call; "ensemble" the weighted mean of what the last calls
            predicted for now, one action per call; "chunk" several predicted steps without looking again.
        index: the predicted step that "index" executes, 0 the first.
        steps: how many predicted steps "chunk" executes; 0 for all of them.
        decay: "ensemble" weights the i-th oldest prediction by exp(-decay i).
        threshold: the gripper opens where its probability is above this.
    """

    history: int = 1
    pad: bool = False
    mode: Mode = "chunk"
    index: int = 0
    steps: int = 0
    decay: float = 0.01
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise UnknownNameError("execution mode", self.mode, list(get_args(Mode)))
        if self.history < 1 or self.index < 0 or self.steps < 0:
            raise PolicyError(f"history must be at least 1, index and steps at least 0: {self}")

    def length(self, predicted: int) -> int:
        """How many actions a call returns when the model predicts that many (`PolicyCard.chunk`).

        Raises:
            PolicyError: the settings ask for more steps than are predicted.
        """
        needed = {"index": self.index + 1, "chunk": self.steps, "ensemble": 1}[self.mode]
        if needed > predicted:
            raise PolicyError(f"execution '{self.mode}' needs {needed} predicted steps; the model predicts {predicted}")
        return (self.steps or predicted) if self.mode == "chunk" else 1

    def to_json(self) -> dict[str, Any]:
        """Plain data for a card or a record; `Execution(**data)` is its inverse."""
        return asdict(self)


SEER: dict[str, Execution] = {
    "calvin": Execution(history=10, mode="index", index=0),
    "libero": Execution(history=7, mode="ensemble"),
}
"""Seer's evaluation scripts, by benchmark. Seer pads on CALVIN, but its mask hides the padding, so it is left out."""

VITA_VLA: dict[str, Execution] = {
    "calvin": Execution(history=10, pad=True, mode="index", index=1),
    "libero": Execution(history=7, mode="ensemble"),
}
"""VITA-VLA's evaluation scripts (arXiv 2510.09607), by benchmark."""


class EpisodeMemory(Memory):
    """What a model keeps of one episode, or of one subtask of a chain.

    Attributes:
        instruction: what the remembered frames were asked about; None before the first.
        frames: encodings of the last frames, oldest first; at most `Execution.history`.
        predictions: float32 (T, 7) each, of the last calls, oldest first; at most T.
        text: the instruction's encoding, None until it is made.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.instruction: str | None = None
        self.frames: list[Any] = []
        self.predictions: list[NDArray[np.float32]] = []
        self.text: Any = None


def follow(memory: EpisodeMemory, instruction: str) -> None:
    """Starts the memory afresh when the instruction is a new one."""
    if memory.instruction != instruction:
        memory.instruction, memory.text = instruction, None
        memory.frames.clear()
        memory.predictions.clear()


def remember(memory: EpisodeMemory, frame: Any, settings: Execution) -> None:
    """Adds the newest frame's encoding and forgets those that have left the history."""
    memory.frames.append(frame)
    del memory.frames[: -settings.history]


def window(memory: EpisodeMemory, settings: Execution) -> list[Any]:
    """The frames that the model reads, oldest first; its answer is the one at the last of them.

    >>> memory = EpisodeMemory(0)
    >>> memory.frames = ["a", "b"]
    >>> window(memory, Execution(history=4, pad=True))
    ['a', 'b', 'b', 'b']
    >>> window(memory, Execution(history=4))
    ['a', 'b']
    """
    missing = settings.history - len(memory.frames) if settings.pad else 0
    return memory.frames + memory.frames[-1:] * missing


def execute(memory: EpisodeMemory, prediction: NDArray[np.floating[Any]], settings: Execution) -> ActionChunk:
    """Chooses what is executed of the newest prediction and, for "ensemble", of those before it.

    Args:
        memory: of the episode; remembers the prediction where later calls need it.
        prediction: (T, 7), row k for k steps from now: arm in [-1, 1], probability that the gripper is open.
        settings: how to choose.

    Returns:
        float32 (T', 7) with T' = `settings.length(T)`; gripper +1 open, -1 closed.
    """
    newest = np.array(prediction, dtype=np.float32)
    if newest.ndim != 2 or newest.shape[1] != ACTION_DIM:
        raise PolicyError(f"a prediction is (T, {ACTION_DIM}), not {newest.shape}")
    count = settings.length(len(newest))
    if settings.mode == "ensemble":
        chosen = _ensemble(memory, newest, settings.decay)
    elif settings.mode == "index":
        chosen = newest[settings.index : settings.index + 1]
    else:
        chosen = newest[:count]
    return threshold_gripper(chosen, settings.threshold)


def threshold_gripper(actions: NDArray[np.float32], threshold: float = 0.5) -> ActionChunk:
    """A copy of (T, 7) with the gripper's probability turned into a command: +1 above the threshold, else -1."""
    out = actions.copy()
    out[:, -1] = np.where(actions[:, -1] > threshold, 1.0, -1.0)
    return out


def _ensemble(memory: EpisodeMemory, newest: NDArray[np.float32], decay: float) -> NDArray[np.float32]:
    """The weighted mean of what the last T calls, one step apart, predicted for now: (1, 7)."""
    memory.predictions.append(newest)
    del memory.predictions[: -len(newest)]
    age = range(len(memory.predictions) - 1, -1, -1)
    now = np.stack([past[k] for past, k in zip(memory.predictions, age, strict=True)]).astype(np.float64)
    weights = np.exp(-decay * np.arange(len(now)))
    return np.asarray((weights / weights.sum()) @ now, dtype=np.float32)[None]
