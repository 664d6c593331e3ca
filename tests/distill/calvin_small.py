"""A folder in CALVIN's layout, made by hand as the benchmark's own scripts make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PHRASES = (
    ((0, 9), "open the drawer", "open_drawer"),
    ((8, 15), "pull the handle", "open_drawer"),
    ((20, 26), "open the drawer", "open_drawer"),
)


def make_folder(folder: Path, size: int = 20) -> Path:
    """Frames 0 to 15 and 20 to 26; every number in a frame follows from the frame's."""
    split = folder / "training"
    (split / "lang_annotations").mkdir(parents=True)
    for k in [*range(16), *range(20, 27)]:
        frame = {
            "rgb_static": np.full((size, size, 3), k, dtype=np.uint8),
            "rgb_gripper": np.full((size // 2, size // 2, 3), 100 + k, dtype=np.uint8),
            "robot_obs": robot_obs(k),
            "scene_obs": np.zeros(24),
            "actions": np.zeros(7),
            "rel_actions": rel_actions(k),
        }
        frame["rgb_static"][:4] = 255  # the upper rows
        np.savez(split / f"episode_{k:07d}.npz", **frame)
    np.save(split / "ep_start_end_ids.npy", np.array([[0, 15], [20, 26]]))
    told = {
        "language": {
            "ann": [phrase for _, phrase, _ in PHRASES],
            "task": [task for _, _, task in PHRASES],
            "emb": np.zeros((len(PHRASES), 1, 384), dtype=np.float32),
        },
        "info": {"episodes": [], "indx": [(np.int64(first), np.int64(last)) for (first, last), _, _ in PHRASES]},
    }
    np.save(split / "lang_annotations" / "auto_lang_ann.npy", told, allow_pickle=True)  # type: ignore[arg-type]
    return folder


def robot_obs(k: int) -> np.ndarray:
    return np.array([0.1 * k, 0, 0.5, np.pi - 0.05, 0.02 * k, 1.5 - 0.1 * k, 0.08, *range(7), 1 if k % 4 < 2 else -1])


def rel_actions(k: int) -> np.ndarray:
    return np.array([k / 50, -k / 50, 0, 0, 0, 1, 1 if k % 4 < 2 else -1])
