"""What is asked about CALVIN's demonstrations: truths of frames made by hand, and of an expert's lift."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pybullet")
pytest.importorskip("h5py")
pytest.importorskip("accelerate")
from vvla_policies.envs.calvin.chains import ROBOT_OBS, RULES
from vvla_policies.envs.calvin.scenes import SCENES, SLIDER

from tests.distill.calvin_small import make_folder
from tests.distill.small import student_recipe
from vvla_policies.distill import pipeline
from vvla_policies.distill.data.sources import CalvinPhrase, sources
from vvla_policies.distill.demos.calvin.layout import Segment, scene_of
from vvla_policies.distill.demos.collect import DemoRequest, collect
from vvla_policies.distill.demos.inspection import find_files
from vvla_policies.distill.lessons.calvin import THINGS, moved_by
from vvla_policies.distill.lessons.questions import Examiner
from vvla_policies.distill.recipe import load_recipe, recipe_names
from vvla_policies.distill.train import TrainRequest, train
from vvla_policies.errors import RecordError

pytestmark = pytest.mark.calvin
RED, BLUE, PINK = range(3)


def block(x: float, y: float, z: float) -> list[float]:
    return [x, y, z, 0.0, 0.0, 0.0]


class Made(CalvinPhrase):
    """Two frames in scene D, where blocks are red, blue, pink: of what lies where, of switches and doors."""

    def scene(self, demo: str) -> str:
        return "D"

    def task(self, demo: str) -> str:
        return demo

    def states(self, demo: str) -> tuple[np.ndarray, np.ndarray]:
        before = [
            0.0,
            0.22,
            0,
            0,
            0,
            1,
            *block(0.05, -0.12, 0.46),
            *block(0.18, -0.28, 0.36),
            *block(-0.24, 0.09, 0.46),
        ]
        after = [0.28, 0.0, 0, 0.088, 1, 0, *block(0.25, -0.12, 0.46), *block(0.25, -0.12, 0.5), *block(0.0, 0.0, 0.8)]
        return np.stack([ROBOT_OBS] * 2), np.array([before, after])


@pytest.fixture(scope="module")
def made():
    source = Made(None, "push the red block right", {}, {"assets": {"name": "primitive"}})  # type: ignore[arg-type]
    return source.truths(["push_red_block_right", "turn_on_led"])


def answers(truths, frame):
    asked = Examiner(truths, "push the red block right").ask(frame, 300, np.random.default_rng(0))
    assert all(re.fullmatch(r"\d+ \d+|nowhere|nothing|yes|no|[a-z ]+", answer) for _, answer in asked)
    return dict(asked)


def test_answers_are_the_states(made):
    assert made.points.shape == (4, len(THINGS), 2, 2)
    before, after = answers(made, 0), answers(made, 1)
    expected = {
        "is the drawer open": ("yes", "no"),
        "is the sliding door on the left": ("no", "yes"),
        "is the light bulb on": ("no", "yes"),
        "is the led light on": ("yes", "no"),
        "what is under the red block": ("table", "table"),
        "what is under the blue block": ("drawer", "red block"),
        "what is under the pink block": ("cabinet", None),
        "what is held": ("nothing", "nothing"),
    }
    for question, (first, second) in expected.items():
        assert (before.get(question), after.get(question)) == (first, second), question
    assert before["where to begin to push the red block right"] == before["where is the red block"]
    assert before["where is the red block"] != after["where is the red block"]
    assert after["where to end to push the red block right"] == after["where is the gripper"]
    assert "where is the light bulb" in before
    assert not any("begin in the hand" in question for question in before)


def test_each_task_begins_at_what_it_moves(made):
    begin, button = THINGS.index("begin"), THINGS.index("button")
    assert np.array_equal(made.points[2:, begin], made.points[2:, button], equal_nan=True)


def test_every_task_moves_a_fixture_or_a_block():
    found = {task: moved_by(task) for task in RULES}
    assert {task for task, thing in found.items() if not thing} == {
        "place_in_slider", "place_in_drawer", "push_into_drawer", "stack_block", "unstack_block",
    }  # fmt: skip
    assert sum(thing.endswith("block") for thing in found.values()) == 21


def test_where_no_block_is_named_the_one_that_gets_farthest_is_meant():
    source = Made(None, "stack the blocks", {}, {"assets": {"name": "primitive"}})  # type: ignore[arg-type]
    truths = source.truths(["stack_block"])
    assert np.array_equal(truths.points[:, THINGS.index("begin")], truths.points[:, PINK], equal_nan=True)


def test_points_are_where_colours_are_in_the_pictures():
    """The blocks' centres and the switched-on LED, drawn."""
    from vvla_policies.envs.calvin import assets
    from vvla_policies.envs.calvin.cameras import draw
    from vvla_policies.envs.calvin.world import World

    source = Made(None, "x", {}, {"assets": {"name": "primitive"}})  # type: ignore[arg-type]
    truths = source.truths(["turn_on_led"])
    world = World(SCENES["D"], assets.find("primitive").path)
    world.reset(*(rows[0] for rows in source.states("")))
    picture = draw(world, "image", (200, 200)).astype(int)
    assert world.joint(SLIDER) == pytest.approx(0, abs=1e-3)
    world.close()
    for name, (strong, weak) in {"red_block": (0, 1), "led_light": (1, 0)}.items():
        column, row = (truths.points[0, THINGS.index(name), 0] * 200).astype(int)
        assert picture[row, column, strong] > picture[row, column, weak] + 60, name


