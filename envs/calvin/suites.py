"""CALVIN's suites: 1000 chains of five tasks in scene D, and for practice the 34 tasks one by one in each scene."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING

from vvla_policies.envs.calvin import assets as calvin_assets
from vvla_policies.envs.calvin.chains import RULES, Chain, chains
from vvla_policies.envs.calvin.instructions import INSTRUCTIONS
from vvla_policies.envs.calvin.scenes import SCENES, Scene
from vvla_policies.envs.calvin.starts import Start, draw_start
from vvla_policies.envs.protocol import Protocol, get_protocol
from vvla_policies.envs.suite import AssetSet, EnvSettings, Suite, Task

from vvla_policies.errors import MissingExtraError, UnknownNameError, VvlaError

if TYPE_CHECKING:
    from vvla_policies.envs.calvin.env import CalvinEnv

PACKAGES = ("pybullet", "numpy")
DRAWS = 50
"""Initial states of a task for practice, before the next seed."""


def practice_suites(scenes: Sequence[str]) -> list[str]:
    """The names of the suites for practice.

    Args:
        scenes: "A" to "D".

    Raises:
        UnknownNameError: another scene.

    >>> practice_suites("AD")
    ['calvin_a', 'calvin_d']
    """
    for scene in scenes:
        if scene.upper() not in SCENES:
            raise UnknownNameError("scene", scene, list(SCENES))
    return [f"calvin_{scene.lower()}" for scene in scenes]


class CalvinSuite(Suite):
    """The evaluation chains; the suites differ only in the scenes that policies for them are taught in.

    Its one task is "a chain", and each chain is an initial state of it: `--episodes 5` runs the first five.

    Args:
        name: of the suite.
        scenes: that policies are taught in, such as "ABC".
    """

    benchmark = "calvin"
    default_protocol = "calvin"
    phrased = True

    def __init__(self, name: str, scenes: str = "") -> None:
        self.name = name
        self.practice = tuple(practice_suites(scenes))

    @property
    def tasks(self) -> Sequence[Task]:
        """The one task."""
        return (Task(0, "chain", "five tasks in a row", len(chains())),)

    @property
    def scene(self) -> Scene:
        """The scene that policies are tested in."""
        return SCENES["D"]

    def chain(self, number: int) -> Chain:
        """A chain by its number.

        Raises:
            VvlaError: there is none of that number.
        """
        if not 0 <= number < len(chains()):
            raise VvlaError(f"'{self.name}' has chains 0 to {len(chains()) - 1}, not {number}")
        return chains()[number]

    def start(self, task: int, init_state: int, seed: int) -> Start:
        """The start of an episode; chains are recorded, so the seed changes nothing.

        Raises:
            VvlaError: there is none of that number.
        """
        del task, seed
        chain = self.chain(init_state)
        return Start(chain.tasks, *chain.state())

    def backend(self, name: str) -> str:
        """See `Suite.backend`: "original", for chains."""
        if name == "original" and self.practice:
            return f"vvla_policies.envs.calvin.original:{self.name}"
        return super().backend(name)

    def assets(self, requested: str = "auto", trained_on: str | None = None) -> AssetSet:
        """See `Suite.assets`."""
        return calvin_assets.find(requested, trained_on)

    def provenance(self) -> dict[str, str]:
        """Versions and renderer."""
        from vvla_policies.envs.calvin.bullet import renderer

        try:
            versions = {package: metadata.version(package) for package in PACKAGES}
        except metadata.PackageNotFoundError as error:
            raise MissingExtraError("calvin", str(error.name)) from error
        return {**versions, "renderer": renderer()}

    def make_env(self, settings: EnvSettings, task: int = 0) -> CalvinEnv:
        """See `Suite.make_env`."""
        from vvla_policies.envs.calvin.env import CalvinEnv

        return CalvinEnv(self, settings, task)


class PracticeSuite(CalvinSuite):
    """The 34 tasks in one scene, each from new draws of its start: for demonstrations.

    An episode is its task, or another task and then its own; the start is a function of the episode's seed.
    """

    default_protocol = "practice"

    def __init__(self, scene: str) -> None:
        super().__init__(f"calvin_{scene.lower()}")
        self._scene = SCENES[scene]
        self._tasks = tuple(Task(k, name, INSTRUCTIONS[name], DRAWS) for k, name in enumerate(RULES))

    @property
    def tasks(self) -> Sequence[Task]:
        """The 34 tasks, in the original's order."""
        return self._tasks

    @property
    def scene(self) -> Scene:
        """The scene of all episodes."""
        return self._scene

    def protocol(self, name: str | None = None) -> Protocol:
        """See `Suite.protocol`; "fresh" is what it is called in all suites."""
        return get_protocol("practice" if name in (None, "fresh") else str(name))

    def start(self, task: int, init_state: int, seed: int) -> Start:
        """A start drawn for the task."""
        del init_state
        return draw_start(self.scene, self.tasks[task].name, seed)


calvin_abc_d = CalvinSuite("calvin_abc_d", "ABC")
calvin_d_d = CalvinSuite("calvin_d_d", "D")
calvin_abcd_d = CalvinSuite("calvin_abcd_d", "ABCD")
calvin_a, calvin_b, calvin_c, calvin_d = map(PracticeSuite, SCENES)
