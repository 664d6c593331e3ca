"""One observation format for every benchmark, and the views that policies of other conventions need.

An `Observation` is a dictionary of numpy arrays that nobody else writes to. Which camera keys are present depends on
what the policy says it reads; the state keys are always there.

| key | dtype, shape | meaning |
|---|---|---|
| `image` | uint8 (H, W, 3) | third-person camera, RGB, upright as a person would see it |
| `wrist_image` | uint8 (h, w, 3) | gripper camera, RGB, upright |
| `eef_pos` | float32 (3,) | end-effector position, m, the benchmark's world frame |
| `eef_quat` | float32 (4,) | end-effector orientation, xyzw, sign as the simulator gives it |
| `gripper_qpos` | float32 (2,) | finger joint positions, m (LIBERO: of opposite sign; CALVIN: both positive) |
| `gripper_command` | float32 (1,) | last commanded gripper, +1 open, -1 closed |
| `joint_pos` | float32 (7,) | arm joints, rad |
| `state` | float32 (8,) | `eef_pos`, axis-angle of `eef_quat` (3, rad), `gripper_qpos` |
| `privileged` | dict | only for policies whose card asks for it: named poses, joints, goal |

Why `eef_quat` keeps the simulator's sign: a gripper that points down has w close to 0, so forcing w >= 0 would make
quaternion and axis-angle jump in the middle of ordinary motions, and differ from the data that policies are trained on.
"""

from __future__ import annotations

import math
from typing import Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Image = NDArray[np.uint8]
Real = TypeVar("Real", bound=np.floating[Any])

CAMERAS = ("image", "wrist_image")
STATE_SHAPES: dict[str, tuple[int, ...]] = {
    "eef_pos": (3,),
    "eef_quat": (4,),
    "gripper_qpos": (2,),
    "gripper_command": (1,),
    "joint_pos": (7,),
    "state": (8,),
}
KEYS = (*CAMERAS, *STATE_SHAPES, "privileged")


class Observation(TypedDict, total=False):
    """What a policy sees; see the module's table for shapes, units and frames."""

    image: Image
    wrist_image: Image
    eef_pos: Float
    eef_quat: Float
    gripper_qpos: Float
    gripper_command: Float
    joint_pos: Float
    state: Float
    privileged: dict[str, Any]


# --- views: pure functions from this format to the conventions of others ----------------------------------------


def raw_image(image: Image) -> Image:
    """The picture as MuJoCo's renderer hands it out (upside down): what raw LIBERO demonstrations hold.

    Args:
        image: uint8 (H, W, 3), upright.

    Returns:
        uint8 (H, W, 3), flipped top to bottom.
    """
    return np.ascontiguousarray(image[::-1])


def rotated_image(image: Image) -> Image:
    """The renderer's raw picture turned by 180 degrees (OpenVLA, openpi, LeRobot): upright, but mirrored left-right.

    Args:
        image: uint8 (H, W, 3), upright.

    Returns:
        uint8 (H, W, 3), flipped left to right.
    """
    return np.ascontiguousarray(image[:, ::-1])


