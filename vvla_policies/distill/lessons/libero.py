"""What is where in the pictures of a LIBERO demonstration, from the simulator.

The recorded states are set, one after the other, in the task's own model, with its fixtures put where the
demonstration's compiled model had them. Nothing is drawn and no physics runs: a frame takes a few milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.demos.libero.files import opened
from vvla_policies.distill.demos.libero.inspection import demo_names
from vvla_policies.distill.demos.libero.layout import FACTS
from vvla_policies.distill.lessons.truths import GRIPPER, REGION, Truths, on_picture
from vvla_policies.envs.protocol import get_protocol
from vvla_policies.envs.suite import EnvSettings, Suite, load_suite
from vvla_policies.errors import RecordError
from vvla_policies.observation import CAMERAS

if TYPE_CHECKING:
    from vvla_policies.envs.libero.env import LiberoEnv

_HAND = "gripper0_grip_site"
_ROBOT = ("robot0_", "gripper0_")


def read_truths(path: Path, demos: Sequence[str] | None = None) -> Truths:
    """Looks into every frame of a file, its demonstrations one after the other.

    Frame t of a file was seen after its action t, in the state before action t + 1; the last one takes the state before
    its own action.

    Args:
        path: a file of demonstrations of a LIBERO task, ours or official.
        demos: names of its groups; None for all.

    Raises:
        RecordError: its task, or the assets that it was made with, are not here.
    """
    with opened(path) as file:
        data = file["data"]
        env = _environment(path, dict(data.attrs))
        try:
            look = _Look(env)
            for name in demos or demo_names(data):
                look.add(data[name], path)
            return look.truths()
        finally:
            env.close()


class _Look:
    """Collects the truths of one task's demonstrations."""

    def __init__(self, env: LiberoEnv) -> None:
        from vvla_policies.envs.libero.env import CAMERA_NAMES

        env.start(env.task.index, 0, 0)
        self._env = env
        model = env.simulator.model
        self._cameras = [model.camera(CAMERA_NAMES[camera]).id for camera in CAMERAS]
        seen = env.privileged()
        known = {name: one for name, one in seen["objects"].items() if one["bodies"]}
        self._roots = [one["bodies"][0] for one in known.values()]
        self._interest = tuple(env.simulator.env.obj_of_interest)
        self._sites = [*(name for name in self._interest if name not in known and name in seen["sites"]), _HAND]
        self._things = (*known, *self._sites[:-1], GRIPPER)
        regions = [REGION] * (len(self._sites) - 1)
        self._categories = (*(one["category"] for one in known.values()), *regions, GRIPPER)
        self._joints = tuple(joint for joint in seen["joints"] if not joint.startswith(_ROBOT))
        self._rows: list[tuple[Any, int, list[float]]] = []

    def add(self, group: Any, path: Path) -> None:
        """All frames of a demonstration."""
        states, model = group["states"][()], self._env.simulator.model
        if states.shape[1] != 1 + model.nq + model.nv:
            wanted = 1 + model.nq + model.nv
            raise RecordError(f"{path} holds states of {states.shape[1]} numbers; its task has {wanted} here")
        _mount(model, group.attrs["model_file"])
        for t in range(len(states)):
            self._rows.append(self._frame(states[min(t + 1, len(states) - 1)]))

    def _frame(self, state: NDArray[np.float64]) -> tuple[Any, int, list[float]]:
        import mujoco

        model, data = self._env.simulator.model, self._env.simulator.data
        data.qpos[:] = state[1 : 1 + model.nq]
        for stage in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_camlight, mujoco.mj_collision):
            stage(model, data)
        seen = self._env.privileged()
        poses = [seen["bodies"][root] for root in self._roots] + [seen["sites"][site] for site in self._sites]
        places = np.array(poses)[:, :3]
        points = np.stack([project(model, data, camera, places) for camera in self._cameras], axis=1)
        held = self._things.index(seen["gripped"][0]) if seen["gripped"] else -1
        return points, held, [_share(seen["joints"][joint], seen["axes"][joint]["range"]) for joint in self._joints]

    def truths(self) -> Truths:
        """Everything seen."""
        points, held, openness = zip(*self._rows, strict=True)
        return Truths(
            self._things,
            self._categories,
            np.stack(points).astype(np.float32),
            np.array(held, dtype=np.int64),
            self._joints,
            np.array(openness, dtype=np.float32).reshape(len(held), len(self._joints)),
            self._interest,
        )


def _share(position: float, span: NDArray[np.float64]) -> float:
    return float((position - span[0]) / (span[1] - span[0]))


def project(model: Any, data: Any, camera: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """`on_picture`, for a camera of MuJoCo.

    Args:
        model: `MjModel`.
        data: `MjData`, with the camera's pose up to date.
        camera: its number.
        places: (n, 3), m, world frame.
    """
    local = (places - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    return on_picture(local, model.cam_fovy[camera])


def _mount(model: Any, xml: str | bytes) -> None:
    """Puts the fixtures where a compiled model had them."""
    text = xml.decode() if isinstance(xml, bytes) else xml
    for element in ET.fromstring(text).iter("body"):  # noqa: S314 - MuJoCo's own text, from a trusted file
        name, pos, quat = (element.get(key) for key in ("name", "pos", "quat"))
        if name is None:
            continue
        body = model.body(name).id
        model.body_pos[body] = [float(v) for v in (pos or "0 0 0").split()]
        model.body_quat[body] = [float(v) for v in (quat or "1 0 0 0").split()]


def _environment(path: Path, attributes: dict[str, Any]) -> LiberoEnv:
    suite, task = _task(path, str(attributes.get("bddl_file_name", "")))
    made = json.loads(attributes.get(FACTS, "{}"))
    assets = suite.assets(made.get("assets", {}).get("name", "official"))
    return suite.make_env(EnvSettings(get_protocol("openvla"), assets, cameras=()), task)  # type: ignore[return-value]


def _task(path: Path, definition: str) -> tuple[Suite, int]:
    from vvla_policies.envs.libero.suites import FOLDERS

    wanted = Path(definition).stem
    for name in FOLDERS:
        suite = load_suite(name)
        for task in suite.tasks:
            if task.name == wanted:
                return suite, task.index
    raise RecordError(f"{path} is of no LIBERO task that is known here: '{definition}'")
