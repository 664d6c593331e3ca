"""Latency of the policies: frames cached against encoded anew, one episode against sixteen, calls per second, memory.

Run: python benchmarks/models.py [--models teacher-mini ...] [--device cuda] [--dtype bfloat16] [--rounds 20]
All weights are random, which costs the same time. Everything that is compared is timed in turn, in one process; medians
and ratios are printed, and nothing here is a test.

A model's rows come from a function in `MODELS`: it builds `Model`s, of which the rest knows only how to make a call.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vvla_policies.student.config import default_execution
from vvla_policies.student.config import get_preset as student_preset
from vvla_policies.student.network import build_student
from vvla_policies.student.reading import Passage, Past, read
from vvla_policies.student.tokens import ACTION, ChatLayout, load_tokenizer
from vvla_policies.teacher.config import get_preset
from vvla_policies.teacher.encoders import MaeEncoder
from vvla_policies.teacher.network import Seer

BATCHES = (1, 16)


@dataclass(frozen=True)
class Model:
    """Something to be timed.

    Attributes:
        name: for the table.
        parameters: how many it has, frozen ones included.
        cached: a call of that batch size when all frames but the newest are in memory.
        uncached: the same answer with every frame of the history encoded anew.
        read: bytes of weights that a call must read at least once.
    """

    name: str
    parameters: int
    cached: Callable[[int], object]
    uncached: Callable[[int], object]
    read: int


class Words(torch.nn.Module):
    """Stands in for CLIP's text tower, which runs once per instruction."""

    def forward(self, instructions: list[str]) -> Tensor:
        """Zeros (n, 512)."""
        return torch.zeros(len(instructions), 512)


def teacher(preset: str, device: torch.device, dtype: torch.dtype) -> Model:
    """Seer with a full history; its instruction is encoded beforehand."""
    config = get_preset(preset)
    seer = Seer(config)
    if config.published:
        seer.attach(MaeEncoder(config), Words())
    seer = seer.to(device, dtype).eval()
    text = torch.zeros(max(BATCHES), config.text_width, device=device, dtype=dtype)
    edge, steps = config.picture, config.history
    pictures = torch.randint(0, 256, (max(BATCHES) * steps, 2, edge, edge, 3), dtype=torch.uint8, device=device)
    state = torch.randn(max(BATCHES) * steps, 8, device=device, dtype=dtype)
    past = torch.randn(max(BATCHES), steps - 1, config.conditions, config.hidden, device=device, dtype=dtype)

    def answer(window: Tensor) -> Tensor:
        return seer.decode(seer.act(window, torch.full((len(window),), steps))).joined()

    def cached(batch: int) -> Tensor:
        newest = seer.encode(pictures[:batch], text[:batch], state[:batch])
        return answer(torch.cat([past[:batch], newest[:, None]], dim=1))

    def uncached(batch: int) -> Tensor:
        count = batch * steps
        repeated = text[:batch].repeat_interleave(steps, dim=0)
        return answer(seer.encode(pictures[:count], repeated, state[:count]).unflatten(0, (batch, steps)))

    count = sum(p.numel() for p in seer.parameters())
    return Model(preset, count, cached, uncached, read=count * dtype.itemsize)


