"""What is remembered of an episode, and which predicted steps are executed."""

from __future__ import annotations

import numpy as np
import pytest

from vvla_policies.errors import PolicyError, UnknownNameError
from vvla_policies.execution import SEER, VITA_VLA, EpisodeMemory, Execution, execute, follow, remember, window


def prediction(call: int, steps: int = 3, opened: float = 0.9) -> np.ndarray:
    """Arm entries say which call predicted them, and for which step from it."""
    arm = np.array([[call + 0.01 * k] * 6 for k in range(steps)])
    return np.concatenate([arm, np.full((steps, 1), opened)], axis=1)


def test_index_executes_one_predicted_step() -> None:
    chosen = execute(EpisodeMemory(0), prediction(5), Execution(mode="index", index=1))
    assert chosen.shape == (1, 7)
    assert chosen.dtype == np.float32
    np.testing.assert_allclose(chosen[0], [5.01] * 6 + [1.0], atol=1e-6)


@pytest.mark.parametrize(("steps", "count"), [(0, 3), (2, 2)])
def test_chunk_executes_several(steps: int, count: int) -> None:
    settings = Execution(mode="chunk", steps=steps)
    assert len(execute(EpisodeMemory(0), prediction(0), settings)) == count == settings.length(3)


def test_gripper_opens_above_the_threshold() -> None:
    for probability, command in ((0.5, -1.0), (0.51, 1.0), (0.0, -1.0)):
        chosen = execute(EpisodeMemory(0), prediction(0, opened=probability), Execution())
        assert (chosen[:, -1] == command).all()
    assert (execute(EpisodeMemory(0), prediction(0, opened=0.6), Execution(threshold=0.7))[:, -1] == -1).all()


def test_ensemble_is_the_weighted_mean_of_what_was_predicted_for_now() -> None:
    settings, memory = Execution(mode="ensemble"), EpisodeMemory(0)
    calls = [np.random.default_rng(k).uniform(0, 1, (3, 7)).astype(np.float32) for k in range(6)]
    for now, newest in enumerate(calls):
        chosen = execute(memory, newest, settings)
        # Oldest first: call c predicted this step as its row now - c.
        rows = [calls[c][now - c] for c in range(now + 1) if now - c < 3]
        weights = [np.exp(-0.01 * i) for i in range(len(rows))]
        mean = sum(w * r.astype(np.float64) for w, r in zip(weights, rows, strict=True)) / sum(weights)
        np.testing.assert_allclose(chosen[0, :6], mean[:6], atol=1e-6)
        assert chosen[0, 6] == (1.0 if mean[6] > 0.5 else -1.0)


def test_history_forgets_the_oldest() -> None:
    memory, settings = EpisodeMemory(0), Execution(history=3)
    for k in range(5):
        remember(memory, k, settings)
    assert window(memory, settings) == [2, 3, 4]


def test_padding_repeats_the_newest_frame() -> None:
    memory, settings = EpisodeMemory(0), Execution(history=4, pad=True)
    remember(memory, "a", settings)
    assert window(memory, settings) == ["a"] * 4
    remember(memory, "b", settings)
    assert window(memory, settings) == ["a", "b", "b", "b"]
    assert memory.frames == ["a", "b"]


def test_a_new_instruction_starts_afresh() -> None:
    memory, settings = EpisodeMemory(0), Execution(history=4, mode="ensemble")
    follow(memory, "open the drawer")
    remember(memory, 1, settings)
    execute(memory, prediction(0), settings)
    follow(memory, "open the drawer")
    assert memory.frames == [1]
    follow(memory, "close the drawer")
    assert (memory.frames, memory.predictions, memory.text) == ([], [], None)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'ensemble'"):
        Execution(mode="ensembel")  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match="at least 1"):
        Execution(history=0)
    with pytest.raises(PolicyError, match="needs 4 predicted steps; the model predicts 3"):
        execute(EpisodeMemory(0), prediction(0), Execution(mode="index", index=3))
    with pytest.raises(PolicyError, match="not \\(7,\\)"):
        execute(EpisodeMemory(0), np.zeros(7), Execution())


def test_presets_are_the_papers() -> None:
    assert (SEER["calvin"].history, SEER["calvin"].mode, SEER["calvin"].index) == (10, "index", 0)
    assert (VITA_VLA["calvin"].history, VITA_VLA["calvin"].index, VITA_VLA["calvin"].pad) == (10, 1, True)
    for table in (SEER, VITA_VLA):
        assert (table["libero"].history, table["libero"].mode, table["libero"].decay) == (7, "ensemble", 0.01)
        assert Execution(**table["libero"].to_json()) == table["libero"]
