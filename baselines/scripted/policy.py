"""The `scripted` policy: the expert of the benchmark that it finds itself in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from vvla_policies.baselines.scripted.calvin import expert as calvin
from vvla_policies.baselines.scripted.libero import expert as libero

from vvla_policies.observation import Observation
from vvla_policies.policy import ActionChunk, BatchedPolicy, Memory, PolicyCard


class ScriptedMemory(Memory):
    """What the experts know of an episode.

    Attributes:
        libero: in LIBERO.
        calvin: in CALVIN.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.libero = libero.Plan()
        self.calvin = calvin.Plan()


class ScriptedPolicy(BatchedPolicy):
    """An expert for LIBERO and CALVIN that reads the simulator's own state.

    In LIBERO it looks at which goal predicates do not hold, chooses a skill that brings one about, turns it into a list
    of moves and follows them closed loop. After each skill, and when something slips from the hand, it looks again. In
    CALVIN it is told the task, and does it again until it is done.
    """

    def __init__(self) -> None:
        self.card = PolicyCard(name="scripted", reads=("state", "privileged"), benchmarks=("libero", "calvin"))

    def initial_memory(self, seed: int) -> ScriptedMemory:
        """Nothing planned, nothing tried."""
        return ScriptedMemory(seed)

    def act_batch(
        self, obs: Sequence[Observation], instructions: Sequence[str], memories: Sequence[Memory]
    ) -> list[ActionChunk]:
        """One action for each episode."""
        return [_act(seen, memory) for seen, memory in zip(obs, memories, strict=True)]


def _act(obs: Observation, memory: Memory) -> ActionChunk:
    assert isinstance(memory, ScriptedMemory)
    if not obs["privileged"]:  # a made-up observation
        return np.zeros((1, 7), dtype=np.float32)
    if obs["privileged"].get("benchmark") == "calvin":
        action = calvin.act(obs["privileged"], memory.calvin)
    else:
        action = libero.act(obs, memory.libero)
    return action[None].astype(np.float32)
