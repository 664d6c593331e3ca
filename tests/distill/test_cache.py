"""Cached windows against the demonstrations they come from."""

import pickle

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")
torch = pytest.importorskip("torch")
from tests.distill.small import make_demos  # noqa: E402
from vvla_policies.distill.data import moments  # noqa: E402
from vvla_policies.distill.data.augmentation import LUMA, jittered, shifted  # noqa: E402
from vvla_policies.distill.data.batches import Batches, CachedWindows, Reading, tensors  # noqa: E402
from vvla_policies.distill.data.cache import cached  # noqa: E402
from vvla_policies.distill.data.dataset import DemoDataset, SeededOrder, Windows  # noqa: E402
from vvla_policies.distill.demos.inspection import find_files  # noqa: E402
from vvla_policies.errors import RecordError  # noqa: E402
from vvla_policies.inputs import Inputs, pictures, proprioception  # noqa: E402

STATES = ("eef_pos", "eef_quat", "gripper_qpos", "gripper_command")


@pytest.fixture
def files(tmp_path):
    return find_files(make_demos(tmp_path / "demos"))


def seen(item, frame, inputs):
    """What a policy makes of a frame of a `DemoDataset` item."""
    obs = {key: item[key][frame] for key in (*STATES, "image", "wrist_image")}
    return pictures(obs, inputs), proprioception(obs, inputs)


@pytest.mark.parametrize(
    "inputs", [Inputs(size=16, rotation="axis_angle", gripper="fingers"), Inputs(28, raw=True), Inputs(40)]
)
@pytest.mark.parametrize("spacing", [1, 3])
def test_batches_equal_items(files, tmp_path, inputs, spacing):
    history, future, ahead = 2, 3, 4
    windows = Windows(history, future, stride=2, skip_disturbed=True)
    data = CachedWindows(cached(files, tmp_path / "cache"), windows, [Reading(inputs, ahead=ahead)], spacing)
    frames = spacing * (history - 1) + 1
    plain = DemoDataset(files, Windows(frames, future, ahead, stride=2, skip_disturbed=True))
    assert len(data) == len(plain)
    batch = data.__getitems__(range(len(data)))
    assert np.array_equal(data.tasks(), batch["task"])
    for n in range(len(data)):
        item = plain[n]
        assert data.place(n)[1:] == plain.place(n)[1:]
        assert data.instructions[batch["task"][n]] == item["instruction"]
        for h in range(history):
            at = h * spacing
            shown, felt = seen(item, at, inputs)
            assert np.array_equal(batch["pictures"][n, h], shown)
            assert np.array_equal(batch["state"][n, h], felt)
            assert np.array_equal(batch["actions"][n, h], item["actions"][at])
            assert np.array_equal(batch["actions_valid"][n, h], item["actions_valid"][at])
            later = seen(item, at + ahead, inputs)[0]
            valid = item["frame_valid"][at] and item["frame_valid"][at + ahead]
            assert batch["ahead_valid"][n, h] == valid
            assert not valid or np.array_equal(batch["pictures_ahead"][n, h], later)


@pytest.mark.parametrize(("spacing", "ahead"), [(3, 6), (6, 3), (3, 4)])
def test_items_of_thinned_files_are_those_of_whole_ones(tmp_path, spacing, ahead):
    """About drawn frames only; a picture ahead that was not drawn is invalid."""
    windows, reading = Windows(2, 4, stride=1), [Reading(Inputs(16), ahead=ahead)]
    whole, thin = (
        CachedWindows(
            cached(find_files(make_demos(tmp_path / name, **more)), tmp_path / "cache"), windows, reading, spacing
        )
        for name, more in (("whole", {}), ("thin", {"every": 3}))
    )
    places = [whole.place(n)[1:] for n in range(len(whole))]
    assert 1 < len(thin) < len(whole)
    assert thin.states().shape == whole.states().shape
    for n in range(len(thin)):
        path, demo, frame = thin.place(n)
        assert frame % 3 == 0
        same = next(
            k for k, place in enumerate(places) if place == (demo, frame) and whole.place(k)[0][-12:] == path[-12:]
        )
        one, other = whole[same], thin[n]
        assert set(one) == set(other)
        for name in set(one) - {"index", "pictures_ahead", "ahead_valid"}:
            assert np.array_equal(one[name], other[name]), name
        valid = other["ahead_valid"]
        assert np.array_equal(valid, one["ahead_valid"] if ahead % 3 == 0 else np.zeros_like(valid))
        assert np.array_equal(one["pictures_ahead"][valid], other["pictures_ahead"][valid])


