"""Compare two LIBERO asset sets on one task: names, addresses, settled poses, goals. Lengths in m, angles in deg."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.envs.libero.goal_state import set_goal_state
from tests.envs.libero.reference import Task, init_states, kept_assets_path, make_env, settle

METRES, DEGREES = 0.01, 10.0
THROWN = 0.02  # an object that slides this far, or tips, while settling on the official assets starts inside something
# The initial states drop this bowl into an open drawer, where it may lean on the cabinet for seconds before it lies
# flat: it leans in 4 of 50 states on the official assets and in 7 on the primitive ones.
DRAWER_BOWL = "pick_up_the_black_bowl_in_the_top_drawer_of_the_wooden_cabinet_and_place_it_on_the_plate"
LOOSER = {("libero_spatial", DRAWER_BOWL, "akita_black_bowl_1"): (0.02, 20.0)}
VARIANTS = 5


@dataclass
class Facts:
    """What one asset set gives for a task."""

    joints: dict[str, tuple[int, ...]] = field(default_factory=dict)
    bodies: list[str] = field(default_factory=list)
    sites: dict[str, tuple[float, ...]] = field(default_factory=dict)
    cameras: dict[str, tuple[float, ...]] = field(default_factory=dict)
    masses: dict[str, float] = field(default_factory=dict)
    poses: list[dict[str, np.ndarray]] = field(default_factory=list)
    thrown: list[set[str]] = field(default_factory=list)
    early_success: list[int] = field(default_factory=list)
    goal_reached: bool = False


@dataclass
class Difference:
    """The largest disagreement of settled poses: object, initial state, metres, degrees of tilt."""

    name: str
    state: int
    metres: float
    degrees: float


def gather(task: Task, assets: Path, states: Sequence[int], goal: bool = True) -> Facts:
    """Build the task on an asset set, load and settle the given initial states, then try the goal state."""
    with kept_assets_path(), closing(make_env(task, assets)) as env:
        facts = _names(env)
        vectors = init_states(task)
        for k in states:
            env.set_init_state(vectors[k])
            before = _poses(env)
            settle(env)
            facts.poses.append(_poses(env))
            facts.thrown.append(_thrown(before, facts.poses[-1]))
            if env.check_success():
                facts.early_success.append(k)
        if goal:
            facts.goal_reached = any(_reaches_goal(env, vectors[states[0]], variant) for variant in range(VARIANTS))
        return facts


def _reaches_goal(env: Any, state: np.ndarray, variant: int) -> bool:
    """Whether the goal holds after the scene was put into a goal state and came to rest."""
    env.set_init_state(state)
    set_goal_state(env, variant)
    settle(env, steps=20)
    return bool(env.check_success())


def _thrown(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> set[str]:
    """Objects that slid or tipped while settling: they started inside something, and where they land is chance."""
    return {
        name
        for name, pose in before.items()
        if np.linalg.norm(pose[:2] - after[name][:2]) > THROWN or _tilt(pose, after[name]) > DEGREES
    }


def _tilt(one: np.ndarray, two: np.ndarray) -> float:
    """Angle between the upright axes of two poses (degrees); joint values have none."""
    if len(one) != 12:
        return 0.0
    up = one[3:].reshape(3, 3)[2] @ two[3:].reshape(3, 3)[2]
    return float(np.degrees(np.arccos(np.clip(up, -1, 1))))


def _names(env: Any) -> Facts:
    model = env.sim.model._model
    facts = Facts()
    for i in range(model.njnt):
        joint = model.joint(i)
        numbers = (*model.jnt_axis[i], *model.jnt_range[i], model.dof_damping[model.jnt_dofadr[i]])
        facts.joints[joint.name] = (int(joint.type[0]), int(joint.qposadr[0]), *(round(float(x), 4) for x in numbers))
    facts.bodies = [model.body(i).name for i in range(model.nbody)]
    for i in range(model.nsite):
        numbers = [*model.site_pos[i], *model.site_size[i], *np.abs(model.site_quat[i])]
        facts.sites[model.site(i).name] = tuple(round(float(x), 3) for x in numbers)
    for i in range(model.ncam):
        facts.cameras[model.camera(i).name] = tuple(round(float(x), 3) for x in (*model.cam_pos[i], *model.cam_quat[i]))
    moving = [i for i in range(model.nbody) if model.body_weldid[i]]
    facts.masses = {model.body(i).name: float(model.body_mass[i]) for i in moving}
    return facts


def _poses(env: Any) -> dict[str, np.ndarray]:
    """Position and rotation matrix (12 numbers) of every movable object, and the value of every fixture joint."""
    world, data = env.env, env.sim.data
    found = {}
    for name in world.objects_dict:
        body = world.obj_body_id[name]
        found[name] = np.concatenate([data.body_xpos[body], data.body_xmat[body]])
    for name, fixture in world.fixtures_dict.items():
        body = world.obj_body_id[name]
        found[name] = np.concatenate([data.body_xpos[body], data.body_xmat[body]])
        for joint in fixture.joints:
            found[joint] = np.atleast_1d(data.get_joint_qpos(joint)).astype(float).copy()
    return found


def differences(states: Sequence[int], official: Facts, other: Facts) -> list[Difference]:
    """For each object or joint and state: distance of positions, and angle between the objects' upright axes.

    A hinge's or slide's difference counts as metres.
    """
    found = []
    for k, a, b in zip(states, official.poses, other.poses, strict=True):
        for name, pose in a.items():
            metres = float(np.linalg.norm(pose[:3] - b[name][:3]))
            degrees = _tilt(pose, b[name])
            found.append(Difference(name, k, metres, degrees))
    return found


def faults(task: Task, official: Path, other: Path, states: Sequence[int]) -> list[str]:
    """Everything in which `other` fails to stand in for `official`, as lines of text; empty when it does."""
    a, b = gather(task, official, states), gather(task, other, states)
    found = [f"{what} differ: {_unlike(x, y)}" for what, x, y in _tables(a, b) if x != y]
    thrown = {(k, name) for k, names in zip(states, a.thrown, strict=True) for name in names}
    found += [
        f"{d.name} in state {d.state}: {d.metres * 1000:.1f} mm, {d.degrees:.1f} degrees"
        for d in differences(states, a, b)
        if _apart(task, d) and (d.state, d.name) not in thrown
    ]
    found += [f"success at the start of state {k}" for k in b.early_success if k not in a.early_success]
    if a.goal_reached and not b.goal_reached:
        found.append("goal reached on the official assets only")
    return found


def _apart(task: Task, difference: Difference) -> bool:
    """Whether a difference is more than may be."""
    metres, degrees = LOOSER.get((task.suite, task.name, difference.name), (METRES, DEGREES))
    return difference.metres > metres or difference.degrees > degrees


def _tables(a: Facts, b: Facts) -> list[tuple[str, Any, Any]]:
    return [
        ("joints", a.joints, b.joints),
        ("bodies", a.bodies, b.bodies),
        ("sites", a.sites, b.sites),
        ("cameras", a.cameras, b.cameras),
    ]


def _unlike(a: Any, b: Any) -> str:
    if isinstance(a, dict):
        names = [n for n in {**a, **b} if a.get(n) != b.get(n)]
        return ", ".join(f"{n}: {a.get(n)} / {b.get(n)}" for n in names[:4])
    return f"{sorted(set(a) ^ set(b))[:6]} or their order"
