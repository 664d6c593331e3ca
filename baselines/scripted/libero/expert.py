"""The expert for LIBERO: plans from the goal, moves from the plan, one action at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from vvla_policies.baselines.scripted.libero.geometry import Array
from vvla_policies.baselines.scripted.libero.motion import OPEN, Move, Progress, command, failed, follow, over
from vvla_policies.baselines.scripted.libero.plan import Diary, next_moves
from vvla_policies.baselines.scripted.libero.scene import Scene

from vvla_policies.observation import Observation


@dataclass
class Plan:
    """What the expert knows of an episode.

    Attributes:
        moves: what is left of the current skill, the current move first.
        progress: how far that move has come.
        diary: what was tried before.
        last: the last action (7,).
        begun: whether anything was planned yet.
    """

    moves: list[Move] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    diary: Diary = field(default_factory=Diary)
    last: Array = field(default_factory=lambda: np.append(np.zeros(6), OPEN))
    begun: bool = False


def act(obs: Observation, plan: Plan) -> Array:
    """The next action.

    Args:
        obs: with the privileged observation.
        plan: of the episode; it is carried on.

    Returns:
        (7,) in [-1, 1].
    """
    scene = Scene(obs, taken_over=not plan.begun)
    _advance(scene, plan)
    plan.begun = True
    move = plan.moves[0] if plan.moves else Move(grip=float(plan.last[6]))
    plan.last = command(move, plan.progress, scene, plan.last)
    plan.progress.steps += 1
    return plan.last


def _advance(scene: Scene, plan: Plan) -> None:
    """Goes on to the move that is due now; plans anew where there is none left."""
    if plan.moves:
        follow(plan.progress, scene)
    if plan.moves and failed(plan.moves[0], plan.progress, scene):
        plan.moves = []
    while plan.moves and over(plan.moves[0], plan.progress, scene):
        plan.moves = plan.moves[1:]
        _begin(scene, plan)
    if not plan.moves:
        plan.moves = next_moves(scene, plan.diary)
        _begin(scene, plan)


def _begin(scene: Scene, plan: Plan) -> None:
    plan.progress = Progress()
    follow(plan.progress, scene)
