"""The same policy, told in other words."""

import numpy as np
import pytest
from vvla_policies.baselines.reworded import WORDS, reword

from vvla_policies import load_policy
from vvla_policies.errors import PolicyError
from vvla_policies.policy import BatchedPolicy, PolicyCard

REWORDED = "vvla_policies.baselines.reworded:RewordedPolicy"


class Parrot(BatchedPolicy):
    """Remembers what it was told."""

    def __init__(self, voice="plain"):
        self.card = PolicyCard(name="parrot", reads=(), notes={"voice": voice})
        self.heard = []

    def act_batch(self, obs, instructions, memories):
        self.heard += instructions
        return [np.full((1, 7), 0.5) for _ in obs]


@pytest.mark.libero
def test_every_instruction_of_libero_changes():
    from vvla_policies.envs.suite import load_suite

    for suite in ("libero_spatial", "libero_object", "libero_goal", "libero_long"):
        told = [task.instruction for task in load_suite(suite).tasks]
        changed = [reword(text, WORDS) for text in told]
        assert all(a != b for a, b in zip(told, changed, strict=True))
        assert len(set(changed)) == len(set(told))


def test_only_the_words_change():
    policy = load_policy(REWORDED, policy=f"{__name__}:Parrot", voice="loud")
    memory = policy.initial_memory(3)
    (chunk,) = policy.act_batch([{}], ["put the mug on the plate"], [memory])
    assert policy._inner.heard == ["place the cup onto the dish"]
    assert np.array_equal(chunk, np.full((1, 7), 0.5))
    assert policy.card.name == "parrot, reworded"
    assert policy.card.notes["voice"] == "loud"


def test_words_from_a_file(tmp_path):
    words = tmp_path / "words.yaml"
    words.write_text("turn on the stove: heat it\nbowl: dish\n")
    policy = load_policy(REWORDED, policy=f"{__name__}:Parrot", words=str(words))
    policy.act_batch([{}] * 2, ["turn on the stove", "put the bowl on the bowls"], [policy.initial_memory(0)] * 2)
    assert policy._inner.heard == ["heat it", "put the dish on the bowls"]


@pytest.mark.parametrize("text", ["- 1", "a: 2", "{", ""])
def test_a_broken_file_is_one_line(tmp_path, text):
    words = tmp_path / "words.yaml"
    words.write_text(text)
    with pytest.raises(PolicyError, match="words") as caught:
        load_policy(REWORDED, policy=f"{__name__}:Parrot", words=str(words))
    assert "\n" not in str(caught.value)
