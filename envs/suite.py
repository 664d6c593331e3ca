"""What a suite is: a fixed list of tasks of one benchmark, and how to make their environment.

Everything here but `make_env` works without the simulator being imported: plans, tables and reports need only names.
Other packages add suites by the entry-point group `vvla_policies.suites`, or by "package.module:NAME".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vvla_policies.envs.protocol import Protocol, get_protocol

from vvla_policies.errors import VvlaError
from vvla_policies.observation import KEYS
from vvla_policies.registry import SUITES, find

if TYPE_CHECKING:
    from vvla_policies.envs.manipulation import ManipulationEnv

ALIASES: dict[str, tuple[str, ...]] = {
    "libero": ("libero_spatial", "libero_object", "libero_goal", "libero_long"),
    "libero_10": ("libero_long",),
    "calvin": ("calvin_abc_d",),
}


@dataclass(frozen=True)
class Task:
    """One task of a suite.

    Attributes:
        index: its number in the suite, from 0.
        name: its name in the benchmark's files.
        instruction: what the policy is told.
        init_states: how many recorded initial states it has.
    """

    index: int
    name: str
    instruction: str
    init_states: int


@dataclass(frozen=True)
class AssetSet:
    """A set of simulator assets on this machine.

    Attributes:
        name: "official" or "primitive".
        path: the folder that holds it.
        fingerprint: hash over its files; stands in every record.
        source: where it came from ("generated ...", "imported", "hub <commit>").
    """

    name: str
    path: Path
    fingerprint: str
    source: str = ""


@dataclass(frozen=True)
class EnvSettings:
    """What an environment gives its policy; equal settings and equal keys give equal episodes.

    Attributes:
        protocol: step limit, settling, picture size.
        assets: the assets to load.
        cameras: the observation keys to draw, in any order; () draws nothing.
        drawing_threads: most cameras that are drawn at the same time, where software draws and can (LIBERO); changes
            how fast, not what is drawn.
    """

    protocol: Protocol
    assets: AssetSet
    cameras: tuple[str, ...] = ("image", "wrist_image")
    drawing_threads: int = 1


class Suite(ABC):
    """A list of tasks and the way to their environments.

    Attributes:
        name: its name in records.
        benchmark: "libero", "calvin", ...
        default_protocol: the protocol where the user names none.
        offers: the observation keys that its environments give; leave out what they do not.
        practice: names of the suites that demonstrate for this one; () for itself.
        phrased: whether its tasks have several phrases, and its environments tell them where the protocol wants it.
    """

    name: str
    benchmark: str
    default_protocol: str
    offers: tuple[str, ...] = KEYS
    practice: tuple[str, ...] = ()
    phrased: bool = False

    @property
    @abstractmethod
    def tasks(self) -> Sequence[Task]:
        """The tasks, in the benchmark's order."""

    def protocol(self, name: str | None = None) -> Protocol:
        """The protocol of that name, None for the suite's default; override it to define one of your own.

        Raises:
            UnknownNameError: there is none.
        """
        return get_protocol(name or self.default_protocol)

    @abstractmethod
    def assets(self, requested: str = "auto", trained_on: str | None = None) -> AssetSet:
        """Finds the assets to use.

        Args:
            requested: "official", "primitive" or "auto" (what the policy was trained on, else official if present,
                else primitive).
            trained_on: `PolicyCard.trained_on`.

        Raises:
            AssetsError: they are not on this machine, with the command that brings them.
        """

    def backend(self, name: str) -> str:
        """The address of the suite that runs the same episodes in another simulator.

        Raises:
            VvlaError: there is none of that name.
        """
        raise VvlaError(f"suite '{self.name}' has no --backend {name}: CALVIN's chains have 'original'")

    @abstractmethod
    def provenance(self) -> dict[str, str]:
        """Versions of the simulator and its packages, and the renderer: what a score depends on besides its key."""

    @abstractmethod
    def make_env(self, settings: EnvSettings, task: int = 0) -> ManipulationEnv:
        """Builds the environment of a task (imports the simulator). `reset(options={"task": k})` changes the task."""


def load_suite(name: str) -> Suite:
    """The suite of that name ("libero_long"), alias ("libero_10") or place ("package.module:NAME").

    Raises:
        UnknownNameError: there is none.
    """
    (only,) = ALIASES.get(name, (name,))
    found = find(SUITES, only, "suite")
    suite = found if isinstance(found, Suite) else found()
    assert isinstance(suite, Suite)
    return suite


def expand(names: Sequence[str]) -> list[str]:
    """Suite names with groups and aliases resolved, each once, in order.

    >>> expand(["libero_10", "libero"])
    ['libero_long', 'libero_spatial', 'libero_object', 'libero_goal']
    """
    full = [single for name in names for single in ALIASES.get(name, (name,))]
    return list(dict.fromkeys(full))


def with_cameras(settings: EnvSettings, reads: Sequence[str]) -> EnvSettings:
    """The same settings, drawing only the cameras among `reads`."""
    return replace(settings, cameras=tuple(c for c in ("image", "wrist_image") if c in reads))


def describe(settings: EnvSettings) -> dict[str, Any]:
    """Plain data for a record."""
    assets = settings.assets
    return {
        "protocol": settings.protocol.to_json(),
        "assets": {"name": assets.name, "fingerprint": assets.fingerprint, "source": assets.source},
    }
