"""Put a LIBERO scene into a state in which its goal holds: joints set, objects placed at their targets. Lengths in m."""

from collections import Counter
from itertools import product
from typing import Any

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

GAP = 0.003  # objects are let fall from this height


def set_goal_state(env: Any) -> None:
    """Set joints and place objects as the task's parsed goal asks; step the simulation afterwards to let things settle."""
    world = env.env
    goals = world.parsed_problem["goal_state"]
    for predicate, *names in goals:
        if predicate in {"open", "close", "turnon", "turnoff"}:
            _set_joint(world, predicate, names[0])
    world.sim.forward()
    crowd = Counter(names[1] for predicate, *names in goals if predicate in {"in", "on"})
    placed: Counter[str] = Counter()
    for predicate, *names in goals:
        if predicate in {"in", "on"}:
            share = (placed[names[1]] + 0.5) / crowd[names[1]] - 0.5
            _place(world, names[0], names[1], share, inside=predicate == "in")
            placed[names[1]] += 1
            world.sim.forward()


def _set_joint(world: Any, predicate: str, name: str) -> None:
    """A value in the range that LIBERO itself uses for the predicate; closed drawers stop 1.6 mm behind zero."""
    holder = world.get_object(name)
    owner = world.get_object(getattr(holder, "parent_name", None) or name)
    low, high = sorted(owner.object_properties["articulation"][f"default_{predicate}_ranges"])
    value = low + (0.2 if predicate == "close" else 0.5) * (high - low)
    for joint in holder.joints:
        world.sim.data.set_joint_qpos(joint, value)


def _place(world: Any, name: str, target: str, share: float, inside: bool) -> None:
    """Set an object down on or in a site, or on another object; `share` in (-0.5, 0.5) spreads several along the site."""
    low, high = _target_box(world, target)
    middle, size = (low + high) / 2, high - low
    is_site = target in world.object_sites_dict
    if is_site:
        axis = int(np.argmax(size[:2]))
        middle[axis] += share * size[axis] * (0.9 if inside else 1.7)
    floor = low[2] if is_site and inside else high[2]
    body = world.obj_body_id[name]
    joint = world.get_object(name).joints[-1]
    pose = world.sim.data.get_joint_qpos(joint).copy()
    start = Rotation.from_quat(pose[[4, 5, 6, 3]])
    best = _best_turn(world, joint, body, start, size) if is_site and inside else start
    bottom, centre = _drop(world, joint, body, pose, best)
    height = floor - bottom + GAP
    xy = middle[:2] - (centre if is_site and inside else 0.0)
    world.sim.data.set_joint_qpos(joint, np.concatenate([xy, [height], best.as_quat()[[3, 0, 1, 2]]]))


def _drop(world: Any, joint: str, body: int, pose: np.ndarray, turn: Rotation) -> tuple[float, np.ndarray]:
    """Height of the lowest point and horizontal centre of a turned object relative to its body's origin."""
    world.sim.data.set_joint_qpos(joint, np.concatenate([pose[:3], turn.as_quat()[[3, 0, 1, 2]]]))
    world.sim.forward()
    low, high = _extent(world, body)
    origin = world.sim.data.body_xpos[body]
    return float(low[2] - origin[2]), ((low + high) / 2 - origin)[:2]


def _best_turn(world: Any, joint: str, body: int, start: Rotation, size: np.ndarray) -> Rotation:
    """The orientation, of those turned by quarter turns, that fits a box of `size` best; the first is the present one."""
    pose = world.sim.data.get_joint_qpos(joint).copy()
    best, least = start, np.inf
    for tip, yaw in product(("", "x", "y"), (0, 30, 60, 90, 120, 150)):
        turn = Rotation.from_euler("z", yaw, degrees=True) * start
        if tip:
            turn = turn * Rotation.from_euler(tip, 90, degrees=True)
        world.sim.data.set_joint_qpos(joint, np.concatenate([pose[:3], turn.as_quat()[[3, 0, 1, 2]]]))
        world.sim.forward()
        low, high = _extent(world, body)
        excess = np.clip(high - low - (size - 0.004), 0, None)[:2].sum() + 0.02 * bool(tip)
        if excess < least - 1e-4:
            best, least = turn, float(excess)
    return best


def _target_box(world: Any, target: str) -> tuple[np.ndarray, np.ndarray]:
    """World-axis box of a site, or the footprint centre and top of an object."""
    if target in world.object_sites_dict:
        site = world.object_sites_dict[target]
        pos = world.sim.data.get_site_xpos(target)
        half = np.abs(world.sim.data.get_site_xmat(target) @ np.asarray(site.size, dtype=float))
        return pos - half, pos + half
    body = world.obj_body_id[target]
    low, high = _extent(world, body)
    origin = world.sim.data.body_xpos[body]
    return np.array([*origin[:2], low[2]]), np.array([*origin[:2], high[2]])


def _extent(world: Any, body: int) -> tuple[np.ndarray, np.ndarray]:
    """World-axis box round the collision geoms of a body and all below it."""
    model, data = world.sim.model._model, world.sim.data._data
    corners = []
    for geom in range(model.ngeom):
        if model.geom_group[geom] != 0 or not _below(model, model.geom_bodyid[geom], body):
            continue
        corners.append(_corners(model, data, geom))
    points = np.concatenate(corners)
    return points.min(axis=0), points.max(axis=0)


def _corners(model: Any, data: Any, geom: int) -> np.ndarray:
    """Points of a geom in world coordinates: a mesh's vertices, else its bounding box's corners."""
    turn, pos = data.geom_xmat[geom].reshape(3, 3), data.geom_xpos[geom]
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first = model.mesh_vertadr[mesh]
        local = model.mesh_vert[first : first + model.mesh_vertnum[mesh]]
    else:
        centre, half = model.geom_aabb[geom][:3], model.geom_aabb[geom][3:]
        local = centre + half * np.array(list(product((-1, 1), repeat=3)))
    return local @ turn.T + pos


def _below(model: Any, body: int, ancestor: int) -> bool:
    while body > 0:
        if body == ancestor:
            return True
        body = model.body_parentid[body]
    return False
