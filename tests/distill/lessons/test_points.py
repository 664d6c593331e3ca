"""Where things are, as batches hold it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.distill.small import TASKS, long_truths, make_demos
from vvla_policies.distill.data.augmentation import POINTS
from vvla_policies.distill.data.batches import CachedWindows, Reading
from vvla_policies.distill.data.cache import cached
from vvla_policies.distill.data.dataset import Windows
from vvla_policies.distill.demos.inspection import find_files
from vvla_policies.distill.lessons.points import GOALS, find_camera, read_points
from vvla_policies.errors import AssetsError, RecordError
from vvla_policies.inputs import Inputs

GRIPPER, PLATE, CABINET = 0, 1, 2  # sorted; of bowls there are two


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[CachedWindows, dict[str, np.ndarray]]:
    moving = long_truths()
    moving.points[:, -1, 0] = np.linspace(0, 0.99, len(moving.points))[:, None]  # the gripper
    moving.points[3, 0, 0] = 0.125, 0.875
    monkeypatch.setattr("vvla_policies.distill.data.sources.LiberoFile.truths", lambda *_: moving)
    files = cached(find_files(make_demos(tmp_path / "demos")), tmp_path / "cache")
    windows = CachedWindows(files, Windows(1, 3), [Reading(Inputs(size=28))])
    return windows, read_points(files, windows)


def test_things_are_where_they_are_in_the_items_frame(told) -> None:
    windows, points = told
    assert points["things"].shape == (len(windows), 3, 2, 2)
    rows = windows.rows(np.arange(len(windows)))
    assert {int(file) for file, _ in rows} == set(range(len(TASKS)))
    for item, (_, row) in enumerate(rows):
        expected = (0.125, 0.875) if row == 3 else (0.5, 0.25)
        assert np.allclose(points["things"][item, PLATE, 0], expected, atol=1e-3)
        assert np.allclose(points["things"][item, GRIPPER, 0], row * 0.99 / 99, atol=1e-3)
    assert np.isnan(points["things"][:, CABINET]).all()


def test_goals_are_the_next_landing_and_what_the_task_is_about(told) -> None:
    windows, points = told
    assert points["goals"].shape == (len(windows), len(GOALS), 2, 2)
    landing = windows.waypoint_rows(np.arange(len(windows)))[:, 1]
    assert np.allclose(points["goals"][:, 0, 0], landing[:, None] * 0.99 / 99, atol=1e-3)
    assert np.isnan(points["goals"][:, 0, 1]).all()
    bowl_and_plate = points["goals"][windows.rows(np.arange(len(windows)))[:, 1] != 3][:, 1:, 0]
    assert np.allclose(bowl_and_plate, [[0.0, 0.99], [0.5, 0.25]], atol=1e-3)


def test_landings_come_after_their_items_and_where_fingers_move(told) -> None:
    windows, _ = told
    every = np.arange(len(windows))
    assert (windows.waypoint_rows(every) >= windows.rows(every)).all()
    hand = np.concatenate([file.numbers()["eef_pos"] for file in windows._files])
    first = np.cumsum([0, *(sum(file.lengths) for file in windows._files)])
    there, here = (hand[first[rows[:, 0]] + rows[:, 1]] for rows in (windows.waypoint_rows(every), windows.rows(every)))
    batch = windows.__getitems__(every.tolist())
    assert np.allclose(batch["waypoint"][:, 0], there - here, atol=1e-6)


def test_without_a_simulator_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_):
        raise AssetsError("LIBERO's official assets are not here; vvla assets fetch libero")

    monkeypatch.setattr("vvla_policies.distill.data.sources.LiberoFile.truths", missing)
    files = cached(find_files(make_demos(tmp_path / "demos")), tmp_path / "cache")
    windows = CachedWindows(files, Windows(1, 3), [Reading(Inputs(size=28))])
    with pytest.raises(RecordError, match=r"assets fetch libero; or .* --set point_weight=0"):
        read_points(files, windows)


CAMERA = np.array([[1.2, 0.3, 0.1, 0.6], [0.2, -1.1, -0.9, 0.7], [0.1, 0.4, 0.2, 1.3]])


def projected(hands: np.ndarray) -> np.ndarray:
    seen = np.concatenate([hands, np.ones_like(hands[..., :1])], axis=-1) @ CAMERA.T
    return seen[..., :2] / seen[..., 2:]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Files, windows, where the hand is in each item, and a way to say where it is seen."""
    files = cached(find_files(make_demos(tmp_path / "demos")), tmp_path / "cache")
    windows = CachedWindows(files, Windows(1, 3), [Reading(Inputs(size=28))])
    hands = np.random.default_rng(0).uniform(-0.3, 0.3, windows.item_states().shape)
    monkeypatch.setattr(windows, "item_states", lambda: hands)
    rows, moving = windows.rows(np.arange(len(windows))), long_truths()

    def see(points: np.ndarray) -> None:
        told = {number: replace(moving, points=moving.points.copy()) for number in range(len(files))}
        for (number, row), point in zip(rows.tolist(), points, strict=True):
            told[number].points[row, -1, 0] = point
        numbers = iter(told.values())
        monkeypatch.setattr("vvla_policies.distill.lessons.points.cached_truths", lambda _: next(numbers))

    return files, windows, hands[:, :3], see


