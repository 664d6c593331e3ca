"""What only experts may know: the simulator's own poses, joints, shapes and goal, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.libero.simulator import Simulator

Array = NDArray[np.float64]

COLLISION_GROUP = 0
SINGLE_AXIS = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
NOBODY = -1
FINGERS = ("gripper0_leftfinger", "gripper0_rightfinger")


class PrivilegedView:
    """Reads the privileged observation, during one episode.

    Args:
        simulator: in an episode; what does not change until the next one is read here.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._constants = constants(simulator)
        model = simulator.model
        self._bodies = [model.body(i).name for i in range(model.nbody)]
        self._sites = [model.site(i).name for i in range(model.nsite)]
        self._joints = [i for i in range(model.njnt) if model.jnt_type[i] in SINGLE_AXIS]
        self._joint_names = [model.joint(i).name for i in self._joints]
        self._axes = [_axis(model, i) for i in self._joints]
        self._owners = list(self._constants["objects"])
        owners = [known["bodies"] for known in self._constants["objects"].values()]
        self._owner = _numbered(model, owners)
        self._finger = _numbered(
            model, [[model.body(i).name for i in _family(model, model.body(f).id)] for f in FINGERS]
        )

    def look(self) -> dict[str, Any]:
        """The privileged observation: plain data, positions in m and angles in rad, world frame, quaternions xyzw.

        Returns:
            What `constants` says, and
            - "bodies" and "sites": name to (7,) position and orientation;
            - "joints": name of each single-axis joint to its position (rad or m);
            - "axes": name of each of these joints to {"body", "axis" (3,), "anchor" (3,), "range" (2,)};
            - "satisfied": whether each predicate of the goal holds;
            - "gripped": the objects that both fingers touch.
        """
        model, data, env = self._simulator.model, self._simulator.data, self._simulator.env
        moved = zip(self._axes, data.xaxis[self._joints], data.xanchor[self._joints], strict=True)
        axes = [{**known, "axis": axis, "anchor": anchor} for known, axis, anchor in moved]
        joints = data.qpos[model.jnt_qposadr[self._joints]].tolist()
        return {
            **self._constants,
            "bodies": _poses(self._bodies, data.xpos, data.xmat),
            "sites": _poses(self._sites, data.site_xpos, data.site_xmat),
            "joints": dict(zip(self._joint_names, joints, strict=True)),
            "axes": dict(zip(self._joint_names, axes, strict=True)),
            "satisfied": [bool(env._eval_predicate(predicate)) for predicate in self._constants["goal"]],  # noqa: SLF001
            "gripped": self._gripped(data.contact.geom),
        }

    def _gripped(self, contacts: NDArray[np.int32]) -> list[str]:
        """Objects that have contacts with both fingers; the contacts are pairs of geoms, (n, 2)."""
        pairs = np.concatenate([contacts, contacts[:, ::-1]])
        finger, owner = self._finger[pairs[:, 0]], self._owner[pairs[:, 1]]
        left, right = (set(owner[(finger == side) & (owner != NOBODY)].tolist()) for side in range(len(FINGERS)))
        return sorted(self._owners[k] for k in left & right)


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


def _poses(names: list[str], positions: Array, matrices: Array) -> dict[str, Array]:
    quats = np.empty((len(names), 4))
    for quat, matrix in zip(quats, matrices, strict=True):
        mujoco.mju_mat2Quat(quat, matrix)
    poses = np.concatenate([positions, quats[:, [1, 2, 3, 0]]], axis=1)
    return dict(zip(names, poses, strict=True))


def _axis(model: Any, joint: int) -> dict[str, Any]:
    return {"body": model.body(model.jnt_bodyid[joint]).name, "range": model.jnt_range[joint].copy()}


def _numbered(model: Any, groups: list[list[str]]) -> NDArray[np.intp]:
    """For each geom the number of the group that its body is in, NOBODY for the others: (ngeom,)."""
    group = {body: number for number, bodies in enumerate(groups) for body in bodies}
    bodies = np.array([group.get(model.body(i).name, NOBODY) for i in range(model.nbody)])
    return np.asarray(bodies[model.geom_bodyid])


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
