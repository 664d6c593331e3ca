"""The dataset against a file made by hand."""

import json
import pickle

import numpy as np
import pytest

from vvla_policies.distill.data.augmentation import shifted
from vvla_policies.distill.data.dataset import DemoDataset, SeededOrder, Windows
from vvla_policies.distill.demos.inspection import contact_sheet, find_files
from vvla_policies.distill.demos.libero.inspection import contents
from vvla_policies.errors import RecordError

h5py = pytest.importorskip("h5py")
LENGTHS = (6, 4, 5)


def make_file(path, lengths=LENGTHS, disturbed=False):
    """Frame t of demo d shows 10 d + t in its upper half as stored, its lower half when upright."""
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["problem_info"] = json.dumps({"language_instruction": '"open it"'})
        for d, count in enumerate(lengths):
            group = data.create_group(f"demo_{d}")
            steps = np.arange(count)
            actions = np.zeros((count, 7))
            actions[:, 0] = (10 * d + steps) / 100
            actions[:, 6] = np.where(steps < 2, -1, 1)  # open, then closed
            group["actions"] = actions
            pictures = np.zeros((count, 8, 6, 3), np.uint8)
            pictures[:, :4] = (10 * d + steps)[:, None, None, None]
            for name in ("agentview_rgb", "eye_in_hand_rgb"):
                group[f"obs/{name}"] = pictures
            for name, width in (("ee_pos", 3), ("ee_ori", 3), ("gripper_states", 2), ("joint_states", 7)):
                group[f"obs/{name}"] = np.tile(10 * d + steps[:, None], (1, width)) * 0.01
            if disturbed:
                group["disturbed"] = (steps == 3).astype(np.uint8)
            group.attrs["num_samples"] = count
    return path


@pytest.fixture
def file(tmp_path):
    return make_file(tmp_path / "open_the_drawer_demo.hdf5")


def test_a_causal_item_pairs_a_frame_with_the_action_chosen_there(file):
    data = DemoDataset([file])
    assert len(data) == sum(LENGTHS) - len(LENGTHS)
    item = data[2]
    assert item["image"].shape == (1, 8, 6, 3)
    assert item["image"][0, 0, 0, 0] == 0
    assert item["image"][0, 7, 0, 0] == 2  # upright: what was stored above is below
    assert item["actions"].shape == (1, 1, 7)
    assert item["actions"][0, 0, 0] == pytest.approx(0.03)
    assert item["actions"][0, 0, 6] == -1  # +1 in the file: closed
    assert item["gripper_command"][0, 0] == -1
    assert data[1]["gripper_command"][0, 0] == 1
    assert item["state"][0] == pytest.approx(0.02)
    assert item["instruction"] == "open the drawer"
    assert data.place(5) == (file, "demo_1", 0)


def test_a_stored_item_pairs_as_liberos_training_does(file):
    data = DemoDataset([file], Windows(alignment="stored"))
    assert len(data) == sum(LENGTHS)
    assert data[2]["actions"][0, 0, 0] == pytest.approx(0.02)


def test_windows_are_padded_by_repeating(file):
    data = DemoDataset([file], Windows(history=3, future=2, ahead=2))
    first, last = data[0], data[4]
    assert first["image"][:, 7, 0, 0].tolist() == [0, 0, 0, 1, 2]
    assert first["frame_valid"].tolist() == [False, False, True, True, True]
    assert first["actions_valid"].tolist() == [[False, False], [False, False], [True, True]]
    assert last["image"][:, 7, 0, 0].tolist() == [2, 3, 4, 5, 5]
    assert last["frame_valid"].tolist() == [True, True, True, True, False]
    assert np.allclose(last["actions"][:, :, 0], [[0.03, 0.04], [0.04, 0.05], [0.05, 0.05]])
    assert last["actions_valid"].tolist() == [[True, True], [True, True], [True, False]]
    assert len({tuple(np.shape(v) for v in data[k].values()) for k in range(len(data))}) == 1


@pytest.mark.parametrize(("stride", "count"), [(1, 12), (2, 3 + 2 + 2), (4, 2 + 1 + 1), (9, 3)])
def test_every_stride_th_frame(file, stride, count):
    data = DemoDataset([file], Windows(stride=stride))
    assert len(data) == count
    assert all(data.place(k)[2] % stride == 0 for k in range(count))
    with pytest.raises(IndexError):
        data[count]


def test_demonstrations_can_be_held_out(file):
    train, test = DemoDataset([file], demos=range(2)), DemoDataset([file], demos=range(2, 99))
    assert len(train) + len(test) == len(DemoDataset([file]))
    assert test.place(0)[1] == "demo_2"


