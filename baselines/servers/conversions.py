"""Between this harness's LIBERO requests and the conventions of other models: pure functions of numpy arrays.

Requests hold pictures that are turned by 180 degrees from the renderer's raw ones, as OpenVLA, openpi and LeRobot were
trained on, and the state (8,): position (m), axis-angle (rad), finger positions (m). Replies hold robosuite's actions:
gripper -1 opens, +1 closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def gripper_from_unit(actions: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Actions whose gripper is 1 open, 0 closed (RLDS; OpenVLA, OFT, Octo) in robosuite's sign, binarised.

    A value of exactly 0.5 gives 0, no command, as `sign` does in OpenVLA's evaluation.

    >>> gripper_from_unit([[0, 0, 0, 0, 0, 0, 0.9], [0, 0, 0, 0, 0, 0, 0.2]])[:, 6].tolist()
    [-1.0, 1.0]
    """
    out = np.array(actions, np.float32)
    out[..., -1] = np.sign(1.0 - 2.0 * out[..., -1])
    return out


def unnormalise_bounds(actions: Any, statistics: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Actions in [-1, 1] to those of the data, by the 1 % and 99 % quantiles; entries that are masked stay.

    Args:
        actions: (..., D).
        statistics: "q01" and "q99" (OpenVLA) or "p01" and "p99" (Octo), (D,); "mask" (D,), true where an entry was
            normalised.
    """
    low = np.asarray(statistics["q01" if "q01" in statistics else "p01"], np.float64)
    high = np.asarray(statistics["q99" if "q99" in statistics else "p99"], np.float64)
    given = np.asarray(actions, np.float64)
    return np.where(_mask(statistics, low), (given + 1) / 2 * (high - low) + low, given).astype(np.float32)


def unnormalise_gaussian(actions: Any, statistics: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Actions of mean 0 and deviation 1 to those of the data; entries that are masked stay.

    Args:
        actions: (..., D).
        statistics: "mean" and "std", (D,); "mask" as in `unnormalise_bounds`.
    """
    mean, std = (np.asarray(statistics[key], np.float64) for key in ("mean", "std"))
    given = np.asarray(actions, np.float64)
    return np.where(_mask(statistics, mean), given * std + mean, given).astype(np.float32)


def statistics_key(known: Sequence[str], suite: str) -> str:
    """The name under which a checkpoint keeps a suite's statistics: the suite's, or that without idle steps.

    Args:
        known: the names it has.
        suite: "libero_spatial" ...; "libero_long" is LIBERO's "libero_10".

    Raises:
        SystemExit: neither is there; names those that are.

    >>> statistics_key(["libero_10_no_noops"], "libero_long")
    'libero_10_no_noops'
    """
    name = {"libero_long": "libero_10"}.get(suite, suite)
    for key in (name, f"{name}_no_noops"):
        if key in known:
            return key
    raise SystemExit(f"the checkpoint has no action statistics for {suite}; it has {', '.join(sorted(known))}")


def horizon(actions: Any, steps: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The first steps of a predicted chunk, 7 entries each: models pad actions to their width.

    Args:
        actions: (T, D), D >= 7.
        steps: at most so many; 0 for all.
    """
    out = np.asarray(actions, np.float32)
    return out[: steps or len(out), :7]


def camera_of(feature: str) -> str:
    """The request's key for a camera of a LeRobot policy: wrist cameras are called so, or are the second one.

    >>> [camera_of(f"observation.images.{name}") for name in ("image", "image2", "wrist_image", "agentview")]
    ['observation/image', 'observation/wrist_image', 'observation/wrist_image', 'observation/image']
    """
    name = feature.rsplit(".", 1)[-1].lower()
    wrist = any(word in name for word in ("wrist", "hand", "gripper")) or name.endswith("2")
    return "observation/wrist_image" if wrist else "observation/image"


def frames_of_demo(group: Any) -> dict[str, np.ndarray[Any, Any]]:
    """A demonstration of a LIBERO file as what a policy saw and did next, in the form of requests and replies.

    The file holds what was seen *after* each action; what was done next is the action that follows it.

    Args:
        group: `data/demo_<k>` of the file, or a dictionary of arrays like it.

    Returns:
        "image", "wrist_image" uint8 (N - 1, H, W, 3), turned by 180 degrees from the renderer's; "state" float32
        (N - 1, 8); "action" float32 (N - 1, 7), robosuite's gripper sign.
    """
    obs = group["obs"]
    parts = [np.asarray(obs[name])[:-1] for name in ("ee_pos", "ee_ori", "gripper_states")]
    return {
        "image": np.asarray(obs["agentview_rgb"])[:-1, ::-1, ::-1],
        "wrist_image": np.asarray(obs["eye_in_hand_rgb"])[:-1, ::-1, ::-1],
        "state": np.concatenate(parts, axis=-1).astype(np.float32),
        "action": np.asarray(group["actions"])[1:].astype(np.float32),
    }


def channels_first(image: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A picture uint8 (H, W, 3) as LeRobot reads it: float32 (1, 3, H, W) in [0, 1]."""
    return np.ascontiguousarray(np.moveaxis(np.asarray(image, np.float32) / 255.0, -1, 0)[None])


def resized(image: Any, height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture uint8 (H, W, 3) at the size that a policy was trained on, bilinear with antialiasing."""
    from PIL import Image

    given = np.asarray(image)
    if given.shape[:2] == (height, width):
        return given
    return np.asarray(Image.fromarray(given).resize((width, height), Image.Resampling.BILINEAR))


def _mask(statistics: Mapping[str, Any], like: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(statistics.get("mask", np.ones(like.shape)), bool)
