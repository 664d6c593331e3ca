"""`student`: VITA-VLA as a policy; many episodes at once, each with its own memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vvla_policies.errors import PolicyError, VvlaError
from vvla_policies.execution import EpisodeMemory, Execution, execute, follow, remember, window
from vvla_policies.huggingface import import_transformers
from vvla_policies.inputs import Inputs, pictures, proprioception
from vvla_policies.observation import Observation
from vvla_policies.policy import ActionChunk, BatchedPolicy, Memory, PolicyCard
from vvla_policies.pretrained import ModelCard, bundled, fingerprint, locate, warn_of_random_weights
from vvla_policies.student.config import StudentConfig, get_preset
from vvla_policies.student.network import Student, build_student
from vvla_policies.student.reading import Passage, Past, in_lanes, read
from vvla_policies.student.tokens import ACTION, ChatLayout, load_tokenizer
from vvla_policies.student.weights import config_of, is_ours, load_published, load_student, make_card

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Settings = TypeVar("Settings", Inputs, Execution)


class StudentMemory(EpisodeMemory):
    """An episode's frames (their visual and state tokens), and what the language model has read of them.

    Attributes:
        past: keys and values of the dialog up to the newest frame; None once the history is full, because a window
            that slides is a new dialog to causal attention.
        seen: frames since the instruction was given.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.past: Past | None = None
        self.seen = 0


@dataclass(frozen=True)
class _Question:
    """What is read for one episode's next prediction, and where in it the answer stands."""

    passage: Passage
    places: Tensor


