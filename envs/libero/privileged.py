"""What only experts may know: the simulator's own poses, joints, shapes and goal, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.libero.simulator import Simulator

Array = NDArray[np.float64]

COLLISION_GROUP = 0
SINGLE_AXIS = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
FINGERS = ("gripper0_leftfinger", "gripper0_rightfinger")


def look(simulator: Simulator, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The privileged observation: plain data, positions in m and angles in rad, world frame, quaternions xyzw.

    Args:
        simulator: in an episode.
        fixed: what `constants` says of it.

    Returns:
        The constants, and
        - "bodies" and "sites": name to (7,) position and orientation;
        - "joints": name of each single-axis joint to its position (rad or m);
        - "axes": name of each of these joints to {"body", "axis" (3,), "anchor" (3,), "range" (2,)};
        - "satisfied": whether each predicate of the goal holds;
        - "gripped": the objects that both fingers touch.
    """
    model, data, env = simulator.model, simulator.data, simulator.env
    joints = [i for i in range(model.njnt) if model.jnt_type[i] in SINGLE_AXIS]
    return {
        **fixed,
        "bodies": {model.body(i).name: _pose(data.xpos[i], data.xmat[i]) for i in range(model.nbody)},
        "sites": {model.site(i).name: _pose(data.site_xpos[i], data.site_xmat[i]) for i in range(model.nsite)},
        "joints": {model.joint(i).name: float(data.qpos[model.jnt_qposadr[i]]) for i in joints},
        "axes": {model.joint(i).name: _axis(model, data, i) for i in joints},
        "satisfied": [bool(env._eval_predicate(predicate)) for predicate in fixed["goal"]],  # noqa: SLF001
        "gripped": _gripped(model, data, fixed["objects"]),
    }


def constants(simulator: Simulator) -> dict[str, Any]:
    """What stays the same during an episode.

    Returns:
        - "objects": name of each object and fixture to {"category", "fixture", "bodies" (the first is its root)};
        - "boxes": name of each of their bodies to (n, 10), what it collides with: boxes round its geoms, each centre
          (3), orientation (4) and half lengths (3), in the frame of the body;
        - "regions": name of each site to {"body" (that it is fixed to), "half" (3,) lengths};
        - "goal": LIBERO's predicates, like ["on", "bowl_1", "plate_1"].
    """
    model, env = simulator.model, simulator.env
    objects = {name: _object(env, model, name) for name in (*env.objects_dict, *env.fixtures_dict)}
    sites = [model.site(i) for i in range(model.nsite)]
    return {
        "objects": objects,
        "boxes": {body: _boxes(model, body) for known in objects.values() for body in known["bodies"]},
        "regions": {
            site.name: {"body": model.body(model.site_bodyid[site.id]).name, "half": model.site_size[site.id].copy()}
            for site in sites
        },
        "goal": [list(predicate) for predicate in env.parsed_problem["goal_state"]],
    }


def _pose(position: Array, matrix: Array) -> Array:
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, matrix)
    return np.concatenate([position, quat[[1, 2, 3, 0]]])


def _axis(model: Any, data: Any, joint: int) -> dict[str, Any]:
    return {
        "body": model.body(model.jnt_bodyid[joint]).name,
        "axis": data.xaxis[joint].copy(),
        "anchor": data.xanchor[joint].copy(),
        "range": model.jnt_range[joint].copy(),
    }


def _object(env: Any, model: Any, name: str) -> dict[str, Any]:
    root = env.obj_body_id.get(name)
    bodies = [] if root is None else [model.body(i).name for i in _family(model, root)]
    return {"category": env.get_object(name).category_name, "fixture": name in env.fixtures_dict, "bodies": bodies}


def _family(model: Any, root: int) -> Iterator[int]:
    """A body and all below it; MuJoCo numbers parents before children."""
    members = {root}
    yield root
    for body in range(root + 1, model.nbody):
        if int(model.body_parentid[body]) in members:
            members.add(body)
            yield body


def _boxes(model: Any, body: str) -> Array:
    rows = []
    first, count = model.body(body).geomadr[0], model.body(body).geomnum[0]
    for geom in range(first, first + count):
        if model.geom_group[geom] != COLLISION_GROUP or not (model.geom_contype[geom] or model.geom_conaffinity[geom]):
            continue
        centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        matrix = np.empty(9)
        mujoco.mju_quat2Mat(matrix, model.geom_quat[geom])
        turned = matrix.reshape(3, 3) @ centre
        rows.append(np.concatenate([model.geom_pos[geom] + turned, model.geom_quat[geom][[1, 2, 3, 0]], half]))
    return np.array(rows).reshape(-1, 10)


def _gripped(model: Any, data: Any, objects: dict[str, Any]) -> list[str]:
    """Objects that have contacts with both fingers."""
    owner = {body: name for name, known in objects.items() for body in known["bodies"]}
    finger = {model.body(i).name: side for side in FINGERS for i in _family(model, model.body(side).id)}
    touched: dict[str, set[str]] = {side: set() for side in FINGERS}
    for k in range(data.ncon):
        first, second = (model.body(model.geom_bodyid[geom]).name for geom in data.contact[k].geom)
        for one, other in ((first, second), (second, first)):
            if one in finger and other in owner:
                touched[finger[one]].add(owner[other])
    return sorted(touched[FINGERS[0]] & touched[FINGERS[1]])
