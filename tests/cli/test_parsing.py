"""The command line's small grammars refuse what they do not understand, in one line."""

import pytest

from vvla_policies.cli.parsing import parse_options, parse_shard, parse_tasks, parse_videos, split_names
from vvla_policies.errors import VvlaError


def test_names_may_be_repeated_or_separated_by_commas():
    assert split_names(["a,b", " c "]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "tasks"),
    [(None, None), ("all", None), ("0", [0]), ("0,3,5-7", [0, 3, 5, 6, 7]), ("3,1-3", [1, 2, 3]), (" 4 - 5 ", [4, 5])],
)
def test_tasks(text, tasks):
    assert parse_tasks(text) == tasks


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,,2", "-1", "1.5", "0-"])
def test_other_task_lists_are_refused(text):
    with pytest.raises(VvlaError, match=r"such as 0,3,5-7"):
        parse_tasks(text)


def test_shards_count_from_one():
    assert parse_shard(None) is None
    assert parse_shard("4/4") == (3, 4)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0"])
def test_other_shards_are_refused(text):
    with pytest.raises(VvlaError, match="expected i/n"):
        parse_shard(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a=1.5", 1.5),
        ("a=TRUE", True),
        ("a=none", None),
        ("a=[1, 2]", [1, 2]),
        ("a=/data/w.safetensors", "/data/w.safetensors"),
        ("a=cuda:1", "cuda:1"),
        ("a=", ""),
        ("a=b=c", "b=c"),
        ("a='7'", "7"),
    ],
)
def test_option_values(text, value):
    assert parse_options([text]) == {"a": value}


def test_dashes_in_option_names_are_underscores():
    assert parse_options(["execute-steps=3"]) == {"execute_steps": 3}


@pytest.mark.parametrize("given", [["a"], ["=1"], ["a b=1"], ["a=1", "a=2"]])
def test_other_options_are_refused(given):
    with pytest.raises(VvlaError, match="--option"):
        parse_options(given)


@pytest.mark.parametrize(("text", "choice"), [("none", "none"), ("failures", "failures"), ("2", 2), ("0", "none")])
def test_videos(text, choice):
    assert parse_videos(text) == choice


@pytest.mark.parametrize("text", ["some", "-1", "1.5", ""])
def test_other_video_choices_are_refused(text):
    with pytest.raises(VvlaError, match="none, failures, all or a number"):
        parse_videos(text)
