"""The dialog a student reads: ChatML rounds with places for pictures, state and actions (VITA-VLA's layout).

One round per step of the history, the same instruction each time (line breaks shown as they are):

    <|im_start|>system
    ...<|im_end|>
    <|im_start|>user
    <image> <image> put the bowl on the plate <state><|im_end|>
    <|im_start|>assistant
    <action> <action> <action><|im_end|>

`<image>` stands for all visual tokens of a picture, third-person first. Places are negative numbers among the token
ids; the network puts embeddings there. Attention is causal over the whole dialog, so actions come last in their step.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vvla_policies.errors import VvlaError
from vvla_policies.huggingface import import_transformers
from vvla_policies.student.config import CAMERAS, StudentConfig

IMAGE, ACTION, STATE = -200, -400, -401
PAD = -1
MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_VOCABULARY = 768


class ChatLayout:
    """Turns an instruction and a number of steps into token ids.

    Args:
        tokenizer: any tokenizer of `transformers` that knows ChatML's marks.
        config: says how many visual and action tokens a step has.
    """

    def __init__(self, tokenizer: Any, config: StudentConfig) -> None:
        self._encode = lambda text: list(tokenizer(text, add_special_tokens=False)["input_ids"])
        system = f"<|im_start|>system\n{config.system}<|im_end|>\n" if config.system else ""
        self.prefix: list[int] = self._encode(system) if system else []
        self._picture = [IMAGE] * config.visual_tokens
        space = self._encode(" ")
        self._actions = [token for _ in range(config.action_tokens) for token in (*space, ACTION)][len(space) :]
        self._rounds: dict[str, list[int]] = {}

    def round(self, instruction: str) -> list[int]:
        """Ids of one step: its user and its assistant turn."""
        if instruction not in self._rounds:
            text = self._encode
            pictures = self._picture + (text(" ") + self._picture) * (CAMERAS - 1)
            words = f" {instruction.strip()} " if instruction.strip() else " "
            user = text("<|im_start|>user\n") + pictures + text(words) + [STATE]
            self._rounds[instruction] = [
                *user,
                *text("<|im_end|>\n<|im_start|>assistant\n"),
                *self._actions,
                *text("<|im_end|>\n"),
            ]
        return self._rounds[instruction]

    def dialog(self, instruction: str, steps: int) -> list[int]:
        """Ids of the system round and that many steps."""
        return self.prefix + self.round(instruction) * steps

    def lesson(self, questions: Sequence[tuple[str, str]]) -> tuple[list[int], list[bool]]:
        """Ids of a dialog about one step's pictures, without state and actions: for teaching the language model.

        Args:
            questions: questions and answers, one round each; the pictures stand in the first.

        Returns:
            The ids, and which of them the language model is to say: the answers and their ends.
        """
        text = self._encode
        ids, said = list(self.prefix), [False] * len(self.prefix)
        pictures = self._picture + (text(" ") + self._picture) * (CAMERAS - 1)
        for number, (question, answer) in enumerate(questions):
            asked = [*text("<|im_start|>user\n"), *(pictures if number == 0 else []), *text(f" {question} ")]
            asked += text("<|im_end|>\n<|im_start|>assistant\n")
            answered, gap = text(f" {answer}<|im_end|>"), text("\n")
            ids += asked + answered + gap
            said += [False] * len(asked) + [True] * len(answered) + [False] * len(gap)
        return ids, said

    def batch(self, instructions: Sequence[str], steps: int) -> Tensor:
        """Dialogs of B episodes for training: int64 (B, L), padded on the right, which causal attention never reads."""
        return pad([self.dialog(instruction, steps) for instruction in instructions])


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of ids as one int64 tensor, `PAD` on the right.

    >>> pad([[5, 6], [7]]).tolist()
    [[5, 6], [7, -1]]
    """
    length = max(len(row) for row in rows)
    return torch.tensor([[*row, *[PAD] * (length - len(row))] for row in rows], dtype=torch.int64)


# --- tokenizers ------------------------------------------------------------------------------------------------------


def load_tokenizer(source: str | Path) -> Any:
    """A tokenizer by the name that a configuration gives it: "instructions", or a folder or hub id.

    Raises:
        VvlaError: it is not there, or does not know ChatML's marks.
    """
    if source == "instructions":
        return instruction_tokenizer()
    try:
        tokenizer = import_transformers().AutoTokenizer.from_pretrained(str(source))
    except (OSError, ValueError) as error:
        raise VvlaError(f"no tokenizer at '{source}': {str(error).strip().splitlines()[0]}") from error
    unknown = [mark for mark in MARKS[1:] if tokenizer.convert_tokens_to_ids(mark) in (None, tokenizer.unk_token_id)]
    if unknown:
        raise VvlaError(f"the tokenizer at '{source}' does not know {unknown}; the dialog is in ChatML")
    return tokenizer


@functools.cache
def instruction_tokenizer() -> Any:
    """A small byte-level BPE in which every word of LIBERO's and CALVIN's instructions is one token.

    Made on the spot from `words.txt` (the words of the 130 LIBERO and 34 CALVIN instructions and of the questions in
    `distill.questions`), always the same; other words fall into pieces, down to bytes, so that any text can be encoded.
    Upper case is read as lower.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    words = files(__package__).joinpath("words.txt").read_text().split()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=list(MARKS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = ["system\n", "user\n", "assistant\n", *(f" {word}" for word in words)]
    tokenizer.train_from_iterator(texts, trainer)
    return import_transformers().PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=MARKS[2], pad_token=MARKS[0]
    )
