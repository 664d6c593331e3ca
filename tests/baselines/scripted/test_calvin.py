"""The scripted expert on CALVIN."""

import numpy as np
import pytest
from vvla_policies.baselines.scripted.calvin import skills
from vvla_policies.baselines.scripted.calvin.expert import Plan, act
from vvla_policies.baselines.scripted.calvin.motion import CLOSED, OPEN, Move, Progress, command, over
from vvla_policies.baselines.scripted.policy import ScriptedPolicy
from vvla_policies.envs.calvin.chains import chains
from vvla_policies.envs.calvin.oracle import CONDITIONS
from vvla_policies.envs.suite import EnvSettings, load_suite

from vvla_policies import check_policy

TARGET = np.array([0.1, -0.2, 0.5, np.pi, 0.0, 1.5])


def test_commands_are_bounded_and_end_at_the_pose():
    move, target = Move(np.array([0.0, 0.1, 0.6]), -0.6, 1.0, CLOSED, speed=0.5), TARGET.copy()
    for _ in range(100):
        action = command(move, target)
        assert np.abs(action[:6]).max() <= 0.5 + 1e-9
        assert action[6] == CLOSED
        if np.abs(action[:6]).max() < 1e-6:
            break
        target += np.concatenate([0.02 * action[:3], 0.05 * action[3:6]])
    np.testing.assert_allclose(target, [0.0, 0.1, 0.6, np.pi, -0.6, 1.0], atol=1e-6)


def test_a_move_is_over_when_the_tool_is_there_or_patience_ends():
    move = Move(TARGET[:3], 0.0, 1.5, OPEN, hold=2)
    there, away = np.array([*TARGET[:3], 0, 0, 0, 1]), np.array([*(TARGET[:3] + 0.05), 0, 0, 0, 1])
    for tool, calls in ((there, 3), (away, 13)):
        progress = Progress()
        assert [over(move, progress, TARGET, tool) for _ in range(calls)] == [False] * (calls - 1) + [True]
    assert not over(move, Progress(), TARGET + 0.1, there)


def test_there_is_a_skill_for_every_task():
    named = {task for task in CONDITIONS if task in skills.SKILLS}
    patterns = {t for t in CONDITIONS if t.startswith("lift_") or (t.startswith(("rotate_", "push_")) and "block" in t)}
    assert named | patterns == set(CONDITIONS)


def test_check_policy():
    check_policy(ScriptedPolicy())


@pytest.fixture(scope="module")
def env():
    suite = load_suite("calvin_abc_d")
    made = suite.make_env(EnvSettings(suite.protocol(), suite.assets("primitive"), ()))
    yield made
    made.close()


def run(env, number):
    """Tasks done of a chain, and the numbers of steps that each took."""
    outcome, plan, done = env.start(0, number, 0), Plan(), []
    while not outcome.over:
        before = outcome.completed
        outcome = env.advance(act(env.privileged(), plan))
        if outcome.completed > before:
            done.append(outcome.steps)
            plan = Plan()  # as the harness does when the instruction changes
    return outcome, done


@pytest.mark.calvin
def test_a_chain_is_done(env):
    """Opens the drawer, lifts a block, puts it into the cabinet, throws the switch and turns a block: by contact."""
    assert chains()[4].tasks[::3] == ("open_drawer", "turn_on_lightbulb")
    outcome, done = run(env, 4)
    assert outcome.success
    assert max(np.diff([0, *done])) < 150


@pytest.mark.calvin
@pytest.mark.slow
def test_most_chains_are_done(env):
    lengths = [run(env, number)[0].completed for number in range(20)]
    assert np.mean(lengths) >= 4.5
