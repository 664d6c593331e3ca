"""The expert for CALVIN: plans moves for the current task and follows them; when they are over it plans anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vvla_policies.baselines.scripted.calvin.motion import Array, Move, Progress, command, over
from vvla_policies.baselines.scripted.calvin.scene import Scene
from vvla_policies.baselines.scripted.calvin.skills import moves_for


@dataclass
class Plan:
    """What is left of the moves for a task, the current one first, and how far that one has come."""

    moves: list[Move] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)


def act(world: Mapping[str, Any], plan: Plan) -> Array:
    """The next action.

    Args:
        world: the privileged observation.
        plan: of the current task; it is carried on.

    Returns:
        (7,) in [-1, 1].
    """
    scene = Scene(world)
    while plan.moves and over(plan.moves[0], plan.progress, scene.tool):
        plan.moves, plan.progress = plan.moves[1:], Progress()
    if not plan.moves:
        plan.moves, plan.progress = moves_for(scene), Progress()
    return command(plan.moves[0], scene.tool, scene.target)
