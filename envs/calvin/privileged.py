"""What only experts may know: poses, joints and contacts by name, and which task is to be done."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vvla_policies.envs.calvin.robot import TCP
from vvla_policies.envs.calvin.scenes import SCALE
from vvla_policies.envs.calvin.world import JOINTS, World

LENGTHS = {"small": 0.05, "middle": 0.07, "big": 0.1}
THICK = 0.05


def look(world: World, task: str) -> dict[str, Any]:
    """The privileged observation: plain data, m and rad, world frame, quaternions xyzw.

    Args:
        world: in an episode.
        task: name of the current task.

    Returns:
        - "benchmark": "calvin"; "task"; "scene": "A" to "D";
        - "tool": (7,) position and orientation of the tool point; "target": (6,) position and extrinsic xyz euler
          angles that actions add to; "opening": distance of the fingers;
        - "blocks": name to {"pose" (7,), "size" (3,), "touches": names of what touches it};
        - "held": whether the robot touches exactly one block, its name, else "";
        - "joints": the table's joints by name; "ranges": their lowest and highest positions; "links": name to (7,), the
          frames of the table's links.
    """
    seen, bullet = world.look(), world.bullet
    names = {seen.robot: "robot", **{body.uid: name for name, body in seen.blocks.items()}}
    table = {number: link for link, number in world.links.items()}

    def name_of(body: int, link: int) -> str:
        return table[link] if body == seen.table else names.get(body, "floor")

    held = [name for name, body in seen.blocks.items() if body.uid in seen.held]
    frames = {
        name: bullet.getLinkState(world.table, number)[4:6] for name, number in world.links.items() if number >= 0
    }
    return {
        "benchmark": "calvin",
        "task": task,
        "scene": world.scene.name,
        "tool": _pose(world.robot.pose(TCP)),
        "target": world.robot.target,
        "opening": sum(world.robot.fingers()),
        "blocks": {
            name: {
                "pose": np.concatenate([body.position, body.quat]),
                "size": SCALE * np.array([LENGTHS[size], THICK, THICK]),
                "touches": sorted({name_of(*contact) for contact in body.contacts}),
            }
            for (name, body), (_, size) in zip(seen.blocks.items(), world.scene.blocks, strict=True)
        },
        "held": held[0] if len(held) == 1 else "",
        "joints": {name: world.joint(name) for name in JOINTS},
        "ranges": {name: world.ranges[name] for name in JOINTS},
        "links": {name: _pose(frame) for name, frame in frames.items()},
    }


def _pose(pair: tuple[tuple[float, ...], tuple[float, ...]]) -> NDArray[np.float64]:
    return np.array([*pair[0], *pair[1]])
