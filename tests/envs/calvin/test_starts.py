"""Starts drawn for practice: possible, apart, and a function of the seed."""

import numpy as np
import pytest
from vvla_policies.envs.calvin.chains import RULES, chains
from vvla_policies.envs.calvin.scenes import SCENES
from vvla_policies.envs.calvin.starts import APART, draw_start
from vvla_policies.envs.calvin.suites import practice_suites
from vvla_policies.envs.protocol import get_protocol
from vvla_policies.envs.suite import expand, load_suite

from vvla_policies.errors import UnknownNameError


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("task", RULES)
def test_every_task_has_starts_in_every_scene(scene, task):
    start = draw_start(SCENES[scene], task, seed=3)
    assert start.tasks[-1] == task
    assert len(start.tasks) <= 2
    again = draw_start(SCENES[scene], task, seed=3)
    assert np.array_equal(start.scene_obs, again.scene_obs)
    assert start.tasks == again.tasks
    assert any(not np.array_equal(start.scene_obs, draw_start(SCENES[scene], task, k).scene_obs) for k in (4, 5))


def test_the_world_fits_the_task():
    scene = SCENES["B"]
    for seed in range(40):
        assert draw_start(scene, "place_in_drawer", seed).scene_obs[1] > 0
        assert draw_start(scene, "place_in_drawer", seed).tasks[0].startswith("lift_")
        if len(draw_start(scene, "open_drawer", seed).tasks) == 1:
            assert draw_start(scene, "open_drawer", seed).scene_obs[1] == 0
        blocks = draw_start(scene, "unstack_block", seed).scene_obs[6:].reshape(3, 6)
        top = blocks[blocks[:, 2].argmax()]
        assert (
            min(np.abs(top - block)[[0, 1, 5]].max() for block in blocks if block is not top and block[2] < top[2])
            < 1e-9
        )


def test_blocks_on_the_table_are_apart():
    for seed in range(60):
        start = draw_start(SCENES["A"], "turn_on_led", seed)
        blocks = start.scene_obs[6:].reshape(3, 6)
        low = [b[:2] for b in blocks if b[2] < 0.47 and -0.2 < b[1] < 0]
        assert len(low) < 2 or np.linalg.norm(low[0] - low[1]) > APART


def test_practice_is_not_the_evaluation():
    starts = {tuple(chain.state()[1].round(6)) for chain in chains()}
    drawn = [draw_start(SCENES["D"], "open_drawer", seed).scene_obs for seed in range(50)]
    assert not {tuple(obs.round(6)) for obs in drawn} & starts


def test_suites_for_practice():
    suite = load_suite("vvla_policies.envs.calvin.suites:calvin_b")
    assert (suite.name, suite.scene.name, len(suite.tasks)) == ("calvin_b", "B", 34)
    assert suite.protocol("fresh") == suite.protocol() == get_protocol("practice")
    assert load_suite(*expand(["calvin"])).practice == ("calvin_a", "calvin_b", "calvin_c")
    assert practice_suites("D") == ["calvin_d"]
    with pytest.raises(UnknownNameError, match="scene"):
        practice_suites("E")
