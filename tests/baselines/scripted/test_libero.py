"""The scripted expert: geometry, motion, planning, and skills on a few tasks."""

import pickle

import numpy as np
import pytest
from vvla_policies.baselines.scripted.libero import gripper, motion
from vvla_policies.baselines.scripted.libero.choice import cheapest
from vvla_policies.baselines.scripted.libero.geometry import UP, Boxes, Pose, rotation_of, rotation_vector, turn
from vvla_policies.baselines.scripted.policy import ScriptedPolicy
from vvla_policies.envs.protocol import get_protocol
from vvla_policies.envs.suite import EnvSettings, load_suite

from vvla_policies.policy import check_policy

DOWN = Pose(np.zeros(3), gripper.stance(gripper.REST))


def random_turns(count: int) -> list[np.ndarray]:
    quats = np.random.default_rng(0).normal(size=(count, 4))
    return [rotation_of(quat / np.linalg.norm(quat)) for quat in quats]


def test_rotation_vectors_undo_turns():
    for rot in random_turns(200):
        vector = rotation_vector(rot)
        angle = np.linalg.norm(vector)
        assert angle <= np.pi + 1e-9
        np.testing.assert_allclose(turn(vector / angle, angle), rot, atol=1e-6)
    for axis in np.eye(3):
        np.testing.assert_allclose(np.abs(rotation_vector(turn(axis, np.pi))), np.pi * axis, atol=1e-6)


def test_poses_compose_and_invert():
    a, b = (Pose(np.arange(3.0), rot) for rot in random_turns(2))
    point = np.array([0.3, -0.2, 0.9])
    np.testing.assert_allclose((a @ b).point(point), a.point(b.point(point)))
    np.testing.assert_allclose(a.inverse().point(a.point(point)), point)
    np.testing.assert_allclose(a.local(a.point(point)), point)


def test_distance_and_height_over_boxes():
    rows = np.array([[0, 0, 1, 0, 0, np.sin(np.pi / 8), np.cos(np.pi / 8), 1, 1, 0.5]])
    boxes = Boxes.of(rows, Pose(np.zeros(3), np.eye(3)))
    corner = np.sqrt(2)
    np.testing.assert_allclose(boxes.distance(np.array([[corner + 0.5, 0, 1], [0, 0, 1.4]])), [0.5, -0.1], atol=1e-9)
    tops = boxes.tops_below(np.array([[0, 0, 3], [corner - 0.01, 0, 3], [1.1, 1.1, 3], [0, 0, 1.2]], dtype=float))
    np.testing.assert_allclose(tops, [1.5, 1.5, -np.inf, -np.inf])


def random_box(rng: np.random.Generator) -> Boxes:
    quat = rng.normal(size=4)
    rot = rotation_of(quat / np.linalg.norm(quat))
    return Boxes(rng.uniform(-0.2, 0.2, (1, 3)), rot[None], rng.uniform(0.01, 0.1, (1, 3)))


def test_what_a_swept_box_meets_is_not_missed():
    rng = np.random.default_rng(2)
    met = 0
    for _ in range(100):
        box, still, way = random_box(rng), random_box(rng), rng.normal(size=3) / 10
        inside = rng.uniform(-1, 1, (500, 3)) * box.half @ box.rot[0].T + box.centre
        on_the_way = still.distance(inside + rng.uniform(0, 1, (500, 1)) * way).min()
        depth = box.swept_into(way, still)[0, 0]
        assert depth > 0 or on_the_way > 0
        met += on_the_way < 0
    assert 10 < met < 90


def test_a_swept_box_is_stopped_by_what_is_in_its_way_only():
    unit = Boxes(np.zeros((1, 3)), np.eye(3)[None], np.ones((1, 3)))
    still = Boxes(np.array([[0.0, 0.0, 5.0], [3.0, 0.0, 5.0]]), np.stack([turn(UP, np.pi / 4)] * 2), np.ones((2, 3)))
    np.testing.assert_allclose(unit.swept_into(2.5 * UP, still), [[0.0, 0.0]])
    np.testing.assert_allclose(unit.swept_into(3.5 * UP, still), [[0.5, 0.0]])
    np.testing.assert_allclose(unit.swept_into(3.5 * UP, still, margin=0.7), [[1.2, 0.7 + 1 + np.sqrt(2) - 3]])


def test_a_thin_wall_under_the_hand_bars_the_way_down():
    wall = Boxes(np.array([[0.08, 0.0, 0.1]]), np.eye(3)[None], np.array([[0.001, 0.05, 0.03]]))
    assert gripper.descent(Pose(np.zeros(3), gripper.stance(0.0)), wall) > 0.005
    assert gripper.descent(Pose(np.zeros(3), gripper.stance(np.pi / 2)), wall) == 0.0


def test_cheapest_equals_looking_at_all():
    rng = np.random.default_rng(1)
    for _ in range(50):
        costs = rng.uniform(size=(30, 2))
        best = cheapest(range(30), lambda k, c=costs: c[k, 0], lambda k, c=costs: c[k, 1])
        assert best == int(costs.sum(axis=1).argmin())


