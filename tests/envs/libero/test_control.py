"""The lean control step equals robosuite's own, bit by bit: controller, controls and physics."""

from __future__ import annotations

import numpy as np
import pytest
from vvla_policies.envs.libero.simulator import Simulator
from vvla_policies.envs.suite import load_suite

pytestmark = pytest.mark.libero

SUITES = [("libero_spatial", 2), ("libero_goal", 7), ("libero_long", 8), ("libero_90", 40)]
COMPARED = ("qpos", "qvel", "ctrl", "act", "qacc_warmstart", "xpos", "site_xpos")


def robosuite_step(simulator: Simulator, action: np.ndarray) -> bool:
    """One control step as robosuite takes it, without its sensors."""
    env = simulator.env
    for substep in range(simulator.substeps):
        env.sim.forward()
        env._pre_action(action, substep == 0)
        env.sim.step()
    reward, _, _ = env._post_action(action)
    return bool(reward > 0)


def actions(steps: int, seed: int) -> np.ndarray:
    """Every kind: beyond the limits, saturated, without rotation, at rest; the gripper turns round and stands still."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(-1.5, 1.5, (steps, 7))
    drawn[10:20] = np.sign(drawn[10:20])
    drawn[::4, 3:6] = 0
    drawn[::9, :6] = 0
    drawn[:, 6] = np.repeat(rng.choice([-1.0, 0.0, 1.0], steps // 5 + 1), 5)[:steps]
    return drawn


def compare(suite_name: str, task: int, steps: int) -> None:
    suite = load_suite(suite_name)
    lean, original = (Simulator(suite.bddl_file(task), suite.assets("primitive").path) for _ in range(2))
    for episode, length in enumerate((steps, steps // 4)):  # the second one after a reset in mid-motion
        for simulator in (lean, original):
            simulator.begin(suite.init_states(task)[episode], seed=episode)
        original.model.opt.disableflags = 0
        for step, action in enumerate(actions(length, seed=episode)):
            assert lean.step(action) == robosuite_step(original, action)
            for field in COMPARED:
                ours, theirs = getattr(lean.data, field), getattr(original.data, field)
                assert np.array_equal(ours, theirs), f"{field} in episode {episode} at step {step}"
        assert np.abs(lean.data.ctrl).max() > 1
    for simulator in (lean, original):
        simulator.close()


def test_equals_robosuite():
    compare("libero_object", 0, 100)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("suite", "task"), SUITES)
def test_equals_robosuite_in_every_suite(suite, task):
    compare(suite, task, 200)
