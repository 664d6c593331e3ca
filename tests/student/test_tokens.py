"""The dialog: its order on a readable example, and the instruction tokenizer."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from tests.student.small import layout, tiny_config
from vvla_policies.distill.lessons.questions import vocabulary
from vvla_policies.errors import VvlaError
from vvla_policies.student.tokens import ACTION, IMAGE, PAD, STATE, instruction_tokenizer, load_tokenizer


def shown(ids: list[int]) -> str:
    """Ids as text: <image> for each visual token, <state>, <action>."""
    names = {IMAGE: "<image>", ACTION: "<action>", STATE: "<state>", PAD: "<pad>"}
    tokenizer = instruction_tokenizer()
    return "".join(names.get(i) or tokenizer.decode([i]) for i in ids)


def test_a_dialog_reads_as_chatml_with_places() -> None:
    config = tiny_config(image_size=14, system="Act.")
    assert config.visual_tokens == 1
    assert shown(layout(config).dialog("open the drawer", steps=2)) == (
        "<|im_start|>system\nact.<|im_end|>\n"
        "<|im_start|>user\n<image> <image> open the drawer <state><|im_end|>\n"
        "<|im_start|>assistant\n<action> <action> <action><|im_end|>\n"
        "<|im_start|>user\n<image> <image> open the drawer <state><|im_end|>\n"
        "<|im_start|>assistant\n<action> <action> <action><|im_end|>\n"
    )


def test_counts_are_free_and_an_empty_instruction_is_left_out() -> None:
    config = tiny_config(action_tokens=5)
    turn = layout(config).round("")
    assert turn.count(IMAGE) == 2 * config.visual_tokens == 8
    assert (turn.count(STATE), turn.count(ACTION)) == (1, 5)
    assert shown([i for i in turn if i != IMAGE]).startswith("<|im_start|>user\n  <state><|im_end|>")


def test_no_system_round_where_there_is_no_text() -> None:
    assert layout(tiny_config(system="")).prefix == []


def test_dialogs_of_a_batch_are_padded_on_the_right() -> None:
    ids = layout(tiny_config()).batch(["open the drawer", "push"], steps=1)
    assert ids.shape[0] == 2
    assert (ids[0] != PAD).all()
    assert ids[1].tolist()[-2:] == [PAD, PAD]


def test_every_word_of_the_benchmarks_is_one_token() -> None:
    tokenizer = instruction_tokenizer()
    words = files("vvla_policies.student").joinpath("words.txt").read_text().split()
    assert set(vocabulary()) <= set(words)
    assert all(len(tokenizer(f" {word}")["input_ids"]) == 1 for word in words)
    assert len(tokenizer) <= 768
    assert tokenizer(" Take")["input_ids"] == tokenizer(" take")["input_ids"]


@pytest.mark.libero
def test_the_words_are_those_of_libero() -> None:
    from vvla_policies.envs.suite import load_suite

    words = set(files("vvla_policies.student").joinpath("words.txt").read_text().split())
    suites = ("libero_spatial", "libero_object", "libero_goal", "libero_long", "libero_90")
    tasks = [task for suite in suites for task in load_suite(suite).tasks]
    assert len(tasks) == 130
    assert {word for task in tasks for word in task.instruction.lower().split()} <= words


def test_any_text_can_be_read() -> None:
    tokenizer = instruction_tokenizer()
    text = " grasp the zebra's café mug"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_tokenizer_is_made_the_same_each_time() -> None:
    first = instruction_tokenizer().backend_tokenizer.to_str()
    instruction_tokenizer.cache_clear()
    assert instruction_tokenizer().backend_tokenizer.to_str() == first


def test_a_missing_tokenizer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(VvlaError, match="no tokenizer at"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_comes_from_its_folder(tmp_path: Path) -> None:
    instruction_tokenizer().save_pretrained(tmp_path)
    text = "<|im_start|>user\n put the bowl on the stove <|im_end|>\n"
    assert load_tokenizer(tmp_path)(text)["input_ids"] == instruction_tokenizer()(text)["input_ids"]
