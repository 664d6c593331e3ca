"""The privileged observation as the skills want to see it: objects with shapes, regions with frames, the gripper."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from vvla_policies.baselines.scripted.libero.geometry import Array, Boxes, Pose
from vvla_policies.baselines.scripted.libero.gripper import Arm

from vvla_policies.observation import Observation

GRIP_SITE = "gripper0_grip_site"
FINGERS = ("gripper0_finger_joint1", "gripper0_finger_joint2")


class Scene:
    """One look at the world. Nothing here is remembered.

    Args:
        obs: an observation with its privileged part.
        taken_over: nothing was planned before: the hand may be in the middle of what another began.
    """

    def __init__(self, obs: Observation, taken_over: bool = False) -> None:
        self.taken_over = taken_over
        self._world: Mapping[str, Any] = obs["privileged"]
        self.grip = Pose.of(self._world["sites"][GRIP_SITE])
        base = Pose.of(self._world["bodies"]["robot0_base"]).pos
        self.arm = Arm(base, self.grip, self._world["joints"]["robot0_joint7"])
        self.opening = sum(abs(self._world["joints"][finger]) for finger in FINGERS)
        self.joints: Mapping[str, float] = self._world["joints"]
        self.axes: Mapping[str, Any] = self._world["axes"]
        self.gripped: tuple[str, ...] = tuple(self._world["gripped"])
        self.goal: list[tuple[str, ...]] = [tuple(predicate) for predicate in self._world["goal"]]
        self.satisfied: list[bool] = list(self._world["satisfied"])

    # --- objects -------------------------------------------------------------------------------------------------

    @property
    def objects(self) -> Mapping[str, Any]:
        """Objects and fixtures by name: category, fixture, bodies."""
        objects: Mapping[str, Any] = self._world["objects"]
        return objects

    def is_object(self, name: str) -> bool:
        """Whether that is an object or fixture (and not a region)."""
        return name in self.objects

    def category(self, name: str) -> str:
        """The category of an object."""
        return str(self.objects[name]["category"])

    def pose(self, name: str) -> Pose:
        """Pose of an object's root body, or of a body by its own name."""
        body = self.objects[name]["bodies"][0] if name in self.objects else name
        return Pose.of(self._world["bodies"][body])

    @functools.cached_property
    def _shapes(self) -> dict[str, Boxes]:
        boxes = self._world["boxes"]
        return {body: Boxes.of(rows, Pose.of(self._world["bodies"][body])) for body, rows in boxes.items()}

    def shape(self, name: str) -> Boxes:
        """Collision boxes of an object with all its parts, or of one body by its own name."""
        bodies = self.objects[name]["bodies"] if name in self.objects else [name]
        return Boxes.together([self._shapes[body] for body in bodies])

    def others(self, *without: str) -> Boxes:
        """Collision boxes of all objects and fixtures but these."""
        kept = [body for name, known in self.objects.items() if name not in without for body in known["bodies"]]
        return Boxes.together([self._shapes[body] for body in kept])

    def extent(self, name: str) -> tuple[Array, Array]:
        """Lowest and highest corner (3,) of an object's box along the world's axes."""
        corners = self.shape(name).corners().reshape(-1, 3)
        return corners.min(axis=0), corners.max(axis=0)

    def local_extent(self, name: str) -> tuple[Array, Array]:
        """Lowest and highest corner (3,) of an object's box along its own axes."""
        corners = self.pose(name).local(self.shape(name).corners().reshape(-1, 3))
        return corners.min(axis=0), corners.max(axis=0)

    # --- regions and joints --------------------------------------------------------------------------------------

    def region(self, name: str) -> tuple[Pose, Array]:
        """Frame and half lengths (3,) of a region, in its own frame."""
        return Pose.of(self._world["sites"][name]), np.asarray(self._world["regions"][name]["half"])

    def owner(self, name: str) -> str | None:
        """The object or fixture that a region or body belongs to; itself for an object, None for tables."""
        if name in self.objects:
            return name
        body = self._world["regions"][name]["body"] if name in self._world["regions"] else name
        return next((owner for owner, known in self.objects.items() if body in known["bodies"]), None)

    def joint_of(self, name: str) -> str | None:
        """The joint that moves a region's body, or the first joint of an object; None if nothing moves."""
        bodies = self.objects[name]["bodies"] if name in self.objects else [self._world["regions"][name]["body"]]
        return next((joint for joint, axis in self.axes.items() if axis["body"] in bodies), None)

    def supports(self, point: Array, *without: str) -> float:
        """Height of the first surface below a point, leaving out some objects; -inf if it is the table or floor."""
        return float(self.others(*without).tops_below(point[None])[0])

    def held(self, name: str) -> bool:
        """Whether the gripper holds that object: both fingers touch it."""
        return name in self.gripped