def test_the_hand_tells_where_the_camera_is(watched) -> None:
    files, windows, hands, see = watched
    see(projected(hands))
    camera = find_camera(files, windows)
    assert np.allclose(camera / camera[2, 3], CAMERA / CAMERA[2, 3], atol=0.05)


def test_two_cameras_are_not_taken_for_one(watched) -> None:
    files, windows, hands, see = watched
    see(np.where((np.arange(len(hands)) % 2 == 0)[:, None], projected(hands), 1 - projected(hands)))
    with pytest.raises(RecordError, match=r"no one camera .* --set roam=0"):
        find_camera(files, windows)


def test_a_window_that_roams_is_the_same_scene_elsewhere(told) -> None:
    """What is seen moves by whole pixels, points and the hand with it; all else stays."""
    still, points = told
    windows = still.with_readings([Reading(Inputs(size=28), roam=5)])
    windows.extra, windows.camera = dict(points), CAMERA
    still.extra = dict(points)
    items = list(range(0, len(windows), 3))
    moved, before = windows.__getitems__(items), still.__getitems__(items)
    shift = (moved["goals"][:, 2, 0] - before["goals"][:, 2, 0].astype(np.float32))[:, 0]  # of the plate
    pixels = np.rint(28 * shift).astype(int)
    assert np.allclose(28 * shift, pixels, atol=0.05)
    assert np.abs(pixels).max() == 5
    assert np.array_equal(moved["goals"][:, 2, 0, 1], before["goals"][:, 2, 0, 1].astype(np.float32))
    was, now = (projected(batch["state"][:, 0, :3].astype(np.float64)) for batch in (before, moved))
    assert np.allclose(now - was, np.stack([shift, 0 * shift], axis=-1), atol=1e-3)
    assert np.array_equal(moved["state"][..., 2:], before["state"][..., 2:])
    for k, right in enumerate(pixels):
        was, now = before["pictures"][k, 0, 0], moved["pictures"][k, 0, 0]
        assert np.array_equal(now[:, 10 + right : 18 + right], was[:, 10:18])
    assert np.array_equal(moved["pictures"][:, :, 1], before["pictures"][:, :, 1])
    for name in ("actions", "waypoint", "task"):
        assert np.array_equal(moved[name], before[name])
    again = windows.__getitems__(items)
    assert all(np.array_equal(again[name], moved[name], equal_nan=name in POINTS) for name in moved)
    both = still.with_readings([Reading(Inputs(size=28), roam=5), Reading(Inputs(size=28), "teacher_", roam=5)])
    both.extra, both.camera = windows.extra, CAMERA
    seen = both.__getitems__(items)
    assert np.array_equal(seen["goals"], moved["goals"], equal_nan=True)
    for name in ("pictures", "state"):
        assert np.array_equal(seen[name], moved[name])
        assert np.array_equal(seen["teacher_" + name], moved[name])
