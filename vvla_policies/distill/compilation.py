"""Compiled training: `Recipe.compile`."""

from __future__ import annotations

import os
import shutil

import torch
from torch import Tensor, nn

from vvla_policies.errors import VvlaError
from vvla_policies.student.network import Student


def compile_blocks(network: nn.Module) -> None:
    """Compiles each block of a stack for itself: equal blocks share one compilation.

    Raises:
        VvlaError: there is no C++ compiler, which PyTorch needs on a CPU.
    """
    compiler, on_cpu = os.environ.get("CXX", "c++"), not torch.cuda.is_available()
    if on_cpu and not shutil.which(compiler):
        raise VvlaError(f"compile: no C++ compiler '{compiler}' here; apt-get install g++, or --set compile=false")
    if on_cpu and isinstance(network, Student):  # attention written out is fused with what surrounds it
        for part in (network.vision, network.language):
            part.set_attn_implementation("eager")
        from transformers.models.qwen2 import modeling_qwen2  # which the student has loaded

        modeling_qwen2.rotate_half = _rotated_half
    for stack in network.modules():
        if isinstance(stack, nn.ModuleList):
            for block in stack:
                if not isinstance(block, nn.ModuleList):
                    block.compile(dynamic=False)


def _rotated_half(states: Tensor) -> Tensor:
    """What rotary embeddings do to states (..., D): their second half negated, then the first.

    As `transformers` has it, by joining two parts, what PyTorch 2.13 compiles for CPUs reads past the end of a gradient
    where the sequence is no multiple of its vectors, and may crash. The numbers are the same.
    """
    halves = states.unflatten(-1, (2, -1)).flip(-2)
    return (halves * torch.tensor([[-1.0], [1.0]], dtype=states.dtype, device=states.device)).flatten(-2)