def axis_angle(quat: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Rotation vector of a quaternion, as robosuite's and OpenVLA's `quat2axisangle` define it.

    The angle is 2 acos(w) in [0, 2 pi]: it is not wrapped to pi, so that it stays continuous where w changes sign.

    Args:
        quat: (4,) xyzw, unit length.

    Returns:
        float64 (3,), rad.

    >>> axis_angle(np.array([0.0, 0.0, 1.0, 0.0])).round(4).tolist()
    [0.0, 0.0, 3.1416]
    """
    unit = np.asarray(quat, dtype=np.float64)
    w = min(1.0, max(-1.0, float(unit[3])))
    sine = math.sqrt(1.0 - w * w)
    if math.isclose(sine, 0.0):
        return np.zeros(3)
    vector: NDArray[np.float64] = unit[:3] * 2.0 * math.acos(w) / sine
    return vector


def quaternions(rotations: NDArray[Any]) -> NDArray[np.float64]:
    """The inverse of `axis_angle`: the sign of the quaternion comes back too, as the angle is not wrapped.

    Args:
        rotations: (..., 3), rad, of length 0 to 2 pi.

    Returns:
        (..., 4), xyzw, unit length.

    >>> quaternions(np.array([0.0, 0.0, np.pi])).round(6).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    vectors = np.asarray(rotations, dtype=np.float64)
    angles = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scale = np.sinc(angles / (2 * np.pi)) / 2  # sin(angle / 2) / angle, also at 0
    return np.concatenate([vectors * scale, np.cos(angles / 2)], axis=-1)


def euler_xyz(quat: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Extrinsic xyz ("static") euler angles of a quaternion, the convention of CALVIN's `robot_obs` and of Seer.

    Args:
        quat: (4,) xyzw, unit length.

    Returns:
        float64 (3,), rad: roll, pitch, yaw with the rotation matrix Rz(yaw) Ry(pitch) Rx(roll).

    >>> euler_xyz(np.array([1.0, 0.0, 0.0, 0.0])).round(4).tolist()
    [3.1416, 0.0, 0.0]
    """
    x, y, z, w = np.asarray(quat, dtype=np.float64)
    roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1.0, 1.0))
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return np.array([roll, pitch, yaw])


def euler_quaternions(angles: NDArray[Any]) -> NDArray[np.float64]:
    """The inverse of `euler_xyz`, up to the sign.

    Args:
        angles: (..., 3), extrinsic xyz, rad.

    Returns:
        (..., 4), xyzw, unit length.

    >>> euler_quaternions(np.array([np.pi, 0.0, 0.0])).round(6).tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    half = np.asarray(angles, dtype=np.float64) / 2
    (a, b, c), (x, y, z) = np.moveaxis(np.cos(half), -1, 0), np.moveaxis(np.sin(half), -1, 0)
    return np.stack(
        [x * b * c - a * y * z, a * y * c + x * b * z, a * b * z - x * y * c, a * b * c + x * y * z], axis=-1
    )


def one_hot_gripper(command: NDArray[np.floating[Any]]) -> Float:
    """One-hot of the binarised gripper command (Seer, VITA-VLA on CALVIN).

    Args:
        command: (1,) in [-1, 1]; +1 is open.

    Returns:
        float32 (2,): [1, 0] closed, [0, 1] open (a value below 1 counts as closed, as in the reference).
    """
    is_open = float(np.asarray(command).reshape(-1)[0]) >= 1.0
    return np.array([0.0, 1.0] if is_open else [1.0, 0.0], dtype=np.float32)


def robosuite_gripper(action: NDArray[Real]) -> NDArray[Real]:
    """Turns the gripper entry between this package's sign (+1 open) and robosuite's (-1 open); its own inverse.

    Args:
        action: (..., 7).

    Returns:
        A copy with the last entry negated.
    """
    turned: NDArray[Real] = np.array(action)
    turned[..., -1] = 0.0 - turned[..., -1]  # not `-x`: keeps 0 from becoming -0
    return turned


def calvin_robot_obs(obs: Observation) -> NDArray[np.float64]:
    """CALVIN's `robot_obs` of an observation in CALVIN, to the precision of float32.

    Args:
        obs: with all state keys.

    Returns:
        float64 (15,): tool position (m), extrinsic xyz euler angles (rad), opening width (m), arm joints (rad), last
        gripper command (+1 open, -1 closed).
    """
    euler = euler_xyz(obs["eef_quat"])
    width = float(obs["gripper_qpos"].sum())
    return np.array([*obs["eef_pos"], *euler, width, *obs["joint_pos"], *obs["gripper_command"]])


def state_vector(eef_pos: NDArray[Any], eef_quat: NDArray[Any], gripper_qpos: NDArray[Any]) -> Float:
    """The 8-d proprioceptive vector that most VLAs read.

    Args:
        eef_pos: (3,), m.
        eef_quat: (4,), xyzw.
        gripper_qpos: (2,), m.

    Returns:
        float32 (8,): position, axis-angle, finger positions.
    """
    return np.concatenate([eef_pos, axis_angle(eef_quat), gripper_qpos]).astype(np.float32)
