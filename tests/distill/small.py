"""Demonstrations and recipes small enough for tests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vvla_policies.distill.lessons.truths import GRIPPER, Truths
from vvla_policies.distill.recipe import Recipe, reads
from vvla_policies.student.config import intern_vit, qwen2

TASKS = ("open_the_drawer", "close_the_door")
TEACHER: dict[str, Any] = {
    "hidden": 16, "layers": 1, "heads": 2, "chunk": 3, "latents": 3, "foresight": 1, "horizon": 3,
    "picture": 16, "patch": 4, "vision_width": 16, "vision_heads": 2, "text_width": 16, "resampler_heads": 1,
    "decoder_heads": 2, "guided": True,
}  # fmt: skip
STUDENT: dict[str, Any] = {
    "vision": intern_vit(16, 1, 2, patch=7, image_size=14),
    "language": {**qwen2(32, 1, 4, 2, inner=48, vocabulary=768), "initializer_range": 0.2},
    "image_size": 14,
    "shuffle": 2,
    "stem": "patch",
    "decoder_width": 16,
    "action_tokens": 3,
}
BRIEF: dict[str, Any] = {
    "history": 2,
    "batch": 4,
    "steps": 6,
    "log_every": 2,
    "save_every": 2,
    "lr": 1e-2,
    "warmup": 1,
    "beta2": 0.95,
}


def make_demos(
    folder: Path, size: int = 28, demos: int = 3, frames: int = 9, tasks: tuple[str, ...] = TASKS, every: int = 1
) -> Path:
    """Files in LIBERO's layout; what is seen, felt and done depends on the frame and on the task."""
    import h5py

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number, task in enumerate(tasks):
        with h5py.File(folder / f"{task}_demo.hdf5", "w") as file:
            data = file.create_group("data")
            data.attrs["vvla"] = json.dumps({"assets": {"name": "primitive", "fingerprint": "abc"}})
            for d in range(demos):
                count = frames + d
                group = data.create_group(f"demo_{d}")
                phase = np.linspace(-1, 1, count)
                actions = np.tile(0.8 * phase[:, None] * (1 - 2 * number), (1, 7))
                actions[:, 6] = np.where(phase < 0, -1, 1)
                group["actions"] = actions
                for name in ("agentview_rgb", "eye_in_hand_rgb"):
                    pictures = rng.integers(0, 60, (count, size, size, 3), dtype=np.uint8)
                    pictures[:, size // 2 :, :, number] += (100 + 60 * phase).astype(np.uint8)[:, None, None]
                    pictures[np.arange(count) % every > 0] = 0
                    group[f"obs/{name}"] = pictures
                for name, width in (("ee_pos", 3), ("ee_ori", 3), ("gripper_states", 2), ("joint_states", 7)):
                    group[f"obs/{name}"] = np.tile(phase[:, None], (1, width)) * 0.5
                group["disturbed"] = (np.arange(count) == 4).astype(np.uint8)
                if every > 1:
                    group["drawn"] = (np.arange(count) % every == 0).astype(np.uint8)
                group.attrs["num_samples"] = count
    return folder


def teacher_recipe(**changes: Any) -> Recipe:
    return Recipe(**{"stage": "teacher", "preset": "seer-mini", "config": TEACHER, **BRIEF, **changes})


def student_recipe(stage: str, **changes: Any) -> Recipe:
    own = {"arm_loss": "mae"} if reads(stage, "arm_loss") else {}
    return Recipe(**{"stage": stage, "preset": "vita-mini", "config": STUDENT, **own, **BRIEF, **changes})


THINGS = ("plate_1", "akita_black_bowl_1", "akita_black_bowl_2", "wooden_cabinet_1", GRIPPER)
CATEGORIES = ("plate", "akita_black_bowl", "akita_black_bowl", "wooden_cabinet", GRIPPER)


def truths() -> Truths:
    points = np.full((2, len(THINGS), 2, 2), np.nan, dtype=np.float32)
    points[:, 0, 0] = 0.5, 0.25
    points[:, 1, 0] = 0.0, 0.99
    points[:, 0, 1] = 0.75, 0.5
    openness = np.array([[0.0], [0.95]], dtype=np.float32)
    joints = ("wooden_cabinet_1_top_level",)
    return Truths(THINGS, CATEGORIES, points, np.array([-1, 1]), joints, openness, ("akita_black_bowl_1", "plate_1"))


def long_truths() -> Truths:
    """For more frames than any file of the tests has."""
    short = truths()
    return replace(
        short,
        points=short.points.repeat(50, axis=0),
        held=short.held.repeat(50),
        openness=short.openness.repeat(50, axis=0),
    )
