"""The reset without compiling against robosuite's hard reset: model, state, solver and pictures, bit by bit."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import vvla_policies.envs
from vvla_policies.envs.protocol import get_protocol
from vvla_policies.envs.suite import EnvSettings, load_suite

pytestmark = pytest.mark.libero

SEED = 31
QUICK = [  # one of each problem class
    ("libero_object", 0),  # floor
    ("libero_goal", 7),  # table
    ("libero_90", 0),  # kitchen
    ("libero_90", 56),  # living room
    ("libero_90", 80),  # study
]
SUITES = {"libero_spatial": 10, "libero_object": 10, "libero_goal": 10, "libero_long": 10, "libero_90": 90}
ALL = [(suite, task) for suite, count in SUITES.items() for task in range(count)]


def actions(steps: int) -> np.ndarray:
    return np.random.default_rng(steps).uniform(-1, 1, (steps, 7))


def hard_reset(simulator) -> None:
    """As robosuite does it: XML, model, robots, objects and samplers are made anew."""
    from robosuite.utils.errors import RandomizationError
    from vvla_policies.envs.libero.simulator import _assets_at

    env = simulator.env
    env.hard_reset = True
    env.object_property_initializers = list(env.property_initializers)  # a hard reset adds to them
    with _assets_at(env.custom_asset_dir):
        for _ in range(20):
            with contextlib.suppress(RandomizationError, NameError):
                env.reset()
                break
    simulator._attach()


def spoil(env) -> None:
    """An episode that leaves everything open, turned on and displaced."""
    env.start(env.task.index, 1, SEED + 1)
    env.run(actions(8))
    model, data = env.simulator.model, env.simulator.data
    for joint in range(model.njnt):
        if model.jnt_limited[joint] and "robot" not in model.joint(joint).name:
            data.qpos[model.jnt_qposadr[joint]] = model.jnt_range[joint][np.abs(model.jnt_range[joint]).argmax()]
    env.run(actions(3))
    env.observe()


def constants(model) -> dict[str, np.ndarray]:
    """All arrays of a compiled model."""
    named = ((name, getattr(model, name)) for name in dir(model) if not name.startswith("_"))
    return {name: value.copy() for name, value in named if isinstance(value, np.ndarray)}


def physics(simulator) -> np.ndarray:
    """All that the next step depends on, with where the solver begins."""
    import mujoco

    kind = mujoco.mjtState.mjSTATE_INTEGRATION
    state = np.empty(mujoco.mj_stateSize(simulator.model, kind))
    mujoco.mj_getState(simulator.model, simulator.data, state, kind)
    return state


def episode(env, steps: int, fresh: bool) -> Iterator[dict[str, np.ndarray]]:
    """All that is known of the first and the last moment, and of the physics after each step."""
    simulator = env.simulator
    if fresh:
        simulator.begin(None, SEED)
    else:
        env.start(env.task.index, 0, SEED)
    for action in actions(steps):
        yield {"physics": physics(simulator)}
        simulator.step(action)
    yield {**constants(simulator.model), "physics": physics(simulator), **env.draw(("image", "wrist_image"))}


def compare(assets, suite_name: str, task: int, steps: int) -> None:
    suite = load_suite(suite_name)
    env = suite.make_env(EnvSettings(get_protocol("openvla"), assets, ("image", "wrist_image")), task)
    spoil(env)
    ours = [list(episode(env, steps, fresh)) for fresh in (False, True)]
    simulator = env.simulator
    simulator._reset = lambda _: hard_reset(simulator)
    for fresh, before in zip((False, True), ours, strict=True):
        for moment, (one, other) in enumerate(zip(before, episode(env, steps, fresh), strict=True)):
            differing = [name for name in one if not np.array_equal(one[name], other[name], equal_nan=True)]
            assert not differing, f"{suite_name}/{task}, fresh={fresh}, moment {moment}: {differing}"
    env.close()


@pytest.mark.parametrize(("suite", "task"), QUICK)
def test_equals_the_hard_reset(suite, task):
    compare(load_suite(suite).assets("primitive"), suite, task, 5)


def test_the_model_is_written_with_its_fixtures_whatever_was_compiled_since():
    env = vvla_policies.envs.make("libero_goal", task=0, assets="primitive")
    written = []
    for seed in (0, 1, 0):
        env.start(0, 0, seed)
        written.append(env.simulator.env.sim.xml())
        vvla_policies.envs.make("libero_spatial", task=0, assets="primitive").close()
    env.close()
    assert written[0] == written[2] != written[1]


def test_equals_the_hard_reset_when_the_first_placement_fails(monkeypatch):
    import mujoco

    count, placing = itertools.count(), mujoco.mj_step1

    def placing_sometimes(model, data) -> None:
        if next(count) % 2:  # the making of the environment is the first
            raise NameError
        placing(model, data)

    monkeypatch.setattr(mujoco, "mj_step1", placing_sometimes)  # after the draw of what is open, before the fixtures'
    compare(load_suite("libero_90").assets("primitive"), "libero_90", 0, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "task"), ALL)
def test_equals_the_hard_reset_in_all_tasks(suite, task):
    compare(load_suite(suite).assets("primitive"), suite, task, 20)


@pytest.mark.slow
@pytest.mark.official
@pytest.mark.parametrize(("suite", "task"), ALL)
def test_equals_the_hard_reset_in_all_tasks_with_official_assets(official, suite, task):
    compare(official, suite, task, 20)
