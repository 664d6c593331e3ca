"""Reading dialogs of several episodes at once, from the start or after what was read before (key-value cache)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from vvla_policies.huggingface import import_transformers

Item = TypeVar("Item")
Answer = TypeVar("Answer")
STRIDE = 16


@dataclass(frozen=True)
class Past:
    """Keys and values of the tokens that an episode's language model has read.

    Attributes:
        layers: keys and values of each layer, (kv heads, tokens, head dim) each.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]

    def __len__(self) -> int:
        """Tokens read."""
        return int(self.layers[0][0].shape[-2])


@dataclass(frozen=True)
class Passage:
    """What one episode has to read.

    Attributes:
        embeddings: (tokens, hidden) of what is new.
        past: of what was read before, None for a new dialog.
        keep: how many of the new tokens later calls build on; the `Past` that `read` returns ends there.
    """

    embeddings: Tensor
    past: Past | None = None
    keep: int = 0

    @property
    def before(self) -> int:
        """Tokens read before."""
        return len(self.past) if self.past else 0

    def shape(self) -> tuple[int, int]:
        """New and earlier tokens, each rounded up to a multiple of `STRIDE`: its own business, not its mates'."""
        return _up(len(self.embeddings)), _up(self.before)


def read(
    language: Any, passages: Sequence[Passage], pad_to: tuple[int, int] = (0, 0)
) -> list[tuple[Tensor, Past | None]]:
    """Runs the language model over B passages of any lengths in one pass.

    New tokens are padded on the right, where causal attention cannot see the padding; earlier ones on the left, where
    a mask hides it. Positions count each episode's own tokens.

    Args:
        language: a causal language model of `transformers` without its head.
        passages: what to read.
        pad_to: at least so many new and earlier tokens.

    Returns:
        Per passage: last hidden states (tokens, hidden) of the new tokens, and its past if it keeps any.
    """
    new = max(pad_to[0], *(len(p.embeddings) for p in passages))
    before = max(pad_to[1], *(p.before for p in passages))
    first = passages[0].embeddings
    embeddings = first.new_zeros(len(passages), new, first.shape[-1])
    for row, passage in enumerate(passages):
        embeddings[row, : len(passage.embeddings)] = passage.embeddings
    arguments: dict[str, Any] = {"use_cache": False}
    cache = None
    if before or any(p.keep for p in passages):
        cache = _joined([p.past for p in passages], before)
        arguments = {"use_cache": True, "past_key_values": cache}
    if before:
        arguments |= _places(passages, before, new)
    hidden = language(inputs_embeds=embeddings, **arguments).last_hidden_state
    return [
        (hidden[row, : len(passage.embeddings)], _taken(cache, row, passage, before) if passage.keep else None)
        for row, passage in enumerate(passages)
    ]


def in_lanes(
    items: Sequence[Item],
    lanes: int,
    shape: Callable[[Item], Hashable],
    compute: Callable[[Sequence[Item]], Sequence[Answer]],
) -> list[Answer]:
    """Computes items in groups of one shape and one size, so that an answer does not depend on its mates, to the bit.

    Matrix products of other shapes may add in another order; equal shapes give a row the same answer whatever the
    other rows hold. Groups are filled up by repeating their last item.

    Args:
        items: what to compute.
        lanes: the size of every group; 0 for one group of everything, of whatever shape.
        shape: what items of a group must share.
        compute: answers a group, in its order.

    Returns:
        The answers, in the order of the items.

    >>> in_lanes([1, 2, 3], 2, lambda item: None, lambda group: [item + len(group) for item in group])
    [3, 4, 5]
    """
    if not lanes:
        return list(compute(items))
    waiting: dict[Hashable, list[int]] = {}
    for place, item in enumerate(items):
        waiting.setdefault(shape(item), []).append(place)
    answers: dict[int, Answer] = {}
    for places in waiting.values():
        for start in range(0, len(places), lanes):
            group = places[start : start + lanes]
            full = group + group[-1:] * (lanes - len(group))
            answers |= dict(zip(full, compute([items[place] for place in full]), strict=True))
    return [answers[place] for place in range(len(items))]


def _up(tokens: int) -> int:
    return -(-tokens // STRIDE) * STRIDE


def _joined(pasts: Sequence[Past | None], length: int) -> Any:
    """One cache of `transformers` for all rows, each row's own tokens at its right end."""
    cache = import_transformers().DynamicCache()
    known = next((past for past in pasts if past), None)
    if known is None:
        return cache
    for layer, pair in enumerate(known.layers):
        joined = []
        for kind, like in enumerate(pair):
            rows = like.new_zeros(len(pasts), like.shape[0], length, like.shape[2])
            for row, past in enumerate(pasts):
                if past:
                    rows[row, :, length - len(past) :] = past.layers[layer][kind]
            joined.append(rows)
        cache.update(joined[0], joined[1], layer)
    return cache


def _places(passages: Sequence[Passage], before: int, new: int) -> dict[str, Tensor]:
    """Mask over earlier and new tokens (B, before + new), and positions of the new ones (B, new)."""
    device = passages[0].embeddings.device
    own = torch.tensor([[p.before, len(p.embeddings)] for p in passages], device=device)
    columns = torch.arange(before + new, device=device)
    mask = (columns >= before - own[:, :1]) & (columns < before + own[:, 1:])
    positions = own[:, :1] + torch.arange(new, device=device)
    return {"attention_mask": mask.long(), "position_ids": positions}


def _taken(cache: Any, row: int, passage: Passage, before: int) -> Past:
    """A row's keys and values up to the last token it keeps, copied out of the batch."""
    start, end = before - passage.before, before + passage.keep
    pairs = ((layer.keys, layer.values) for layer in cache.layers)
    return Past(tuple((keys[row, :, start:end].clone(), values[row, :, start:end].clone()) for keys, values in pairs))