@pytest.fixture(scope="module")
def lifted(tmp_path_factory):
    """A demonstration of a lift, by the expert."""
    from vvla_policies.envs.calvin.suites import calvin_b

    task = [task.name for task in calvin_b.tasks].index("lift_pink_block_table")
    address, out = "vvla_policies.envs.calvin.suites:calvin_b", tmp_path_factory.mktemp("lifted")
    collect(DemoRequest((address,), out, (task,), per_task=1, size=32, assets="primitive", workers=0, noise=0))
    return out


def test_a_lifted_block_is_held(lifted):
    (path,) = find_files(lifted)
    (source,) = sources(path)
    demos = source.index().demos
    truths = source.truths(demos)
    assert len(truths.held) == len(source.numbers(demos[0])["actions"])
    assert source.scene(demos[0]) == "B"  # type: ignore[attr-defined]
    assert truths.held[0] == -1
    assert truths.held[-1] == PINK
    assert truths.surfaces[truths.under[0, PINK]] == "table"
    assert truths.under[-1, PINK] == -1
    ends = truths.points[:, THINGS.index("end"), 0]
    assert np.array_equal(ends[0], ends[-1])
    assert np.array_equal(ends[-1], truths.points[-1, THINGS.index("gripper"), 0])


def test_a_student_is_pretrained_on_it(lifted, tmp_path):
    recipe = student_recipe("pretrain", benchmark="calvin", steps=2, save_every=2)
    result = train(TrainRequest(recipe, (lifted,), tmp_path / "out", cache=tmp_path / "cache", threads=1))
    assert result.finished
    assert np.isfinite(result.losses["loss"])


def test_official_folders_say_which_scene_a_frame_is_of(tmp_path):
    split = make_folder(tmp_path) / "training"
    segment = Segment(21, 26, "open the drawer", "open_drawer")
    with pytest.raises(RecordError, match=r"scene_info\.npy does not say which scenes"):
        scene_of(split, segment)
    np.save(split / "scene_info.npy", {"calvin_scene_B": [0, 15], "calvin_scene_A": [16, 30]}, allow_pickle=True)  # type: ignore[arg-type]
    assert scene_of(split, segment) == "A"
    with pytest.raises(RecordError, match="frame 31"):
        scene_of(split, Segment(31, 40, "", ""))


def test_calvin_has_the_recipe():
    assert "calvin-mini" in recipe_names("pretrain")
    assert load_recipe("pretrain", "calvin-mini").benchmark == "calvin"
    request = pipeline.DistillRequest(("calvin_abc_d",), Path("out"), recipe=pipeline.recipes_of("mini", ["calvin"]))
    assert "pretrained" in pipeline._taught(request)
