"""Training on CALVIN's layout: what is read is what stands in the files, each frame with its own action."""

import pickle

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("h5py")
from tests.distill.calvin_small import make_folder, rel_actions, robot_obs
from tests.distill.small import make_demos, teacher_recipe
from vvla_policies.distill.data.batches import CachedWindows, Reading
from vvla_policies.distill.data.cache import cached
from vvla_policies.distill.data.dataset import Windows
from vvla_policies.distill.data.sources import sources
from vvla_policies.distill.demos.calvin import layout as calvin_layout
from vvla_policies.distill.demos.conversions import (
    actions_from_calvin,
    euler_quaternions,
    states_from_robot_obs,
)
from vvla_policies.distill.demos.inspection import contact_sheet, find_files, survey
from vvla_policies.distill.networks import Sources
from vvla_policies.distill.train import TrainRequest, train
from vvla_policies.errors import RecordError
from vvla_policies.inputs import Inputs
from vvla_policies.observation import calvin_robot_obs, euler_xyz
from vvla_policies.pretrained import load_card, read_tensors


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "task_D_D")


def test_each_phrase_has_its_segments(folder):
    (path,) = find_files(folder)
    opened, pulled = sources(path)
    assert (opened.index().instruction, pulled.index().instruction) == ("open the drawer", "pull the handle")
    assert opened.index().demos == ("open_drawer_0000000", "open_drawer_0000020")
    assert [len(opened.numbers(demo)["actions"]) for demo in opened.index().demos] == [10, 7]
    first, again = sources(path)[0].key(), sources(path)[0].key()
    assert first == again != pulled.key()


def test_windows_pair_each_frame_with_its_own_action(folder, tmp_path):
    files = cached(find_files(folder), tmp_path / "cache")
    inputs = Inputs(size=10)
    data = CachedWindows(files, Windows(history=2, future=3), [Reading(inputs)])
    assert len(data) == 10 + 7 + 8, "no frame is without an action"
    frames = [*range(10), *range(20, 27), *range(8, 16)]
    ends = [9] * 10 + [26] * 7 + [15] * 8
    batch = data.__getitems__(range(len(data)))
    for n, (frame, end) in enumerate(zip(frames, ends, strict=True)):
        assert batch["pictures"][n, 1, 0, 5, 5, 0] == frame
        assert batch["pictures"][n, 1, 0, 0, 0, 0] > 200, "upright"
        assert batch["pictures"][n, 1, 1, 5, 5, 0] == 100 + frame
        for k in range(3):
            expected = rel_actions(min(frame + k, end)).astype(np.float32)
            assert np.array_equal(batch["actions"][n, 1, k], expected)
            assert batch["actions_valid"][n, 1, k] == (frame + k <= end)
        state = batch["state"][n, 1]
        np.testing.assert_allclose(state[:6], robot_obs(frame)[:6], atol=1e-5)
        assert state[6:].tolist() == ([0, 1] if frame % 4 < 2 else [1, 0])


def test_robot_obs_there_and_back():
    rows = np.stack([robot_obs(k) for k in range(12)])
    states = states_from_robot_obs(rows)
    for k, row in enumerate(rows):
        obs = {key: values[k] for key, values in states.items()}
        np.testing.assert_allclose(calvin_robot_obs(obs), row, atol=1e-5)
    assert (states["eef_quat"][:, :2].sum(axis=1) > 0).all(), "one branch, without jumps"
    angles = np.random.default_rng(0).uniform(-1.5, 1.5, (20, 3))
    np.testing.assert_allclose([euler_xyz(quat) for quat in euler_quaternions(angles)], angles, atol=1e-9)


def test_the_gripper_opens_above_zero():
    actions = actions_from_calvin(np.array([[0, 0, 0, 0, 0, 0, 1.0], [0, 0, 0, 0, 0, 2.0, 0.0]]))
    assert actions[:, 6].tolist() == [1.0, -1.0]
    assert actions[1, 5] == 1.0


def test_table_and_sheet(folder):
    (path,) = find_files(folder)
    (task,) = survey(path)
    assert (task.path.name, task.steps, task.size, task.disturbed) == ("open_drawer", (10, 8, 7), (20, 20), None)
    assert contact_sheet(path).size[1] > 20


def test_validation_is_not_trained_on(folder):
    training = folder / "training"
    (folder / "validation").mkdir()
    for item in list(training.iterdir()):
        (folder / "validation" / item.name).symlink_to(item)
    assert [path.parents[1].name for path in find_files(folder)] == ["training"]
    assert [path.parents[1].name for path in find_files(folder / "validation")] == ["validation"]


def test_a_missing_frame_is_one_line(folder, tmp_path):
    (folder / "training" / "episode_0000004.npz").unlink()
    with pytest.raises(RecordError, match=r"episode_0000004\.npz cannot be read"):
        cached(find_files(folder), tmp_path / "cache")


def test_annotations_that_run_code_are_refused(folder):
    class Evil:
        def __reduce__(self):
            return print, ("pwned",)

    path = folder / "training" / calvin_layout.ANNOTATIONS
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(np.array(Evil(), dtype=object), file)
    with pytest.raises(RecordError, match=r"plain data only, not builtins\.print"):
        sources(path)


def test_benchmarks_are_not_mixed_up(folder, tmp_path):
    request = TrainRequest(
        teacher_recipe(), (folder, make_demos(tmp_path / "demos")), tmp_path / "out", cache=tmp_path / "c"
    )
    with pytest.raises(RecordError, match="recipe is for libero, the demonstrations are calvin's"):
        train(request)


def test_a_teacher_learns_from_it(folder, tmp_path):
    recipe = teacher_recipe(
        benchmark="calvin", config={**teacher_recipe().config, "picture": 16}, steps=2, save_every=2
    )
    result = train(TrainRequest(recipe, (folder,), tmp_path / "out", cache=tmp_path / "cache", threads=1))
    assert result.finished
    assert np.isfinite(result.losses["loss"])


def test_a_teacher_of_the_other_benchmark_goes_on_here(folder, tmp_path):
    """It keeps what it knows but how states feel, which are told otherwise here; a training without a step shows it."""
    config = {**teacher_recipe().config, "picture": 16}
    fixed = {"config": config, "scale_states": True, "cache": tmp_path / "cache"}
    begun = _trained(tmp_path / "old", (make_demos(tmp_path / "demos"),), steps=2, **fixed)
    result = _trained(
        tmp_path / "new", (folder,), Sources(init=str(begun)), benchmark="calvin", steps=1, warmup=4, **fixed
    )
    old, new = read_tensors(begun), read_tensors(result)
    far = {name for name in old if (new[name] - old[name]).abs().max() > 0.05}
    assert far == {f"{part}_state_encoder.{kind}" for part in ("arm", "gripper") for kind in ("weight", "bias")}
    card = load_card(result)
    assert (card.benchmark, card.inputs["gripper"]) == ("calvin", "one_hot")
    assert load_card(begun).inputs["gripper"] == "fingers"
    assert [training["stage"] for training in card.data["earlier"]] == ["teacher"]


def _trained(out, data, sources=None, cache=None, **changes):
    recipe = teacher_recipe(save_every=2, **changes)
    return train(TrainRequest(recipe, data, out, sources or Sources(), cache=cache, threads=1)).folder
