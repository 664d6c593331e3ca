"""CALVIN's suites: 1000 chains of five tasks in scene D, by which scenes the policy was taught in."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING

from vvla_policies.envs.calvin import assets as calvin_assets
from vvla_policies.envs.calvin.chains import Chain, chains
from vvla_policies.envs.calvin.scenes import SCENES, Scene
from vvla_policies.envs.suite import AssetSet, EnvSettings, Suite, Task

from vvla_policies.errors import MissingExtraError, VvlaError

if TYPE_CHECKING:
    from vvla_policies.envs.calvin.env import CalvinEnv

PACKAGES = ("pybullet", "numpy")


class CalvinSuite(Suite):
    """The evaluation chains; the suites differ in name only, for policies that were taught in other scenes.

    Its one task is "a chain", and each chain is an initial state of it: `--episodes 5` runs the first five.
    """

    benchmark = "calvin"
    default_protocol = "calvin"

    def __init__(self, name: str) -> None:
        self.name = name

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


calvin_abc_d = CalvinSuite("calvin_abc_d")
calvin_d_d = CalvinSuite("calvin_d_d")
calvin_abcd_d = CalvinSuite("calvin_abcd_d")