def student(preset: str, device: torch.device, dtype: torch.dtype, growing: bool = False) -> Model:
    """VITA-VLA on LIBERO's instruction length, history full (only pictures are cached) or about to be (text as well).

    While the history grows, the language model reads the newest step after its key-value cache; once the window
    slides, it reads the whole window anew, from visual tokens that are cached.
    """
    config = student_preset(preset, "libero", tokenizer="instructions")
    network = build_student(config, dtype=dtype, device=str(device))
    layout = ChatLayout(load_tokenizer(config.tokenizer), config)
    steps, edge, most = default_execution(config, "libero").history, config.image_size, max(BATCHES)
    turn = layout.round("put both the alphabet soup and the tomato sauce in the basket")
    pictures = torch.randint(0, 256, (most * steps * 2, edge, edge, 3), dtype=torch.uint8, device=device)
    states = torch.randn(most * steps, 8, device=device)
    tokens = torch.randn(most, steps - 1, 2, config.visual_tokens, config.hidden, device=device, dtype=dtype)
    before = len(layout.prefix) + (steps - 1) * len(turn)
    heads, layers = config.language["num_key_value_heads"], config.language["num_hidden_layers"]
    pair = torch.randn(2, heads, before, config.hidden // config.language["num_attention_heads"], device=device)
    past = Past(tuple((pair[0].to(dtype), pair[1].to(dtype)) for _ in range(layers))) if growing and steps > 1 else None
    window = torch.tensor((layout.prefix if past is None else []) + turn * (1 if past else steps), device=device)
    everything = torch.tensor(layout.prefix + turn * steps, device=device)

    def answer(ids: Tensor, visual: Tensor, felt: Tensor, known: Past | None) -> Tensor:
        embedded = [network.embed(ids, seen, state) for seen, state in zip(visual, felt, strict=True)]
        places = (ids == ACTION).nonzero().flatten()[-config.action_tokens :]
        told = read(network.language, [Passage(embeddings, known) for embeddings in embedded])
        return network.decide(torch.stack([hidden[places] for hidden, _ in told])).actions.joined()

    def cached(batch: int) -> Tensor:
        newest = network.see(pictures[: 2 * batch]).unflatten(0, (batch, 1, 2))
        shown = newest if past else torch.cat([tokens[:batch], newest], dim=1)
        felt = network.feel(states[: batch * shown.shape[1]]).unflatten(0, (batch, -1))
        return answer(window, shown.flatten(1, 2), felt, past)

    def uncached(batch: int) -> Tensor:
        shown = network.see(pictures[: 2 * batch * steps]).unflatten(0, (batch, 2 * steps))
        return answer(everything, shown, network.feel(states[: batch * steps]).unflatten(0, (batch, -1)), None)

    count = sum(p.numel() for p in network.parameters())
    looked_up = network.language.get_input_embeddings().weight.numel()
    name = f"{preset}, history {'growing' if growing else 'full'}"
    return Model(name, count, cached, uncached, read=(count - looked_up) * dtype.itemsize)


MODELS: dict[str, Callable[[torch.device, torch.dtype], Model]] = {
    "teacher-mini": lambda device, dtype: teacher("seer-mini", device, dtype),
    "teacher": lambda device, dtype: teacher("seer", device, dtype),
    "teacher-large": lambda device, dtype: teacher("seer-large", device, dtype),
    "student-mini": lambda device, dtype: student("vita-mini", device, dtype),
    "student-mini-growing": lambda device, dtype: student("vita-mini", device, dtype, growing=True),
    "student-1b": lambda device, dtype: student("internvl-1b", device, dtype),
    "student-1b-growing": lambda device, dtype: student("internvl-1b", device, dtype, growing=True),
    "student-7b": lambda device, dtype: student("vita-1.5-7b", device, dtype),
    "student-7b-growing": lambda device, dtype: student("vita-1.5-7b", device, dtype, growing=True),
}


def milliseconds(calls: list[Callable[[], object]], rounds: int, device: torch.device) -> list[float]:
    """Median duration of each call, taken in turn so that a machine's moods fall on all of them."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    taken: list[list[float]] = [[] for _ in calls]
    for repetition in range(rounds + 2):
        for times, call in zip(taken, calls, strict=True):
            wait()
            start = time.perf_counter()
            call()
            wait()
            if repetition >= 2:
                times.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(times) for times in taken]


@torch.inference_mode()
def measure(model: Model, rounds: int, device: torch.device) -> dict[str, str]:
    """The table's row of a model."""
    few, many = BATCHES
    calls = [lambda: model.cached(few), lambda: model.uncached(few), lambda: model.cached(many)]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    cached, uncached, batched = milliseconds(calls, rounds, device)
    row = {
        "model": model.name,
        "M parameters": f"{model.parameters / 1e6:.1f}",
        "call, ms": f"{cached:.1f}",
        "uncached / cached": f"{uncached / cached:.2f}",
        f"{many} episodes, ms": f"{batched:.1f}",
        f"{many} single / batch": f"{many * cached / batched:.2f}",
    }
    if device.type == "cuda":
        row["peak, GB"] = f"{torch.cuda.max_memory_allocated() / 1e9:.1f}"
        row["call / reading weights once"] = f"{cached / (1e3 * model.read / bandwidth(device)):.2f}"
    return row


def bandwidth(device: torch.device) -> float:
    """Bytes per second that the device reads, measured on a sum over 2 GB."""
    block = torch.ones(2**30, dtype=torch.bfloat16, device=device)
    (taken,) = milliseconds([lambda: block.sum()], 10, device)
    return 1e3 * block.numel() * block.element_size() / taken


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["teacher-mini"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    print(f"{options.device}, {options.dtype}, {torch.get_num_threads()} threads, medians of {options.rounds}")
    for name in options.models:
        model = MODELS[name](device, dtype)
        print("; ".join(f"{key} {value}" for key, value in measure(model, options.rounds, device).items()))


if __name__ == "__main__":
    main()
