"""LIBERO's problems (robosuite environments), whose model is compiled once, and not again at every reset.

robosuite's hard reset makes the model's XML, compiles it and makes new robots, objects and samplers. What is compiled
is always the same: fixtures are placed in it afterwards. So robosuite's other reset, which keeps the model
(`hard_reset=False`), is equal to it bit for bit, if what it leaves out is made good:

- The call of `mj_forward` that follows the compilation. Without it the solver of the new episode starts from elsewhere:
  in libero_object a difference of 1e-12 at the beginning and of 1e-5 after 200 steps.
- What episodes write into the model is put back, and the gripper's command, which robosuite keeps, forgotten.
- hf-libero adds to its list of what to open or turn on whenever it makes a model, and each entry draws from the
  generator before the fixtures do: one list for the making of the environment, one for each try to reset it.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import mujoco
import robosuite
from libero.libero.envs import TASK_MAPPING, bddl_utils
from robosuite.utils.binding_utils import MjSim
from robosuite.utils.errors import RandomizationError
from vvla_policies.envs.libero.primitive.drawing import drawn_lightly

from vvla_policies.errors import SimulatorError

PLACEMENT_TRIES = 20
WRITTEN = ("body_pos", "body_quat", "site_rgba")
"""Fields of the compiled model that episodes write."""


class Simulation(MjSim):  # type: ignore[misc]
    """robosuite's model and state; a reset makes both as they were when the model had just been compiled.

    Args:
        xml: of the model.
    """

    def __init__(self, xml: str) -> None:
        super().__init__(mujoco.MjModel.from_xml_string(xml))
        self._xml = xml
        self._compiled = {field: getattr(self.model, field).copy() for field in WRITTEN}
        self.forward()

    def reset(self) -> None:
        """Puts everything back."""
        for field, values in self._compiled.items():
            getattr(self.model, field)[:] = values
        super().reset()
        self.forward()

    def xml(self) -> str:
        """The model as it is now, with the fixtures where they are."""
        mujoco.MjModel.from_xml_string(self._xml)  # MuJoCo only writes what it compiled last
        text: str = self.model.get_xml()
        return text


class _Problem:
    """Mixed into the problem classes."""

    def _initialize_sim(self: Any, xml_string: str | None = None) -> None:
        self.sim = Simulation(drawn_lightly(xml_string or self.model.get_xml(), Path(self.custom_asset_dir)))
        self.initialize_time(self.control_freq)

    def _reset_internal(self: Any) -> None:
        self.sim.forward()  # what making a render context would have cost
        for robot in self.robots:
            robot.gripper.current_action[:] = 0
        super()._reset_internal()  # type: ignore[misc]


def build(bddl_file: Path) -> Any:
    """The environment of a task, without render context.

    Args:
        bddl_file: the task's definition.
    """
    name = bddl_utils.get_problem_info(str(bddl_file))["problem_name"]
    env = _kept(TASK_MAPPING[name])(
        str(bddl_file),
        robots=["Panda"],
        controller_configs=robosuite.load_controller_config(default_controller="OSC_POSE"),
        initialization_noise=None,
        use_camera_obs=False,
        has_offscreen_renderer=False,
        ignore_done=True,
        control_freq=20,
        hard_reset=False,
    )
    env.property_initializers = tuple(env.object_property_initializers)
    return env


@functools.cache
def _kept(problem: type) -> type:
    # The name must stay: the class compares it with the task file's.
    return type(problem.__name__, (_Problem, problem), {})


def reset(env: Any) -> None:
    """Resets an environment that was built here, as robosuite's hard reset does, drawing from numpy's generator.

    Raises:
        SimulatorError: no placement without collisions was found.
    """
    for tries in range(PLACEMENT_TRIES):
        env.object_property_initializers = list(env.property_initializers) * (tries + 2)
        try:
            env.reset()
        except (RandomizationError, NameError):  # hf-libero raises the one without importing it
            continue
        return
    raise SimulatorError(f"no collision-free placement found in {PLACEMENT_TRIES} tries")
