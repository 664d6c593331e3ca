# /// script
# requires-python = ">=3.10"
# dependencies = ["lerobot==0.4.4", "h5py>=3.8", "websockets>=15", "msgpack>=1.0.5"]
# ///
"""Writes a LeRobot data set by LeRobot's own code: uv run export_lerobot.py PLAN.json --out FOLDER.

The plan is a list of {"path": file of demonstrations, "demos": [names], "instruction": text}; `vvla demos export` makes
it. Cameras and state have the names and conventions of LeRobot's LIBERO data (HuggingFaceVLA/libero), so a policy that
is trained on the result is evaluated by `--policy lerobot:FOLDER`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import conversions
import numpy as np

CAMERAS = {"image": "observation.images.image", "wrist_image": "observation.images.image2"}
FEATURES = {**CAMERAS, "state": "observation.state"}
FRAMES_PER_SECOND = 20  # LIBERO's control rate


def export(plan: list[dict[str, Any]], out: Path, name: str, size: int | None) -> None:
    """Writes all demonstrations of a plan, with pictures of their own size or another; prints a line for each file."""
    import h5py
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    dataset = None
    for entry in plan:
        with h5py.File(entry["path"], "r") as file:
            for demo in entry["demos"]:
                frames = conversions.frames_of_demo(file["data"][demo])
                if size is not None:
                    for key in CAMERAS:
                        frames[key] = np.stack([conversions.resized(image, size, size) for image in frames[key]])
                if dataset is None:
                    shape = frames["image"].shape[1:]
                    dataset = LeRobotDataset.create(
                        name, FRAMES_PER_SECOND, features(shape), root=out, robot_type="panda", use_videos=False
                    )
                for step in range(len(frames["action"])):
                    seen = {feature: frames[key][step] for key, feature in FEATURES.items()}
                    dataset.add_frame({**seen, "action": frames["action"][step], "task": entry["instruction"]})
                dataset.save_episode()
        sys.stdout.write(f"{len(entry['demos'])} demonstrations: {entry['instruction']}\n")
    if dataset is not None:
        dataset.finalize()


def features(shape: tuple[int, ...]) -> dict[str, Any]:
    """What LeRobot is told about the columns."""
    picture = {"dtype": "image", "shape": shape, "names": ["height", "width", "channel"]}
    state = ["x", "y", "z", "rx", "ry", "rz", "finger_1", "finger_2"]
    action = ["x", "y", "z", "rx", "ry", "rz", "gripper"]
    return {
        **{feature: dict(picture) for feature in CAMERAS.values()},
        FEATURES["state"]: {"dtype": "float32", "shape": (len(state),), "names": state},
        "action": {"dtype": "float32", "shape": (len(action),), "names": action},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a LeRobot data set.")
    parser.add_argument("plan", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="a folder that does not exist yet")
    parser.add_argument("--name", default="vvla/demos", help="what LeRobot calls the data set (its repo_id)")
    parser.add_argument("--size", type=int, help="height and width of the pictures, px; default: those of the files")
    options = parser.parse_args()
    export(json.loads(options.plan.read_text()), options.out, options.name, options.size)
