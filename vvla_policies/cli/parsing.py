"""Small grammars of the command line: task lists, shards, policy options, video choices."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any, Literal

from vvla_policies.errors import VvlaError


def split_names(given: Sequence[str]) -> list[str]:
    """Names from a repeated, comma-separated option.

    >>> split_names(["libero_goal,libero_long", "libero_object"])
    ['libero_goal', 'libero_long', 'libero_object']
    """
    return [name.strip() for text in given for name in text.split(",") if name.strip()]


def parse_tasks(text: str | None) -> list[int] | None:
    """Task numbers, each once, in increasing order; None means all.

    Raises:
        VvlaError: the text is no list of numbers and ranges.

    >>> parse_tasks("0,3,5-7")
    [0, 3, 5, 6, 7]
    """
    if text is None or text.strip() == "all":
        return None
    chosen: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first:
            raise VvlaError(f"--tasks '{text}': expected numbers and ranges such as 0,3,5-7")
        chosen |= set(range(first, last + 1))
    return sorted(chosen)


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """A share of the episodes as (part from 0, parts); on the command line parts count from 1.

    Raises:
        VvlaError: not of the form i/n with 1 <= i <= n.

    >>> parse_shard("1/4")
    (0, 4)
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise VvlaError(f"--shard '{text}': expected i/n with i from 1 to n, such as 1/4 for the first quarter")
    return int(found[1]) - 1, int(found[2])


def parse_options(given: Sequence[str]) -> dict[str, Any]:
    """Policy options from repeated key=value; values are read as Python literals where they are, else as text.

    Raises:
        VvlaError: no key, no '=', or a key given twice.

    >>> parse_options(["chunk=4", "cameras=true", "path=a=b", "size=(2, 3)"])
    {'chunk': 4, 'cameras': True, 'path': 'a=b', 'size': (2, 3)}
    """
    options: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key.isidentifier():
            raise VvlaError(f"--option '{text}': expected key=value, such as --option chunk=4")
        if key in options:
            raise VvlaError(f"--option '{key}' is given twice")
        options[key] = _literal(value.strip())
    return options


def parse_policy_options(given: Sequence[str], **named: str | None) -> dict[str, Any]:
    """A policy's options; those that have names of their own on the command line come by name.

    Raises:
        VvlaError: one is given both ways.

    >>> parse_policy_options(["chunk=4"], checkpoint="folder", device=None)
    {'chunk': 4, 'checkpoint': 'folder'}
    """
    options = parse_options(given)
    for name, value in named.items():
        if value is not None and name in options:
            raise VvlaError(f"give --{name} or --option {name}=..., not both")
    return {**options, **{name: value for name, value in named.items() if value is not None}}


def parse_videos(text: str) -> Literal["none", "failures", "all"] | int:
    """Which episodes to draw: "none", "failures", "all" or a number per task.

    Raises:
        VvlaError: something else.

    >>> parse_videos("3"), parse_videos("all")
    (3, 'all')
    """
    words: dict[str, Literal["none", "failures", "all"]] = {"none": "none", "failures": "failures", "all": "all"}
    if text in words:
        return words[text]
    if text.isdigit():
        return int(text) or "none"
    raise VvlaError(f"--videos '{text}': expected none, failures, all or a number (so many episodes per task)")


def _literal(text: str) -> Any:
    if text.lower() in {"true", "false", "none"}:
        return {"true": True, "false": False, "none": None}[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