def test_both_stances_close_along_the_same_axis():
    for angle in np.linspace(-4, 4, 17):
        axes = [gripper.stance(option)[:, 0] for option in gripper.stances(float(angle))]
        np.testing.assert_allclose(np.abs(axes[0] @ [np.cos(angle), np.sin(angle), 0]), 1.0)
        np.testing.assert_allclose(axes[0], -axes[1], atol=1e-12)
        assert gripper.stance(float(angle))[2, 2] == -1.0


class Standing:
    """A scene with nothing but a gripper that is where it is."""

    def __init__(self, grip: Pose) -> None:
        self.grip = grip


def test_motion_is_bounded_and_smooth():
    before = np.append(np.zeros(6), motion.OPEN)
    move = motion.Move(Pose(np.array([1.0, -2.0, 0.5]), turn(UP, 2.0) @ DOWN.rot), motion.CLOSED, speed=0.5)
    for _ in range(10):
        action = motion.command(move, motion.Progress(), Standing(DOWN), before)
        assert np.abs(action[:3]).max() <= 0.5 + 1e-9
        assert np.abs(action).max() <= 1.0
        assert np.abs(action[:6] - before[:6]).max() <= motion.MOST_CHANGE + 1e-9
        before = action
    assert action[6] == motion.CLOSED
    np.testing.assert_allclose(action[:3], [0.25, -0.5, 0.5])


def test_the_hand_is_brought_back_to_its_line():
    before = np.append(np.zeros(6), motion.CLOSED)
    move = motion.Move(Pose(0.3 * UP, DOWN.rot), motion.CLOSED)
    strayed = Standing(Pose(np.array([0.02, 0.0, 0.1]), DOWN.rot))
    progress = motion.Progress(start=DOWN)
    action = motion.command(move, progress, strayed, before)
    assert action[0] == pytest.approx(-motion.MOST_CHANGE)  # not shortened together with the long way up
    assert action[2] == pytest.approx(motion.MOST_CHANGE)


def test_only_an_expert_that_takes_over_goes_on_from_the_middle():
    before, at = Pose(0.1 * UP, DOWN.rot), Pose(np.zeros(3), DOWN.rot)
    aside = np.array([1.0, 0.0, 0.0])
    places = {"on it": 0.05 * UP, "beside it": 0.05 * UP + 0.04 * aside, "above it": 0.15 * UP}
    for taken_over in (True, False):
        found = {}
        for name, pos in places.items():
            scene = Standing(Pose(pos, DOWN.rot))
            scene.taken_over = taken_over
            found[name] = motion.underway(scene, before, at)
        assert found == {"on it": taken_over, "beside it": False, "above it": False}
    turned = Standing(Pose(0.05 * UP, turn(UP, 0.5) @ DOWN.rot))
    turned.taken_over = True
    assert not motion.underway(turned, before, at)


def test_conforms():
    check_policy(ScriptedPolicy())


@pytest.fixture(scope="module")
def settings() -> EnvSettings:
    return EnvSettings(get_protocol("openvla"), load_suite("libero_object").assets("primitive"), cameras=())


TASKS = [
    ("libero_object", 1, 0, 150),  # grasp across, place in
    ("libero_spatial", 0, 0, 130),  # grasp a rim, place on
    ("libero_goal", 0, 0, 100),  # open
    ("libero_goal", 7, 0, 100),  # turn on
    ("libero_long", 3, 0, 300),  # place in a drawer, close
]


@pytest.mark.libero
@pytest.mark.parametrize(("name", "task", "state", "steps"), TASKS)
def test_solves(settings, name, task, state, steps):
    outcome, _ = play(load_suite(name).make_env(settings, task), task, state)
    assert outcome.success
    assert outcome.steps <= steps


@pytest.mark.libero
def test_is_a_function_of_observation_and_memory(settings):
    env = load_suite("libero_object").make_env(settings, 1)
    first, actions = play(env, 1, 0)
    second, again = play(env, 1, 0, forget=True)
    assert first == second
    np.testing.assert_array_equal(actions, again)


@pytest.mark.libero
@pytest.mark.parametrize(("name", "task", "state", "steps"), TASKS)
def test_goes_on_with_what_another_began(settings, name, task, state, steps):
    """As it does when it takes over from a novice: to begin anew would contradict what it shows otherwise."""
    outcome, _ = play(load_suite(name).make_env(settings, task), task, state, stint=12)
    assert outcome.success
    assert outcome.steps <= 1.25 * steps


def play(env, task, state, forget=False, stint=1000):
    """Runs an episode.

    Args:
        env: of the task.
        task: its number.
        state: the initial one.
        forget: each step asks a new policy that is handed the pickled memory of the last.
        stint: steps after which memory begins afresh.
    """
    policy = ScriptedPolicy()
    memory = policy.initial_memory(0)
    outcome, actions = env.start(task, state, 0), []
    while not outcome.over:
        if len(actions) % stint == 0:
            memory = policy.initial_memory(0)
        obs = {**env.observe(), "privileged": env.privileged()}
        if forget:
            policy, memory = ScriptedPolicy(), pickle.loads(pickle.dumps(memory))
        (chunk,) = policy.act_batch([obs], [outcome.instruction], [memory])
        actions.append(chunk[0])
        outcome = env.advance(chunk[0])
    return outcome, np.array(actions)
