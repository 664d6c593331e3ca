"""The environment of CALVIN's chains: contract, chains, drawing on demand, determinism."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from vvla_policies.envs.calvin import env as module
from vvla_policies.envs.calvin.chains import chains
from vvla_policies.envs.calvin.instructions import INSTRUCTIONS, PHRASES, phrase
from vvla_policies.envs.calvin.oracle import CONDITIONS
from vvla_policies.envs.suite import EnvSettings, load_suite

from vvla_policies.errors import VvlaError
from vvla_policies.observation import calvin_robot_obs

pytestmark = [pytest.mark.calvin, pytest.mark.official]


def actions(count, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 7)).astype(np.float32)


def test_gymnasium_check_env(env):
    from gymnasium.utils.env_checker import check_env

    check_env(env, skip_render_check=True)
    assert gym.spec("vvla/calvin_abc_d").entry_point is not None


def test_observation(env):
    obs, info = env.reset(seed=0, options={"init_state": 3})
    assert obs["image"].shape == (200, 200, 3)
    assert obs["wrist_image"].shape == (84, 84, 3)
    assert env.observation_space.contains(obs)
    assert info["subtask"] == chains()[3].tasks[0]
    assert info["instruction"] == INSTRUCTIONS[info["subtask"]]
    for action in actions(5):
        obs, *_ = env.step(action)
    np.testing.assert_allclose(calvin_robot_obs(obs), env.world.robot.observation(), atol=1e-6)


def test_every_task_has_an_instruction():
    assert set(INSTRUCTIONS) == set(CONDITIONS)


def test_instructions_are_those_of_the_validation_annotations(reference):
    yaml = pytest.importorskip("yaml")
    told = yaml.safe_load((reference / "calvin" / "annotations" / "new_playtable_validation.yaml").read_text())
    assert {task: phrases[0] for task, phrases in told.items()} == INSTRUCTIONS


def test_phrases_are_those_of_the_annotations(reference):
    yaml = pytest.importorskip("yaml")
    told = yaml.safe_load((reference / "calvin" / "annotations" / "new_playtable.yaml").read_text())
    for task, phrases in PHRASES.items():
        assert phrases[0] == INSTRUCTIONS[task]
        assert len(set(phrases)) == len(phrases)
        assert set(phrases[1:]) == set(told[task]), task


def test_all_phrases_take_turns(env, official_set, monkeypatch):
    """Chain and place in it choose the phrase; nothing but the words changes."""
    monkeypatch.setattr(module, "done", lambda task, start, now: True)
    suite = load_suite("calvin_abc_d")
    other = suite.make_env(EnvSettings(suite.protocol().in_all_phrases(), official_set, ()))
    for chain in (0, 4):
        outcomes = [one.start(0, chain, 0) for one in (other, env)]
        for place, task in enumerate(chains()[chain].tasks):
            assert [outcome.instruction for outcome in outcomes] == [phrase(task, chain + place), INSTRUCTIONS[task]]
            outcomes = [one.advance(np.zeros(7)) for one in (other, env)]
    np.testing.assert_array_equal(other.world.scene_obs(), env.world.scene_obs())
    other.close()


def test_chunks_draw_once_and_equal_step_by_step(env):
    chunk = actions(8, seed=2)
    env.reset(seed=0, options={"init_state": 1})
    for action in chunk:
        obs, *_ = env.step(action)
    env.start(0, 1, 0)
    before = env.seconds["drawing"]
    outcome, executed = env.run(chunk)
    assert (outcome.steps, executed) == (8, 8)
    assert env.seconds["drawing"] == before
    again = env.observe()
    for key, value in obs.items():
        np.testing.assert_array_equal(value, again[key], key)


def test_an_episode_does_not_depend_on_those_before_it(env, official_set):
    suite = load_suite("calvin_abc_d")
    other = suite.make_env(EnvSettings(suite.protocol(), official_set, ()))
    env.start(0, 5, 0)
    env.run(actions(40, seed=9))
    states = []
    for one in (env, other):  # used before; fresh, and beside the other in this process
        one.start(0, 7, 1)
        one.run(actions(30))
        states.append(np.concatenate([one.world.robot.observation(), one.world.scene_obs()]))
    other.close()
    np.testing.assert_array_equal(*states)


def test_a_chain_goes_on_until_a_task_is_not_done(env, monkeypatch):
    """Two tasks are done at once, the third is not: instructions change, and the chain ends after its steps."""
    told = []

    def done(task, start, now):
        return task in chains()[0].tasks[:2]

    monkeypatch.setattr(module, "done", done)
    monkeypatch.setattr(env, "max_steps", 3)
    outcome = env.start(0, 0, 0)
    while not outcome.over:
        told.append((outcome.instruction, outcome.renewed))
        outcome, _ = env.run(actions(8))
    tasks = chains()[0].tasks
    assert told == [(INSTRUCTIONS[tasks[0]], False), (INSTRUCTIONS[tasks[1]], True), (INSTRUCTIONS[tasks[2]], True)]
    assert (outcome.steps, outcome.completed, outcome.subtask) == (5, 2, tasks[2])
    assert outcome.terminated
    assert outcome.truncated
    assert not outcome.success
    with pytest.raises(gym.error.ResetNeeded):
        env.advance(np.zeros(7))


def test_a_chain_whose_tasks_are_all_done_succeeds(env, monkeypatch):
    monkeypatch.setattr(module, "done", lambda task, start, now: True)
    outcome = env.start(0, 0, 0)
    for _ in range(5):
        assert not outcome.over
        outcome = env.advance(np.zeros(7))
    assert outcome.success
    assert outcome.terminated
    assert not outcome.truncated
    assert not outcome.renewed
    assert outcome.completed == 5


def test_the_gripper_opens_above_zero_only(env):
    env.start(0, 0, 0)
    for value, command in ((1.0, 1.0), (-1.0, -1.0), (0.2, 1.0), (0.0, -1.0)):
        env.advance(np.array([0, 0, 0, 0, 0, 0, value]))
        assert env.observe()["gripper_command"] == command


def test_bad_numbers_are_one_line(env):
    with pytest.raises(VvlaError, match="chains 0 to 999, not 1000"):
        env.start(0, 1000, 0)
    suite = load_suite("calvin_d_d")
    with pytest.raises(VvlaError, match="has one task"):
        suite.make_env(replace(env.settings), 1)


def test_the_software_renderer_is_the_default(monkeypatch):
    from vvla_policies.envs.calvin import bullet

    from vvla_policies.errors import SimulatorError

    monkeypatch.delenv(bullet.CHOICE, raising=False)
    bullet.renderer.cache_clear()
    assert bullet.renderer() == "TinyRenderer"
    monkeypatch.setenv(bullet.CHOICE, "vulkan")
    bullet.renderer.cache_clear()
    with pytest.raises(SimulatorError, match="vulkan is unknown"):
        bullet.renderer()
    bullet.renderer.cache_clear()
