"""The field's evaluation protocols as frozen data. Scores under different protocols never share a row.

Sources: the public evaluation scripts of OpenVLA, OpenVLA-OFT and openpi (`openvla`), LeRobot (`lerobot`), Seer
(`seer`), VITA-VLA (`vita_vla`), LIBERO itself (`libero`) and CALVIN itself (`calvin`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from vvla_policies.errors import UnknownNameError, VvlaError


@dataclass(frozen=True)
class Protocol:
    """How an episode is run. Everything here can change a score, so it is printed with every score.

    Attributes:
        name: the protocol's name.
        benchmark: the benchmark it belongs to.
        max_steps: suite name to the number of policy steps after which an episode (of a chain: a subtask) is truncated.
        settle_steps: steps taken before the policy acts, so that objects come to rest.
        settle_gripper: gripper entry of the settling action (+1 open, 0 no command); the other entries are 0.
        first_observation: whether the policy's first picture is from "after" settling, or a stale one from "before".
        image_size: (height, width) of the third-person picture as rendered, px, and of the wrist picture if it has no
            size of its own.
        trials: episodes per task in the published evaluations.
        source: where the values were read.
        starts: "recorded": episodes begin in the benchmark's recorded initial states. "fresh": in a new draw from the
            task's own placement regions, a function of the episode's seed, settled before the episode begins.
        wrist_size: (height, width) of the wrist picture, None for `image_size`.
        phrases: "first": a task is told in the benchmark's standard words. "all": in each of its phrases in turn.
        joint_noise: of fresh starts of LIBERO: standard deviation of the Gaussian noise of the arm's joints, rad.
            0.02 is robosuite's default, with which LIBERO's recorded states were made.
    """

    name: str
    benchmark: str
    max_steps: Mapping[str, int]
    settle_steps: int
    settle_gripper: float
    first_observation: Literal["after", "before"]
    image_size: tuple[int, int]
    trials: int
    source: str
    starts: Literal["recorded", "fresh"] = "recorded"
    wrist_size: tuple[int, int] | None = None
    phrases: Literal["first", "all"] = "first"
    joint_noise: float = 0.0

    def in_all_phrases(self) -> Protocol:
        """The same, told in each of a task's phrases in turn: a protocol of its own name."""
        return replace(self, name=f"{self.name}_all_phrases", phrases="all")

    def size(self, camera: str) -> tuple[int, int]:
        """(height, width) of the pictures of a camera ("image", "wrist_image"), px."""
        return self.wrist_size if camera == "wrist_image" and self.wrist_size else self.image_size

    def steps(self, suite: str) -> int:
        """The step limit of a suite.

        Raises:
            VvlaError: the protocol was never defined for that suite.
        """
        if suite not in self.max_steps:
            raise VvlaError(
                f"protocol '{self.name}' does not define suite '{suite}' (it defines {', '.join(self.max_steps)}); "
                "choose another --protocol"
            )
        return self.max_steps[suite]

    def to_json(self) -> dict[str, Any]:
        """Plain data for a record."""
        data = {**asdict(self), "max_steps": dict(self.max_steps), "image_size": list(self.image_size)}
        if self.starts == "recorded":  # as in records that are older than this field
            del data["starts"]
        if self.wrist_size is None:  # likewise
            del data["wrist_size"]
        if self.phrases == "first":
            del data["phrases"]
        if not self.joint_noise:
            del data["joint_noise"]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Protocol:
        """The inverse of `to_json`."""
        sizes = {key: tuple(data[key]) for key in ("image_size", "wrist_size") if data.get(key)}
        return cls(**{**data, **sizes})


def _libero_steps(spatial: int, object_: int, goal: int, long: int, ninety: int) -> dict[str, int]:
    return {
        "libero_spatial": spatial,
        "libero_object": object_,
        "libero_goal": goal,
        "libero_long": long,
        "libero_90": ninety,
    }


PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        Protocol(
            "openvla", "libero", _libero_steps(220, 280, 300, 520, 400), 10, +1.0, "after", (256, 256), 50,
            "openvla, openvla-oft and openpi evaluation scripts",
        ),
        Protocol(
            "lerobot", "libero", _libero_steps(280, 280, 300, 520, 400), 10, +1.0, "after", (360, 360), 10,
            "lerobot LiberoEnv",
        ),
        Protocol(
            "vita_vla", "libero", _libero_steps(600, 600, 600, 600, 600), 5, 0.0, "after", (128, 128), 50,
            "VITA-VLA evaluation script (arXiv 2510.09607)",
        ),
        Protocol(
            "seer", "libero", {"libero_long": 600}, 5, 0.0, "before", (128, 128), 20,
            "Seer evaluation script (arXiv 2412.15109)",
        ),
        Protocol(
            "libero", "libero", _libero_steps(600, 600, 600, 600, 600), 5, 0.0, "after", (128, 128), 20,
            "LIBERO's own evaluation (arXiv 2306.03310)",
        ),
        Protocol(
            "fresh", "libero", _libero_steps(220, 280, 300, 520, 400), 10, +1.0, "after", (128, 128), 50,
            "this package: new draws of the start, for demonstrations; openvla's step limits", "fresh",
            joint_noise=0.02,
        ),
        Protocol(
            "calvin", "calvin", dict.fromkeys(("calvin_abc_d", "calvin_d_d", "calvin_abcd_d"), 360), 0, 0.0, "after",
            (200, 200), 1000, "CALVIN's own evaluation (arXiv 2112.03227): steps per subtask", wrist_size=(84, 84),
        ),
        Protocol(
            "practice", "calvin", {f"calvin_{scene}": 240 for scene in "abcd"}, 10, +1.0, "after", (200, 200), 50,
            "this package: new draws of the start, for demonstrations; steps per subtask", "fresh", (84, 84),
        ),
    )
}  # fmt: skip


def get_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in PROTOCOLS:
        raise UnknownNameError("protocol", name, sorted(PROTOCOLS))
    return PROTOCOLS[name]
