"""The evaluation chains and their starts, against the published ones."""

import json

import numpy as np
import pytest
from vvla_policies.envs.calvin import chains as drawn
from vvla_policies.envs.calvin.chains import Chain, chains
from vvla_policies.envs.calvin.oracle import CONDITIONS


def test_shipped_chains_are_the_published_ones(reference):
    path = reference / "calvin" / "eval_sequences.json"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    published = [Chain(start, tuple(tasks)) for start, tasks in json.loads(path.read_text())]
    assert list(chains()) == published


def test_starts_are_the_published_ones(reference):
    path = reference / "golden" / "calvin" / "initial_states.npz"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    golden = np.load(path)
    for k, chain in enumerate(chains()):
        robot_obs, scene_obs = chain.state()
        np.testing.assert_array_equal(robot_obs, golden["robot_obs"][k])
        np.testing.assert_array_equal(scene_obs, golden["scene_obs"][k])


@pytest.mark.parametrize("start", [0, 77, 191])
def test_shipped_chains_are_what_the_code_draws(start):
    state = drawn.starts()[start]
    shipped = {chain.tasks for chain in chains() if chain.start == state}
    (first,) = drawn._draw_for(state, 1, seed=start)
    assert len(shipped) in (5, 6)
    assert first in shipped


@pytest.mark.slow
def test_all_chains_are_what_the_code_draws():
    assert drawn.draw() == list(chains())


def test_every_task_occurs_and_every_chain_is_possible():
    assert {task for chain in chains() for task in chain.tasks} == set(drawn.RULES) == set(CONDITIONS)
    assert all(drawn._possible(chain.start, chain.tasks) for chain in chains())


@pytest.mark.parametrize(
    ("task", "change", "possible"),
    [
        ("open_drawer", {"drawer": "closed"}, True),
        ("open_drawer", {"drawer": "open"}, False),
        ("lift_red_block_slider", {"red_block": "slider_left", "slider": "right"}, True),
        ("lift_red_block_slider", {"red_block": "slider_left", "slider": "left"}, False),
        ("place_in_slider", {}, False),
        ("stack_block", {"red_block": "grasped", "grasped": 1, "pink_block": "table", "blue_block": "drawer"}, True),
        ("stack_block", {"red_block": "grasped", "grasped": 1, "pink_block": "table", "blue_block": "table"}, False),
    ],
)
def test_rules(task, change, possible):
    state = {**drawn.starts()[0], **change}
    assert (drawn.after(state, task) is not None) is possible
