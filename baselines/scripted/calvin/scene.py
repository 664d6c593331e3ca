"""The privileged observation as the skills want to see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from vvla_policies.baselines.scripted.calvin.motion import Array

from vvla_policies.observation import euler_xyz

ON_TABLE, BELOW_TABLE, ABOVE_TABLE = 0.46, 0.42, 0.48
"""Heights of a block that lies on the table, and between which it does, m."""
CABINET_FRONT = 0.03
"""Along y, m."""
UP_SLOPE, OUT_OF_SLOPE = np.array([0.0, 0.5, 0.8660254]), np.array([0.0, -0.8660254, 0.5])
"""Directions along the cabinet's front and out of it."""


class Scene:
    """One look at the world. Nothing here is remembered.

    Args:
        world: the privileged observation.
    """

    def __init__(self, world: Mapping[str, Any]) -> None:
        self._world = world
        self.task: str = world["task"]
        self.tool: Array = np.array([*world["tool"][:3], *euler_xyz(world["tool"][3:])])
        self.target: Array = world["target"]
        self.held: str = world["held"]
        self.opening: float = world["opening"]
        self.joints: Mapping[str, float] = world["joints"]
        self.ranges: Mapping[str, tuple[float, float]] = world["ranges"]

    @property
    def blocks(self) -> list[str]:
        """Names of the blocks."""
        return list(self._world["blocks"])

    def place(self, block: str) -> Array:
        """Where a block's centre is, (3,)."""
        return np.array(self._world["blocks"][block]["pose"][:3])

    def size(self, block: str) -> Array:
        """Length, width and height of a block, (3,)."""
        return np.array(self._world["blocks"][block]["size"])

    def lies_in(self, block: str) -> str:
        """Where a block is: "cabinet", "drawer" or "table" (or above it)."""
        _, y, z = self.place(block)
        return "cabinet" if y > CABINET_FRONT else "drawer" if z < BELOW_TABLE else "table"

    def on_table(self) -> list[str]:
        """The blocks that lie on the table itself."""
        return [b for b in self.blocks if self.lies_in(b) == "table" and self.place(b)[2] < ABOVE_TABLE]

    def yaw(self, block: str, near: float | None = None) -> float:
        """The tool's yaw that grips a block across its width; of equal ones the nearest to the given, or to its own."""
        own = float(euler_xyz(self._world["blocks"][block]["pose"][3:])[2])
        now = float(self.tool[5]) if near is None else near
        step = np.pi / 2 if np.isclose(*self.size(block)[:2]) else np.pi
        return now + float((own - now + step / 2) % step - step / 2)

    def frame(self, link: str) -> Array:
        """Where a link's frame is, (3,)."""
        return np.array(self._world["links"][link][:3])

    @property
    def middle_of_cabinet(self) -> float:
        """Along x."""
        return float(self.frame("plank_link")[0])

    @property
    def drawer(self) -> tuple[Array, float]:
        """Middle of the drawer's floor (3,), and how far it is open."""
        x, y, z = self.frame("drawer_link")
        return np.array([x, y - 0.06, z + 0.02]), float(self.joints["base__drawer"])

    def others(self, *without: str) -> list[Array]:
        """Where the other blocks are."""
        return [self.place(block) for block in self.blocks if block not in without]

    def free_spot(self, spots: list[Array], *without: str) -> Array:
        """Of some places the one that is farthest from all other blocks."""
        others = self.others(*without)
        return max(spots, key=lambda spot: min(float(np.linalg.norm(spot[:2] - other[:2])) for other in others))
