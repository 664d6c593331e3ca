"""Simulators behind one Gymnasium interface: `import vvla_policies.envs; gymnasium.make("vvla/libero_long", task=3)`.

As Gymnasium asks of packages of environments, importing this one registers them: every installed suite as
`vvla/<suite>`.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from vvla_policies.registry import SUITES, names


def make(
    suite: str,
    task: int = 0,
    assets: str = "auto",
    protocol: str | None = None,
    cameras: tuple[str, ...] = ("image", "wrist_image"),
    render_mode: str | None = None,
) -> Any:
    """Builds the environment of a task.

    Args:
        suite: a suite's name.
        task: number of the task in the suite.
        assets: "official", "primitive" or "auto".
        protocol: step limit, settling and picture size; the suite's default if None.
        cameras: which pictures to draw.
        render_mode: None or "rgb_array".

    Returns:
        A `ManipulationEnv`.
    """
    from vvla_policies.envs.suite import EnvSettings, load_suite

    found = load_suite(suite)
    settings = EnvSettings(found.protocol(protocol), found.assets(assets), cameras)
    env = found.make_env(settings, task)
    env.render_mode = render_mode
    return env


for _name in names(SUITES):
    gym.register(f"vvla/{_name}", entry_point="vvla_policies.envs:make", kwargs={"suite": _name})