def test_items_without_an_action_to_learn_are_left_out(files, tmp_path):
    """Action 4 of each demonstration is disturbed: the frame before it has no other at a future of 1."""
    opened, reading = cached(files, tmp_path / "cache"), [Reading(Inputs(16))]
    all_of_them = CachedWindows(opened, Windows(1, 1), reading)
    taught = CachedWindows(opened, Windows(1, 1, skip_disturbed=True), reading)
    places = {all_of_them.place(n) for n in range(len(all_of_them))}
    left_out = places - {taught.place(n) for n in range(len(taught))}
    assert len(left_out) == taught.demos
    assert {frame for _, _, frame in left_out} == {3}
    assert taught.__getitems__(range(len(taught)))["actions_valid"].all()


def test_actions_that_do_nothing_are_passed_over(files, tmp_path, monkeypatch):
    """Those made here are small about the middle, where the gripper moves."""
    monkeypatch.setattr(moments, "STILL", 0.5)
    monkeypatch.setattr(moments, "GRIP_STEPS", 1)
    opened = cached(files, tmp_path / "cache")
    data = CachedWindows(opened, Windows(2, 3, skip_idle=True), [Reading(Inputs(16))])
    length = opened[0].lengths[0]
    actions = opened[0].numbers()["actions"][:length]
    grips = np.append(False, np.diff(actions[:, 6]) != 0)
    kept = np.flatnonzero((np.abs(actions[:, :6]).max(axis=1) >= 0.5) | grips)
    assert 3 < len(kept) < length - 1
    assert grips[kept].sum() == 1
    for number in range(length - 1):
        _, _, frame = data.place(number)
        expected = [row for row in kept if row > frame][:3]  # the frame's own action is that after it
        item = data.__getitems__([number])
        assert np.array_equal(item["actions"][0, 1, : len(expected)], actions[expected])
        assert item["actions_valid"][0, 1].tolist() == [k < len(expected) for k in range(3)]


def test_a_grip_takes_a_while_and_is_one_demonstrations_own():
    still = np.zeros((moments.GRIP_STEPS + 4, 7))
    still[2:, 6] = 1
    still[1, 3] = 0.5
    expected = np.array([False, True] + [True] * moments.GRIP_STEPS + [False, False])
    assert np.array_equal(moments.moving(still, [len(still)]), expected)
    assert moments.moving(still, [2, len(still) - 2]).sum() == 1, "told where another begins"
    assert moments.moving(still, [5, len(still) - 5]).tolist() == [k in {1, 2, 3, 4} for k in range(len(still))]


def test_thinned_files_and_a_spacing_that_does_not_fit(tmp_path):
    files = cached(find_files(make_demos(tmp_path / "demos", every=3)), tmp_path / "cache")
    data = CachedWindows(files, Windows(3, 1), [Reading(Inputs(16))], spacing=4)
    assert {data.place(n)[2] for n in range(len(data))} <= {0, 3, 12, 24}, "frames 4 and 8 before, or the first"


def test_waypoints_are_where_the_gripper_next_moves(files, tmp_path):
    opened = cached(files, tmp_path / "cache")
    data = CachedWindows(opened, Windows(2, 1), [Reading(Inputs(16))])
    last = opened[0].lengths[0] - 1  # which has no action of its own
    batch = data.__getitems__(range(last))
    numbers = opened[0].numbers()
    hand, gripper = (numbers[name][: last + 1] for name in ("eef_pos", "actions"))
    for frame in range(last):
        changes = [k for k in range(frame + 1, last + 1) if gripper[k, 6] != gripper[k - 1, 6]]
        expected = hand[min([*changes, last])] - hand[frame]
        assert np.allclose(batch["waypoint"][frame, -1], expected, atol=1e-6)


def test_the_cache_is_reused_and_follows_its_files(files, tmp_path):
    told = []
    first = cached(files, tmp_path / "cache", told.append)
    first[0].pictures(Inputs(16))
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("*.npy")}
    again = cached(files, tmp_path / "cache", told.append)
    again[0].pictures(Inputs(16))
    assert len(told) == len(files)
    assert made == {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("*.npy")}
    make_demos(files[0].parent, demos=4)
    assert len(cached(files, tmp_path / "cache", told.append)[0].demos) == 4
    assert not list((tmp_path / "cache").rglob(".making*"))


