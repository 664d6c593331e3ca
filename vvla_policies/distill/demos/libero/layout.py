"""What stands where in a demonstration file: LIBERO's layout, with a few entries of our own beside it.

| below `data/demo_<k>/` | shape, type | meaning |
|---|---|---|
| `actions` | (N, 7) float64 | executed, in [-1, 1], gripper -1 opens |
| `states` | (N, 1 + nq + nv) float64 | time, qpos, qvel before each action |
| `obs/agentview_rgb`, `obs/eye_in_hand_rgb` | (N, H, W, 3) uint8 | after each action, upside down |
| `obs/` `ee_pos`, `ee_ori`, `ee_states`, `gripper_states`, `joint_states` | (N, 3), 3, 6, 2, 7 float64 | likewise |
| `robot_states` | (N, 9) float64 | fingers, position, quaternion (xyzw) after each action |
| `rewards`, `dones` | (N,) uint8 | 1 at the last step |
| `disturbed` (ours) | (N,) uint8 | 1 where the action is not the expert's own (`--noise`, `--novice`) |
| `drawn` (ours) | (N,) uint8 | with `--every` only: 0 where no picture was drawn; it is black |
| attributes | | `num_samples`, `init_state`, `model_file`; ours: `vvla_episode`, the episode's key |

Attributes of `data`: those of LIBERO's files (`env_name`, `problem_info`, `bddl_file_name`, `bddl_file_content`,
`env_args`, `macros_image_convention`, `tag`, `num_demos`, `total`), and `vvla`, a JSON text on how they were made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vvla_policies.distill.demos.conversions import PICTURES, actions_to_file, flipped, states_to_file
from vvla_policies.errors import MissingExtraError

if TYPE_CHECKING:
    from vvla_policies.envs.libero.env import LiberoEnv
    from vvla_policies.envs.manipulation import ManipulationEnv

SUFFIX = "_demo.hdf5"
TAG = "libero-v1"
EPISODE = "vvla_episode"
FACTS = "vvla"
PACKED = {"compression": "gzip", "compression_opts": 4}
STRIP = {"image": (16, 8), "wrist_image": (1, 1 << 20)}
"""Frames and rows that are packed together. A fixed camera's background returns in each frame: strips of several
frames are small enough for gzip to see it, and halve the file. The wrist's camera moves: its frames stand alone."""


@dataclass(frozen=True)
class Demo:
    """One demonstration in this package's conventions.

    Attributes:
        episode: the episode's key as text.
        actions: float64 (N, 7), gripper +1 open.
        states: float64 (N, 1 + nq + nv), before each action.
        read: proprioception after each action, see `conversions.states_to_file`.
        pictures: camera to uint8 (N, H, W, 3), upright, after each action.
        drawn: bool (N,), False where a picture was left out.
        disturbed: bool (N,).
        model: the compiled model, XML.
    """

    episode: str
    actions: NDArray[np.float64]
    states: NDArray[np.float64]
    read: Mapping[str, NDArray[np.float64]]
    pictures: Mapping[str, NDArray[np.uint8]]
    drawn: NDArray[np.bool_]
    disturbed: NDArray[np.bool_]
    model: str


def h5py_module() -> Any:
    """h5py, imported only now.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("libero", "h5py") from error
    return h5py


def write_demo(group: Any, demo: Demo) -> None:
    """Writes a demonstration into its empty group."""
    count = len(demo.actions)
    last = np.zeros(count, dtype=np.uint8)
    last[-1] = 1
    obs = group.create_group("obs")
    low = states_to_file(demo.read)
    group["robot_states"] = low.pop("robot_states")
    for name, values in low.items():
        obs[name] = values
    for camera, pictures in demo.pictures.items():
        frames, rows = STRIP[camera]
        chunk = (min(frames, count), min(rows, pictures.shape[1]), *pictures.shape[2:])
        obs.create_dataset(PICTURES[camera], data=flipped(pictures), chunks=chunk, **PACKED)
    group["actions"] = actions_to_file(demo.actions)
    group["states"] = demo.states
    group["rewards"] = last
    group["dones"] = last
    group["disturbed"] = demo.disturbed.astype(np.uint8)
    if not demo.drawn.all():
        group["drawn"] = demo.drawn.astype(np.uint8)
    group.attrs["num_samples"] = count
    group.attrs["init_state"] = demo.states[0]
    group.attrs["model_file"] = demo.model
    group.attrs[EPISODE] = demo.episode


def drawn_steps(group: Any) -> NDArray[np.bool_]:
    """Which steps of a demonstration's group have pictures: bool (N,)."""
    return group["drawn"][()] != 0 if "drawn" in group else np.ones(len(group["actions"]), dtype=bool)


def count_up(data: Any) -> None:
    """Sets the totals of a file's `data` group."""
    data.attrs["num_demos"] = len(data)
    data.attrs["total"] = int(sum(data[name].attrs["num_samples"] for name in data))


def attributes(env: ManipulationEnv, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of `data` for the environment's task.

    Args:
        env: the environment; for LIBERO's, there is what LIBERO's script writes.
        facts: how the demonstrations were made; becomes the `vvla` attribute.
    """
    from vvla_policies.envs.libero.env import LiberoEnv

    told = {**facts, "task": env.task.name, "instruction": env.task.instruction}
    common = {"macros_image_convention": "opengl", "tag": TAG, FACTS: json.dumps(told)}
    return {**common, **(_task_attributes(env) if isinstance(env, LiberoEnv) else {})}


def _task_attributes(env: LiberoEnv) -> dict[str, Any]:
    from libero.libero.envs import bddl_utils

    from vvla_policies.envs.libero.suites import FOLDERS

    problem = env.simulator.env
    path = env.suite.bddl_file(env.task.index)
    info = bddl_utils.get_problem_info(str(path))
    name = f"libero/libero/bddl_files/{FOLDERS[env.suite.name]}/{path.name}"
    return {
        "env_name": type(problem).__name__,
        "problem_info": json.dumps(info),
        "bddl_file_name": name,
        "bddl_file_content": path.read_text(),
        "env_args": json.dumps(_env_args(env, info["problem_name"], name)),
    }


def _env_args(env: LiberoEnv, problem: str, bddl_file: str) -> dict[str, Any]:
    import robosuite

    height, width = env.settings.protocol.image_size
    return {
        "type": 1,
        "env_name": type(env.simulator.env).__name__,
        "problem_name": problem,
        "bddl_file": bddl_file,
        "env_kwargs": {
            "robots": ["Panda"],
            "controller_configs": robosuite.load_controller_config(default_controller="OSC_POSE"),
            "bddl_file_name": bddl_file,
            "has_renderer": False,
            "has_offscreen_renderer": True,
            "ignore_done": True,
            "use_camera_obs": True,
            "camera_depths": False,
            "camera_names": ["robot0_eye_in_hand", "agentview"],
            "reward_shaping": True,
            "control_freq": 20,
            "camera_heights": height,
            "camera_widths": width,
            "camera_segmentations": None,
        },
    }
