"""Between demonstration files and this package's conventions: the one place that knows both.

| in LIBERO's files | here |
|---|---|
| `obs/agentview_rgb`, `obs/eye_in_hand_rgb`: upside down, as MuJoCo renders | `image`, `wrist_image`: upright |
| `actions[:, 6]`: -1 opens | +1 opens |
| `obs/ee_pos`, `obs/ee_ori`, ...: float64, an axis-angle | `eef_pos`, `eef_quat`, ...: float32, a quaternion |
| `states[t]`: before `actions[t]`; `obs[t]`: *after* it | see `Alignment` |

| in CALVIN's frames | here |
|---|---|
| `robot_obs`: position, extrinsic xyz euler angles, opening width, joints, last gripper command | the state keys |
| `rel_actions`: gripper +1 open | the action of the very frame |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vvla_policies.observation import axis_angle, euler_quaternions, quaternions, robosuite_gripper

Float = NDArray[np.float32]
Array = NDArray[Any]

Alignment = Literal["causal", "stored"]
"""Which action belongs to `obs[t]` of LIBERO's files. "causal": `actions[t + 1]`, the one that was chosen when `obs[t]`
was seen. "stored": `actions[t]`, the one that led there, as LIBERO's own training pairs them."""

PICTURES = {"image": "agentview_rgb", "wrist_image": "eye_in_hand_rgb"}
"""Observation key to the name in the file, below `obs/`."""

STATES = ("eef_pos", "eef_quat", "gripper_qpos", "gripper_command", "joint_pos", "state")


def flipped(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures turned upside down: from the file's convention to ours and back.

    Args:
        pictures: (..., H, W, 3).
    """
    return np.ascontiguousarray(pictures[..., ::-1, :, :])


def actions_from_file(actions: Array) -> Float:
    """Actions (..., 7) with our gripper sign, +1 open."""
    return robosuite_gripper(actions).astype(np.float32)


def actions_to_file(actions: Array) -> NDArray[np.float64]:
    """Actions (..., 7) with robosuite's gripper sign, -1 open."""
    return robosuite_gripper(np.asarray(actions, dtype=np.float64)).astype(np.float64, copy=False)


def gripper_commands(actions: Array) -> Float:
    """The last commanded gripper after each action, as `gripper_command` of an observation.

    Args:
        actions: (N, 7) with our gripper sign.

    Returns:
        (N, 1): +1 open, -1 closed; 0 is no command, and an episode begins open.
    """
    signs = np.sign(actions[:, 6])
    latest = np.maximum.accumulate(np.where(signs != 0, np.arange(len(signs)), -1))
    return np.where(latest < 0, 1.0, signs[latest]).astype(np.float32)[:, None]


def states_from_file(obs: Mapping[str, Array], commands: Float) -> dict[str, Float]:
    """Proprioception in our format.

    Args:
        obs: "ee_pos" (N, 3), "ee_ori" (N, 3), "gripper_states" (N, 2), "joint_states" (N, 7) of a file.
        commands: (N, 1), see `gripper_commands`.

    Returns:
        The state keys of an `Observation`, each (N, ...).
    """
    found = {
        "eef_pos": obs["ee_pos"],
        "eef_quat": quaternions(obs["ee_ori"]),
        "gripper_qpos": obs["gripper_states"],
        "gripper_command": commands,
        "joint_pos": obs["joint_states"],
        "state": np.concatenate([obs["ee_pos"], obs["ee_ori"], obs["gripper_states"]], axis=-1),
    }
    return {key: np.asarray(value, dtype=np.float32) for key, value in found.items()}


def states_to_file(read: Mapping[str, Array]) -> dict[str, NDArray[np.float64]]:
    """Proprioception as LIBERO's files hold it.

    Args:
        read: "eef_pos" (N, 3), "eef_quat" (N, 4), "gripper_qpos" (N, 2), "joint_pos" (N, 7), as the sensors gave them.

    Returns:
        What stands below `obs/`, and `robot_states` (N, 9): fingers, position, quaternion.
    """
    turns = np.stack([axis_angle(quat) for quat in read["eef_quat"]])
    return {
        "ee_pos": read["eef_pos"],
        "ee_ori": turns,
        "ee_states": np.concatenate([read["eef_pos"], turns], axis=-1),
        "gripper_states": read["gripper_qpos"],
        "joint_states": read["joint_pos"],
        "robot_states": np.concatenate([read["gripper_qpos"], read["eef_pos"], read["eef_quat"]], axis=-1),
    }


# --- CALVIN ----------------------------------------------------------------------------------------------------------


def states_from_robot_obs(robot_obs: Array) -> dict[str, Float]:
    """Proprioception in our format.

    `robot_obs` does not hold the sign of the quaternion. The simulator's has none of its own choice either: it turns
    with the tool, which points down and looks ahead, yaw near pi / 2; so that one is taken which is nearer to there.

    Args:
        robot_obs: (N, 15), CALVIN's.

    Returns:
        The state keys of an `Observation`, each (N, ...).
    """
    read = np.asarray(robot_obs, dtype=np.float64)
    quats = euler_quaternions(read[:, 3:6])
    quats *= np.where(quats[:, :1] + quats[:, 1:2] < 0, -1.0, 1.0)
    fingers = np.repeat(read[:, 6:7] / 2, 2, axis=1)
    turns = np.stack([axis_angle(quat) for quat in quats])
    found = {
        "eef_pos": read[:, :3],
        "eef_quat": quats,
        "gripper_qpos": fingers,
        "gripper_command": np.where(read[:, 14:] > 0, 1.0, -1.0),
        "joint_pos": read[:, 7:14],
        "state": np.concatenate([read[:, :3], turns, fingers], axis=1),
    }
    return {key: np.asarray(value, dtype=np.float32) for key, value in found.items()}


def actions_from_calvin(rel_actions: Array) -> Float:
    """Actions (..., 7) in [-1, 1], gripper exactly +1 (open: above 0, as the simulator has it) or -1."""
    actions = np.clip(np.asarray(rel_actions, dtype=np.float32), -1.0, 1.0)
    actions[..., 6] = np.where(actions[..., 6] > 0, 1.0, -1.0)
    return actions
