"""Put a LIBERO scene into a state in which its goal holds: joints set, objects placed. Lengths in m."""

from collections import Counter
from itertools import product
from typing import Any

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

GAP = 0.003  # objects are let fall from this height


def set_goal_state(env: Any, variant: int = 0) -> None:
    """Set joints and place objects as the task's parsed goal asks; step the simulation afterwards to let things settle.

    Variants 1 to 4 insist on one way up for what goes into a site: as it is, on either side, upside down.
    """
    world = env.env
    goals = world.parsed_problem["goal_state"]
    for predicate, *names in goals:
        if predicate in {"open", "close", "turnon", "turnoff"}:
            _set_joint(world, predicate, names[0])
    world.sim.forward()
    crowd = Counter(names[1] for predicate, *names in goals if predicate in {"in", "on"})
    placed: Counter[str] = Counter()
    placing = [goal for goal in goals if goal[0] in {"in", "on"}]
    for predicate, name, target in sorted(placing, key=lambda goal: goal[2] not in world.object_sites_dict):
        share = (placed[target] + 0.5) / crowd[target] - 0.5
        if predicate == "on" and _tilt(world, target) > 0.1:
            _lean(world, name, target)
        else:
            _place(world, name, target, share, predicate == "in", variant)
        placed[target] += 1
        world.sim.forward()


def _set_joint(world: Any, predicate: str, name: str) -> None:
    """A value in the range that LIBERO itself uses for the predicate; closed drawers stop 1.6 mm behind zero."""
    holder = world.get_object(name)
    owner = world.get_object(getattr(holder, "parent_name", None) or name)
    low, high = sorted(owner.object_properties["articulation"][f"default_{predicate}_ranges"])
    value = low + (0.2 if predicate == "close" else 0.5) * (high - low)
    for joint in holder.joints:
        world.sim.data.set_joint_qpos(joint, value)


def _place(world: Any, name: str, target: str, share: float, inside: bool, variant: int) -> None:
    """Set an object down on or in a site, or on another object; `share` (-0.5 to 0.5) spreads several out."""
    low, high = _target_box(world, target)
    middle, size = (low + high) / 2, high - low
    is_site = target in world.object_sites_dict
    if is_site:
        axis = int(np.argmax(size[:2]))
        middle[axis] += share * size[axis] * (0.9 if inside else 1.7)
    body = world.obj_body_id[name]
    joint = world.get_object(name).joints[-1]
    start = Rotation.from_quat(world.sim.data.get_joint_qpos(joint)[[4, 5, 6, 3]])
    turn = start
    if is_site and inside:
        turn = min(_turns(start, variant), key=lambda option: _misfit(*_rest(world, joint, body, option), size))
    below, centre, extent = _rest(world, joint, body, turn)
    if not (is_site and inside) or (extent > size)[:2].any():
        centre = np.zeros(2)  # what sticks out is placed by its origin, which is what the predicates look at
    floor = low[2] if is_site and inside else high[2]
    _put(world, joint, np.array([*(middle[:2] - centre), floor + below + GAP]), turn)


def _lean(world: Any, name: str, target: str) -> None:
    """Lay a long object on a sloping site, its upright axis down the slope."""
    frame = np.asarray(world.sim.data.get_site_xmat(target)).reshape(3, 3)
    joint = world.get_object(name).joints[-1]
    low, high = _extent(world, world.obj_body_id[name])
    thick = float((high - low)[:2].max()) / 2
    turn = Rotation.from_matrix(frame) * Rotation.from_euler("x", 90 if frame[2, 1] < 0 else -90, degrees=True)
    above = frame[:, 2] * (world.object_sites_dict[target].size[2] + thick + GAP)
    _put(world, joint, np.asarray(world.sim.data.get_site_xpos(target)) + above, turn)


def _tilt(world: Any, target: str) -> float:
    """Angle of a site's z axis from the vertical (rad), 0 for objects."""
    if target not in world.object_sites_dict:
        return 0.0
    frame = np.asarray(world.sim.data.get_site_xmat(target)).reshape(3, 3)
    return float(np.arccos(np.clip(abs(frame[2]).max(), 0, 1)))


def _put(world: Any, joint: str, pos: np.ndarray, turn: Rotation) -> None:
    world.sim.data.set_joint_qpos(joint, np.concatenate([pos, turn.as_quat()[[3, 0, 1, 2]]]))


def _turns(start: Rotation, variant: int) -> list[Rotation]:
    """The present orientation, and it turned in 30 degree steps about the vertical, lying on a side or upside down."""
    tips = [
        Rotation.identity(),
        *(Rotation.from_euler(*tip, degrees=True) for tip in (("x", 90), ("y", 90), ("x", 180))),
    ]
    yaws = [Rotation.from_euler("z", 30 * i, degrees=True) for i in range(6)]
    chosen = tips[variant - 1 : variant] if variant else tips
    return [yaw * start * tip for tip, yaw in product(chosen, yaws)]


def _misfit(below: float, centre: np.ndarray, extent: np.ndarray, size: np.ndarray) -> float:
    """By how much an object at rest in a box of `size` sticks out, worst if its origin is under the box."""
    sticking = np.clip(extent - (size - 0.004), 0, None)
    return float(sticking.sum() + max(0.0, -0.005 - below) * 10 + np.abs(centre).sum() / 100)


def _rest(world: Any, joint: str, body: int, turn: Rotation) -> tuple[float, np.ndarray, np.ndarray]:
    """Of a turned object: height of its origin over its lowest point, its middle from the origin (x, y), its size."""
    _put(world, joint, np.array([0.0, 0.0, 5.0]), turn)
    world.sim.forward()
    low, high = _extent(world, body)
    origin = world.sim.data.body_xpos[body]
    return float(origin[2] - low[2]), ((low + high) / 2 - origin)[:2], high - low


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