class StudentPolicy(BatchedPolicy):
    """A vision-language model taught to act (VITA-VLA); predicts several actions from the last few frames.

    Each frame is encoded once. While the history grows, the language model reads only the newest step; the rest comes
    from its key-value cache.

    Args:
        checkpoint: folder or hub id of a student of ours, or a published VITA-VLA file; None for the mini
            student that comes with the package, unless `preset`, `base` or `teacher` say otherwise.
        preset: the architecture, where the checkpoint has no card: "vita-1.5-7b", "internvl-1b", "vita-mini", or
            "base" for that of `base`, an InternVL of any size.
        benchmark: "libero" or "calvin": whose conventions and settings apply; by default the checkpoint's own.
        base: folder or hub id of the vision-language model, for published checkpoints that lack it.
        teacher: Seer checkpoint whose action decoder is used, for published checkpoints that lack it.
        config: changes to the preset: fields of `StudentConfig`.
        device: "cpu", "cuda", "cuda:1" ...; None for the first GPU if there is one.
        dtype: "float32" or "bfloat16"; None for bfloat16 on a GPU, else float32.
        attention: "sdpa", "eager" or "flash_attention_2" (if installed).
        compile: compile vision tower and language model with `torch.compile`.
        cache: keep keys and values while the history grows; off, every call reads the whole history.
        lanes: episodes per pass. Every pass has exactly that many (missing ones are filled up), which makes an
            episode's actions the same to the bit whoever shares its batch; 0 takes all in one pass, equal within 1e-5.
        seed: of random weights.
        **settings: fields of `Execution` and `Inputs` to change: history, pad, mode, index, steps, decay, threshold,
            raw, rotation, gripper.

    Raises:
        VvlaError: weights are missing or do not fit; they are named.
    """

    def __init__(
        self,
        checkpoint: str | None = None,
        preset: str | None = None,
        benchmark: str | None = None,
        base: str | None = None,
        teacher: str | None = None,
        config: Mapping[str, Any] | None = None,
        device: str | None = None,
        dtype: str | None = None,
        attention: str = "sdpa",
        compile: bool = False,  # noqa: A002 - the option's natural name
        cache: bool = True,
        lanes: int = 1,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        where: dict[str, Any] = {"device": device, "dtype": _dtype(dtype, device), "attention": _attention(attention)}
        own = None if checkpoint or preset or base or teacher or config else bundled("student", benchmark or "libero")
        source = str(checkpoint or (f"bundled {own.name}" if own else "random weights"))
        checkpoint = str(own) if own else checkpoint
        if checkpoint and is_ours(locate(checkpoint)):
            student, card = load_student(checkpoint, **where)
        else:
            if checkpoint and benchmark is None:
                raise VvlaError(f"{checkpoint} does not say which benchmark it acts in; add benchmark=libero or calvin")
            architecture = _architecture(preset or "vita-mini", base, benchmark, dict(config or {}))
            student = build_student(architecture, seed, **where)
            card = make_card(student.config, benchmark or "libero")
            load_published(student, checkpoint, base, teacher)
            if checkpoint is None:
                warn_of_random_weights("student")
        if compile:
            student.vision.compile()
            student.language.compile(dynamic=True)
        self._setup(student, card, source, cache, lanes, settings)

    @classmethod
    def around(
        cls, student: Student, card: ModelCard, cache: bool = True, lanes: int = 1, **settings: Any
    ) -> StudentPolicy:
        """The policy of a network at hand with its card, where the network is and as precise as it is."""
        policy = cls.__new__(cls)
        policy._setup(student, card, "in memory", cache, lanes, settings)  # noqa: SLF001 - its own
        return policy

    def _setup(
        self, student: Student, card: ModelCard, source: str, cache: bool, lanes: int, settings: dict[str, Any]
    ) -> None:
        self.inputs = _changed(Inputs(**card.inputs), settings)
        self.execution = _changed(Execution(**card.execution), settings)
        if settings:
            known = ", ".join([*self.execution.to_json(), *self.inputs.to_json()])
            raise PolicyError(f"policy 'student' takes no option {sorted(settings)}; settings are: {known}")
        self.student = student.eval()
        self.layout = ChatLayout(load_tokenizer(student.config.tokenizer), student.config)
        self.cache, self.lanes = bool(cache), int(lanes)
        dtype = str(student.dtype).removeprefix("torch.")
        notes = {"checkpoint": source, "preset": card.preset, "dtype": dtype, "lanes": self.lanes}
        self.card = PolicyCard(
            name="student",
            weights=fingerprint(student.state_dict()),
            reads=self.inputs.reads,
            chunk=self.execution.length(student.config.action_tokens),
            history=self.execution.history,
            benchmarks=(card.benchmark,) if card.benchmark else (),
            trained_on=card.trained_on,
            notes={**notes, **self.inputs.to_json(), **self.execution.to_json()},
        )

    def initial_memory(self, seed: int) -> Memory:
        """An empty history."""
        return StudentMemory(seed)

    @torch.inference_mode()
    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> list[ActionChunk]:
        """Encodes the new frames, reads what is new of each dialog, and executes the predictions."""
        frames = in_lanes(list(obs), self.lanes, lambda _: None, self._encode)
        own = [memory for memory in memories if isinstance(memory, StudentMemory)]
        if len(own) != len(frames):
            raise PolicyError("a student remembers in a `StudentMemory`: take memories from `initial_memory`")
        for memory, frame, instruction in zip(own, frames, instructions, strict=True):
            if memory.instruction != instruction:
                memory.past, memory.seen = None, 0
            follow(memory, instruction)
            remember(memory, frame, self.execution)
            memory.seen += 1
        questions = [self._question(memory) for memory in own]
        answers = in_lanes(questions, self.lanes, lambda question: question.passage.shape(), self._answer)
        chunks = []
        for memory, (prediction, past) in zip(own, answers, strict=True):
            memory.past = past
            chunks.append(execute(memory, prediction, self.execution))
        return chunks

    def _encode(self, obs: Sequence[Observation]) -> list[tuple[Tensor, Tensor]]:
        """Visual tokens (2, n, hidden) and the state token (1, hidden) of each observation."""
        device = self.student.device
        shown = np.concatenate([pictures(one, self.inputs) for one in obs])
        felt = np.stack([proprioception(one, self.inputs) for one in obs])
        visual = self.student.see(torch.from_numpy(shown).to(device)).unflatten(0, (len(obs), -1))
        states = self.student.feel(torch.from_numpy(felt).to(device)).unsqueeze(1)
        return list(zip(visual, states, strict=True))

    def _question(self, memory: StudentMemory) -> _Question:
        """The part of the window that is new: the newest step (and padding) while the history grows, else all of it."""
        frames = window(memory, self.execution)
        growing = self.cache and memory.seen < self.execution.history
        if memory.past is not None and self.cache and memory.seen <= self.execution.history:
            past, frames = memory.past, frames[memory.seen - 1 :]
        else:
            past = None
        prefix = [] if past else self.layout.prefix
        turn = self.layout.round(str(memory.instruction))
        ids = torch.tensor(prefix + turn * len(frames), device=self.student.device)
        visual, states = (torch.cat(parts) for parts in zip(*frames, strict=True))
        read_before = 0 if past else memory.seen - 1
        keep = len(prefix) + len(turn) * (read_before + 1) if growing else 0
        passage = Passage(self.student.embed(ids, visual, states), past, keep)
        places = (ids == ACTION).nonzero().flatten()[-self.student.config.action_tokens :]
        return _Question(passage, places)

    def _answer(self, questions: Sequence[_Question]) -> list[tuple[NDArray[np.float32], Past | None]]:
        """Predictions (T, 7) and pasts."""
        passages = [question.passage for question in questions]
        pad_to = passages[0].shape() if self.lanes > 1 else (0, 0)
        results = read(self.student.language, passages, pad_to)
        hidden = torch.stack([told[q.places] for q, (told, _) in zip(questions, results, strict=True)])
        predictions = self.student.decide(hidden).actions.joined().float().cpu().numpy()
        return [(prediction, past) for prediction, (_, past) in zip(predictions, results, strict=True)]


def _architecture(preset: str, base: str | None, benchmark: str | None, changes: dict[str, Any]) -> StudentConfig:
    """The preset, or that of the base; the base's own tokenizer, unless the preset has the small one."""
    if base and preset == "base":
        return config_of(base, benchmark, **changes)
    config = get_preset(preset, benchmark, **changes)
    own = base and "tokenizer" not in changes and config.tokenizer != "instructions"
    return replace(config, tokenizer=str(base)) if own else config


def _changed(base: Settings, changes: dict[str, Any]) -> Settings:
    """A copy with the fields that are among the changes, which are taken out of there."""
    own = {name: changes.pop(name) for name in base.to_json() if name in changes}
    return replace(base, **own)


def _dtype(name: str | None, device: str) -> torch.dtype:
    name = name or ("bfloat16" if device.startswith("cuda") else "float32")
    if name not in DTYPES:
        raise VvlaError(f"dtype '{name}' is not offered; choose from {', '.join(DTYPES)}")
    return DTYPES[name]


def _attention(name: str) -> str:
    if name not in ("sdpa", "eager", "flash_attention_2"):
        raise VvlaError(f"attention '{name}' is not offered; choose from sdpa, eager, flash_attention_2")
    if name == "flash_attention_2" and not import_transformers().utils.is_flash_attn_2_available():
        raise VvlaError("attention 'flash_attention_2' needs the package flash-attn and a GPU; use sdpa")
    return name
