"""The `scripted` policy: plans from the goal, moves from the plan, one action at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from vvla_policies.baselines.scripted.calvin import expert as calvin
from vvla_policies.baselines.scripted.geometry import Array
from vvla_policies.baselines.scripted.motion import OPEN, Move, Progress, command, failed, follow, over
from vvla_policies.baselines.scripted.plan import Diary, next_moves
from vvla_policies.baselines.scripted.scene import Scene

from vvla_policies.observation import Observation
from vvla_policies.policy import ActionChunk, BatchedPolicy, Memory, PolicyCard


class ScriptedMemory(Memory):
    """What the expert knows of an episode.

    Attributes:
        moves: what is left of the current skill, the current move first.
        progress: how far that move has come.
        diary: what was tried before.
        last: the last action (7,).
        calvin: in CALVIN, all that there is to know.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.moves: list[Move] = []
        self.progress = Progress()
        self.diary = Diary()
        self.last: Array = np.append(np.zeros(6), OPEN)
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
        return calvin.act(obs["privileged"], memory.calvin)[None].astype(np.float32)
    scene = Scene(obs)
    _advance(scene, memory)
    move = memory.moves[0] if memory.moves else Move(grip=float(memory.last[6]))
    memory.last = command(move, memory.progress, scene, memory.last)
    memory.progress.steps += 1
    return memory.last[None].astype(np.float32)


def _advance(scene: Scene, memory: ScriptedMemory) -> None:
    """Goes on to the move that is due now; plans anew where there is none left."""
    if memory.moves:
        follow(memory.progress, scene)
    if memory.moves and failed(memory.moves[0], memory.progress, scene):
        memory.moves = []
    while memory.moves and over(memory.moves[0], memory.progress, scene):
        memory.moves = memory.moves[1:]
        _begin(scene, memory)
    if not memory.moves:
        memory.moves = next_moves(scene, memory.diary)
        _begin(scene, memory)


def _begin(scene: Scene, memory: ScriptedMemory) -> None:
    memory.progress = Progress()
    follow(memory.progress, scene)
