"""The scripted expert on CALVIN."""

import numpy as np
import pytest
from vvla_policies.baselines.scripted.calvin import skills
from vvla_policies.baselines.scripted.calvin.expert import Plan, act
from vvla_policies.baselines.scripted.calvin.motion import (
    CLOSED,
    LEASH,
    OPEN,
    PATIENCE,
    UNIT_POSITION,
    Move,
    Progress,
    command,
    over,
)
from vvla_policies.baselines.scripted.policy import ScriptedPolicy
from vvla_policies.envs.calvin.chains import chains
from vvla_policies.envs.calvin.oracle import CONDITIONS
from vvla_policies.envs.suite import EnvSettings, load_suite

from vvla_policies import check_policy

TOOL = np.array([0.1, -0.2, 0.5, np.pi, 0.0, 1.5])


def test_commands_are_bounded_slow_down_and_end_at_the_pose():
    move, tool, sizes = Move(np.array([0.0, 0.1, 0.6]), -0.6, 1.0, CLOSED, speed=0.5), TOOL.copy(), []
    for _ in range(60):
        action = command(move, tool, tool)
        assert action[6] == CLOSED
        sizes.append(np.abs(action[:6]).max())
        tool += np.concatenate([0.02 * action[:3], 0.05 * action[3:6]])
    np.testing.assert_allclose(tool, [0.0, 0.1, 0.6, np.pi, -0.6, 1.0], atol=1e-5)
    assert max(sizes) <= 0.5 + 1e-9
    assert np.all(np.diff(sizes[-20:]) < 0)


def test_commands_do_not_read_the_hidden_target_unless_it_runs_away():
    move = Move(np.array([0.0, 0.1, 0.6]), 0.0, 1.5, OPEN)
    ahead = TOOL + 0.03 * np.array([-1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(command(move, TOOL, TOOL), command(move, TOOL, ahead), atol=1e-12)
    target = TOOL.copy()
    for _ in range(50):  # against a wall
        target[:3] += UNIT_POSITION * command(move, TOOL, target)[:3]
    assert np.linalg.norm(target[:3] - TOOL[:3]) <= LEASH + 1e-9


def test_a_move_is_over_when_the_tool_is_there_or_stuck():
    move = Move(TOOL[:3], 0.0, 1.5, OPEN, hold=2)
    away = TOOL + np.array([0.05, 0, 0, 0, 0, 0])
    for tool, calls in ((TOOL, 3), (away, PATIENCE + 3)):
        progress = Progress()
        assert [over(move, progress, tool) for _ in range(calls)] == [False] * (calls - 1) + [True]


def test_a_move_that_passes_by_is_over_earlier():
    near = TOOL + np.array([0.015, 0, 0, 0, 0.2, 0])
    assert over(Move(TOOL[:3], 0.0, 1.5, OPEN, passing=True), Progress(), near)
    assert not over(Move(TOOL[:3], 0.0, 1.5, OPEN), Progress(), near)


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