def test_shifts_are_those_of_single_frames_and_depend_on_seed_epoch_and_numbers(files, tmp_path):
    opened = cached(files, tmp_path / "cache")

    def read(numbers, seed=0, pad=3):
        readings = [Reading(Inputs(28), "", (pad, 0))]
        return CachedWindows(opened, Windows(2, 1), readings, seed=seed).__getitems__(numbers)["pictures"]

    assert np.array_equal(read([(1, 4), (1, 2)]), read([(1, 4), (1, 2)]))
    assert not np.array_equal(read([(1, 4), (1, 2)]), read([(2, 4), (2, 2)]))
    assert not np.array_equal(read([(1, 4), (1, 2)]), read([(1, 4), (1, 2)], seed=1))
    assert np.array_equal(read([4], pad=0)[:, :, 1], read([4])[:, :, 1])
    frames = np.random.default_rng(0).integers(0, 256, (7, 12, 10, 3), dtype=np.uint8)
    rng = np.random.default_rng(5)
    count, height, width = frames.shape[:3]
    down, right = rng.integers(-3, 4, (2, count))
    rows = np.clip(np.arange(height) + down[:, None], 0, height - 1)
    columns = np.clip(np.arange(width) + right[:, None], 0, width - 1)
    expected = frames[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    assert np.array_equal(shifted(frames, 3, np.random.default_rng(5)), expected)


def test_batches_follow_one_another_through_epochs():
    batches = list(Batches(SeededOrder(10, seed=3), size=4, count=6))
    flat = [pair for batch in batches for pair in batch]
    assert [len(b) for b in batches] == [4] * 6
    assert sorted(n for e, n in flat if e == 0) == list(range(10))
    assert flat[:10] == list(SeededOrder(10, seed=3))
    assert list(Batches(SeededOrder(10, seed=3), 4, 6)) == batches


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gives_the_same_batches_whatever_its_workers(files, tmp_path, workers):
    data = CachedWindows(cached(files, tmp_path / "cache"), Windows(2, 3), [Reading(Inputs(16), "", (2, 1))])
    order = Batches(SeededOrder(len(data)), 5, 4)
    loader = torch.utils.data.DataLoader(data, batch_sampler=order, collate_fn=tensors, num_workers=workers)
    expected = [data.__getitems__(numbers) for numbers in order]
    for got, want in zip(loader, expected, strict=True):
        assert all(np.array_equal(got[name].numpy(), value) for name, value in want.items())
    copy = pickle.loads(pickle.dumps(data))
    assert np.array_equal(copy[3]["pictures"], data[3]["pictures"])


def test_bad_files_are_one_line(tmp_path):
    bad = tmp_path / "bad_demo.hdf5"
    with h5py.File(bad, "w") as file:
        file.create_group("data")
    with pytest.raises(RecordError, match="holds no demonstrations"):
        cached([bad], tmp_path / "cache")
    with h5py.File(bad, "w") as file:
        file["data/demo_0/actions"] = np.zeros((4, 7))
    with pytest.raises(RecordError, match="no whole file of demonstrations"):
        cached([bad], tmp_path / "cache")
    with pytest.raises(RecordError, match="cannot be read"):
        cached([tmp_path / "absent_demo.hdf5"], tmp_path / "cache")
    make_demos(tmp_path / "grey")
    for path in find_files(tmp_path / "grey"):
        with h5py.File(path, "a") as file:
            del file["data/demo_0/obs/agentview_rgb"]
            file["data/demo_0/obs/agentview_rgb"] = np.zeros((9, 28, 28), np.uint8)
    with pytest.raises(RecordError, match=r"pictures of shape .*28, 28.*not \(height, width, 3\)"):
        cached(find_files(tmp_path / "grey"), tmp_path / "cache")


def test_jitter_changes_the_light_of_a_window_and_nothing_else():
    rng = np.random.default_rng(0)
    frame = rng.integers(60, 190, (5, 1, 2, 8, 8, 3), dtype=np.uint8)
    still = np.repeat(frame, 3, axis=1)
    seen = jittered(still, 0.2, np.random.default_rng(1))
    assert np.array_equal(seen, jittered(still, 0.2, np.random.default_rng(1)))
    assert all(np.array_equal(seen[:, 0], seen[:, k]) for k in (1, 2)), "all frames of a window alike"
    means = seen.mean(axis=(1, 3, 4, 5)).ravel()
    assert len(set(means.round(3))) == 10, "each window and camera by its own draw"
    assert np.array_equal(jittered(still, 0.0, rng), still)
    for window, camera in np.ndindex(5, 2):  # an affine map of colours: the same one for every pixel
        before, after = (x[window, 0, camera].reshape(-1, 3).astype(float) for x in (still, seen))
        known = np.c_[before, np.ones(len(before))]
        found, *_ = np.linalg.lstsq(known, after, rcond=None)
        inside = ((after > 0) & (after < 255)).all(axis=1)
        assert np.abs(known[inside] @ found - after[inside]).max() < 8
    assert sum(LUMA) == pytest.approx(1)


def test_jitter_is_of_the_learner_in_training_alone(files, tmp_path):
    opened = cached(files, tmp_path / "cache")
    plain, lit = (
        CachedWindows(opened, Windows(2, 3), [Reading(Inputs(16), jitter=strength, ahead=2)]) for strength in (0.0, 0.3)
    )
    one, other = plain.__getitems__(range(6)), lit.__getitems__(range(6))
    assert {name for name in one if not np.array_equal(one[name], other[name])} == {"pictures"}