def test_disturbed_actions_can_be_left_out(tmp_path):
    path = make_file(tmp_path / "x_y_demo.hdf5", disturbed=True)
    windows = Windows(future=5, skip_disturbed=True)
    assert DemoDataset([path], windows)[0]["actions_valid"].tolist() == [[True, True, False, True, True]]
    assert contents(path).disturbed == pytest.approx(3 / 15)


def test_shifts_are_per_frame_bounded_and_a_function_of_seed_epoch_and_number(file):
    def read(number, seed=0):
        return DemoDataset([file], Windows(history=4), shift={"image": 2}, seed=seed)[number]["image"]

    assert np.array_equal(read((3, 4)), read((3, 4)))
    assert any(not np.array_equal(read((3, k)), read((4, k))) for k in range(12))
    assert any(not np.array_equal(read((3, k)), read((3, k), seed=1)) for k in range(12))
    plain = DemoDataset([file], Windows(history=4))[4]["wrist_image"]
    assert np.array_equal(DemoDataset([file], Windows(history=4), shift={"image": 2})[4]["wrist_image"], plain)


@pytest.mark.parametrize("seed", range(10))
def test_a_shift_moves_and_repeats_edges(seed):
    frames = np.random.default_rng(seed).integers(0, 256, (5, 12, 10, 3), dtype=np.uint8)
    moved = shifted(frames, 3, np.random.default_rng(seed))
    down, right = np.random.default_rng(seed).integers(-3, 4, (2, 5))
    padded = np.pad(frames, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="edge")
    for k in range(5):
        y, x = 3 + down[k], 3 + right[k]
        assert np.array_equal(moved[k], padded[k, y : y + 12, x : x + 10])


def test_order_is_seeded_and_new_in_each_epoch():
    order = SeededOrder(20, seed=5)
    first, second = list(order), list(order)
    assert sorted(number for _, number in first) == list(range(20))
    assert {epoch for epoch, _ in second} == {1}
    assert [n for _, n in first] != [n for _, n in second]
    assert list(SeededOrder(20, seed=5, epoch=1)) == second


def test_files_are_not_taken_into_another_process(file):
    data = DemoDataset([file])
    data[0]
    copy = pickle.loads(pickle.dumps(data))
    assert not copy._handles.files
    assert np.array_equal(copy[1]["image"], data[1]["image"])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_torch_loader_gives_the_same_batches_whatever_its_workers(file, workers):
    torch = pytest.importorskip("torch")
    data = DemoDataset([file], Windows(history=2, future=2), shift={"image": 2, "wrist_image": 1})
    data[0]  # opened before the loader forks
    alone = [data[number] for number in SeededOrder(len(data))]
    loader = torch.utils.data.DataLoader(data, batch_size=4, sampler=SeededOrder(len(data)), num_workers=workers)
    got = [image for batch in loader for image in batch["image"].numpy()]
    assert all(np.array_equal(a["image"], b) for a, b in zip(alone, got, strict=True))


def test_what_is_no_demonstration_is_one_line(tmp_path, file):
    bad = tmp_path / "bad_demo.hdf5"
    bad.write_bytes(b"nothing")
    with pytest.raises(RecordError, match="cannot be read"):
        DemoDataset([bad])
    with pytest.raises(RecordError, match="no demonstration to read"):
        DemoDataset([file], demos=range(50, 60))
    with pytest.raises(RecordError, match="there are no demonstrations"):
        find_files(tmp_path / "absent")
    with h5py.File(bad, "w") as other:
        other["x"] = 1
    with pytest.raises(RecordError, match="no group 'data'"):
        contents(bad)


def test_inspection_reads_a_foreign_file(file):
    seen = contents(file)
    assert seen.steps == LENGTHS
    assert seen.size == (8, 6)
    assert seen.disturbed is None
    assert seen.instruction == "open the drawer"
    sheet = contact_sheet(file)
    assert sheet.width > 300
    assert np.asarray(sheet).std() > 0


def test_the_instruction_falls_back_to_the_attributes(tmp_path):
    assert contents(make_file(tmp_path / "anything.hdf5")).instruction == "open it"


def test_a_balanced_order_has_every_group_equally_often():
    groups = np.array([0] * 60 + [1] * 30 + [2] * 6)
    order = SeededOrder(96, seed=3, groups=groups)
    first, second = [number for _, number in order], [number for _, number in order]
    for epoch in (first, second):
        assert np.bincount(groups[epoch]).tolist() == [32, 32, 32]
        assert len(set(np.array(epoch)[groups[epoch] == 0])) == 32, "none twice while others wait"
        assert set(np.array(epoch)[groups[epoch] == 2]) == set(range(90, 96))
    assert first != second
    assert [number for _, number in SeededOrder(96, seed=3, epoch=1, groups=groups)] == second
    assert sorted(number for _, number in SeededOrder(96, seed=3)) == list(range(96))
