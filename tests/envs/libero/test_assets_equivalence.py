"""The primitive assets stand in for the official ones: same names, same settled scenes, same predicates."""

from pathlib import Path

import pytest

pytest.importorskip("libero", reason="needs the libero extra (hf-libero)")

from tests.envs.libero.asset_comparison import faults
from tests.envs.libero.reference import SUITES, Task, init_states, official_assets, tasks

pytestmark = [
    pytest.mark.libero,
    pytest.mark.official,
    pytest.mark.skipif(official_assets() is None, reason="official LIBERO assets not found: set VVLA_REFERENCE"),
]

# One task for each arena and each fixture that a suite uses.
SAMPLE = [
    ("libero_goal", "open_the_top_drawer_and_put_the_bowl_inside"),
    ("libero_object", "pick_up_the_milk_and_place_it_in_the_basket"),
    ("libero_10", "KITCHEN_SCENE6_put_the_yellow_and_white_mug_in_the_microwave_and_close_it"),
    (
        "libero_10",
        "LIVING_ROOM_SCENE5_put_the_white_mug_on_the_left_plate_and_put_the_yellow_and_white_mug_on_the_right_plate",
    ),
    ("libero_90", "STUDY_SCENE2_pick_up_the_book_and_place_it_in_the_back_compartment_of_the_caddy"),
]


@pytest.fixture(scope="module")
def primitive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from vvla_policies.envs.libero.primitive.build import build

    folder = tmp_path_factory.mktemp("primitive")
    build(folder)
    return folder


@pytest.mark.parametrize(("suite", "name"), SAMPLE)
def test_a_sample_of_tasks_behaves_alike(suite: str, name: str, primitive: Path) -> None:
    assert faults(Task(suite, name), official_assets(), primitive, states=[0]) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "task", [task for suite in SUITES for task in tasks(suite)], ids=lambda task: f"{task.suite}-{task.name}"
)
def test_every_task_and_initial_state_behaves_alike(task: Task, primitive: Path) -> None:
    assert faults(task, official_assets(), primitive, states=range(len(init_states(task)))) == []
