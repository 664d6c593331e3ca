"""From goal predicates to the next skill: what is not yet so, in an order in which it can be done."""

from __future__ import annotations

from dataclasses import dataclass, field

from vvla_policies.baselines.scripted.libero import articulate, insertion, transfer
from vvla_policies.baselines.scripted.libero.categories import hold_of
from vvla_policies.baselines.scripted.libero.motion import Move
from vvla_policies.baselines.scripted.libero.scene import Scene

Predicate = tuple[str, ...]
PLACING = ("in", "on")


@dataclass
class Diary:
    """What the planner remembers: how often each skill was tried.

    Attributes:
        tries: skill and its objects to the number of times it was begun.
    """

    tries: dict[Predicate, int] = field(default_factory=dict)

    def count(self, *skill: str) -> int:
        """How often that skill was begun before; counts this one."""
        before = self.tries.get(skill, 0)
        self.tries[skill] = before + 1
        return before


def next_moves(scene: Scene, diary: Diary) -> list[Move]:
    """The moves of the next skill, from a fresh look; empty if all goals hold."""
    missing = [goal for goal, holds in zip(scene.goal, scene.satisfied, strict=True) if not holds]
    if not missing:
        return []
    return _skill(scene, diary, min(missing, key=lambda goal: _rank(goal, missing, scene)))


def _rank(goal: Predicate, missing: list[Predicate], scene: Scene) -> int:
    """Lower comes first: what is in the hand, then joints, then placing, and closing what things still go into last."""
    if goal[0] in PLACING:
        return 0 if scene.held(goal[1]) else 3 + _storey(goal, missing)
    closes_on = goal[0] == "close" and any(other[0] == "in" and other[-1].startswith(goal[1]) for other in missing)
    return 9 if closes_on else 1


def _storey(goal: Predicate, missing: list[Predicate]) -> int:
    """How many other things must be put in their place first, because this one goes on top of them."""
    return sum(other[0] in PLACING and other[1] == goal[2] for other in missing)


def _skill(scene: Scene, diary: Diary, goal: Predicate) -> list[Move]:
    verb, name = goal[0], goal[1]
    if verb == "open":
        return articulate.pull(scene, name, diary.count("open", name))
    if verb == "close":
        return articulate.push_shut(scene, name)
    if verb in ("turnon", "turnoff"):
        return articulate.turn_to(scene, name, on=verb == "turnon")
    target = goal[2]
    if not scene.is_object(target) and not articulate.stands_open(scene, target):
        return articulate.pull(scene, target, diary.count("open", target))
    outward = insertion.opening(scene, target)
    if outward is not None and hold_of(scene.category(name)).kind != "across":
        if scene.held(name):
            return insertion.insert(scene, name, target, outward)
        return insertion.pick_for(scene, name, target, outward, diary.count("pick", name))
    if scene.held(name):
        return transfer.place(scene, name, target)
    return transfer.pick(scene, name, diary.count("pick", name))
