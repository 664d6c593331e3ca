"""Videos of fake episodes: what is in them, what they are called, and that they change nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vvla_policies.evaluation.records.runs import Run
from vvla_policies.evaluation.reports import videos
from vvla_policies.evaluation.reports.captions import BAR, GREEN, PAPER, RED, Caption, compose, contact_sheet
from vvla_policies.evaluation.rollouts.evaluate import Request, evaluate

imageio = pytest.importorskip("imageio.v2")
PANEL = 64


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    request = Request(
        policy="tests.fakes:Expert",
        policy_options={"noise": 0.9},
        suites=("tests.fakes:SUITE",),
        episodes=3,
        assets="primitive",
        workers=0,
        out=tmp_path_factory.mktemp("runs") / "run",
    )
    return evaluate(request)


def frames_of(path):
    with imageio.get_reader(path, format="FFMPEG") as reader:
        return reader.get_meta_data(), [np.asarray(frame) for frame in reader]


def close(pixel, colour):
    return np.abs(pixel.astype(int) - colour).max() < 40


def test_the_fake_run_has_both_outcomes(run):
    assert {record.success for record in run.records} == {True, False}


def test_what_is_drawn_is_chosen_by_outcome_or_number(run):
    assert videos.choose(run, "none") == []
    assert videos.choose(run, "all") == list(run.records)
    assert all(not record.success for record in videos.choose(run, "failures"))
    chosen = [(record.key.task, record.key.init_state) for record in videos.choose(run, 2)]
    assert chosen == [(task, state) for task in range(3) for state in range(2)]


def test_a_video_shows_the_whole_episode_in_real_time(run):
    record = run.records[0]
    path, sheet = videos.draw(run, [record], stride=3, panel=PANEL)
    assert path == run.folder / "videos" / f"{record.key}.mp4"
    assert sheet.name == "contact-fake.png"
    meta, frames = frames_of(path)
    fps = 20 / 3
    assert meta["codec"] == "h264"
    assert "yuv420p" in meta["pix_fmt"]
    assert meta["fps"] == pytest.approx(fps, abs=0.01)
    played = 1 + (record.steps - 1) // 3
    assert len(frames) == played + round(videos.HOLD_SECONDS * fps)
    assert frames[0].shape == (PANEL + BAR, 2 * PANEL + 4, 3)


@pytest.mark.parametrize(("success", "colour"), [(True, GREEN), (False, RED)])
def test_the_last_frame_is_framed_in_the_colour_of_the_outcome(run, success, colour):
    record = next(r for r in run.records if r.success is success)
    path = videos.draw(run, [record], stride=5, panel=PANEL)[0]
    _, frames = frames_of(path)
    assert close(frames[-1][BAR + PANEL // 2, 2], colour)
    assert not close(frames[0][BAR + PANEL // 2, 2], colour)


def test_drawing_changes_no_record(run):
    before = (run.folder / "episodes.jsonl").read_bytes()
    files = videos.draw(run, run.records, stride=10, panel=PANEL)
    assert (run.folder / "episodes.jsonl").read_bytes() == before
    assert len({path.name for path in files if path.suffix == ".mp4"}) == len(run.records)
    assert not list((run.folder / "videos").glob(".*"))


def test_videos_that_are_there_are_kept_unless_asked_otherwise(run):
    path = videos.draw(run, run.records[:1], stride=10, panel=PANEL)[0]
    before = path.stat().st_mtime_ns
    videos.draw(run, run.records[:1], stride=10, panel=PANEL)
    assert path.stat().st_mtime_ns == before
    videos.draw(run, run.records[:1], stride=10, panel=PANEL, keep=False)
    assert path.stat().st_mtime_ns > before


def test_an_episode_that_comes_out_otherwise_is_warned_of(run, caplog):
    record = next(r for r in run.records if r.success)
    other = replace(record, success=False, truncated=True)
    changed = replace(run, records=tuple(other if r is record else r for r in run.records))
    with caplog.at_level("WARNING", logger="vvla_policies.evaluation.reports.videos"):
        videos.draw(changed, [other], stride=10, panel=PANEL, keep=False)
    assert "came out otherwise" in caplog.text


def test_a_simulator_that_fails_costs_one_video(run, caplog, monkeypatch):
    bad = run.records[1]
    place = f"fake-t{bad.key.task:02d}-i{bad.key.init_state:02d}"
    monkeypatch.setenv("FAKES", json.dumps({"at": {place: {"kind": "raise", "step": 2}}}))
    with caplog.at_level("WARNING", logger="vvla_policies.evaluation.reports.videos"):
        files = videos.draw(run, run.records[:3], stride=10, panel=PANEL, keep=False)
    assert [path.stem for path in files if path.suffix == ".mp4"] == [str(run.records[k].key) for k in (0, 2)]
    assert f"no video of {bad.key}" in caplog.text


def test_missing_actions_cost_one_video(run, caplog):
    with caplog.at_level("WARNING", logger="vvla_policies.evaluation.reports.videos"):
        files = videos.draw(replace(run, folder=run.folder / "elsewhere"), run.records[:1], panel=PANEL)
    assert files == []
    assert "no video" in caplog.text


def test_many_episodes_go_on_several_sheets(run, monkeypatch):
    monkeypatch.setattr(videos, "ROWS_PER_SHEET", 4)
    files = videos.draw(run, run.records, stride=10, panel=PANEL)
    assert [p.name for p in files if p.suffix == ".png"] == [f"contact-fake-{k}.png" for k in (1, 2, 3)]


@pytest.mark.parametrize("size", [63, 64, 320])
def test_long_texts_stay_inside_the_bar(size):
    picture = np.full((size, size, 3), 200, np.uint8)
    text = "put the white mug on the left plate and the yellow and white mug on the right plate " * 3
    frame = compose([picture, picture], Caption(text, "libero_long, task 3", "step 1/520", "failure"))
    assert frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert (frame[:BAR, -8:] == PAPER).all()
    assert (frame[:BAR, :8] == PAPER).all() or size < 320


def test_contact_sheets_have_a_row_for_each_episode():
    picture = np.zeros((40, 40, 3), np.uint8)
    one = contact_sheet("t", [([picture] * 3, Caption("open", "k", "after 3 steps", "success"))])
    two = contact_sheet("t", [([picture] * 3, Caption("open", "k", "after 3 steps", "success"))] * 2)
    assert isinstance(one, Image.Image)
    assert one.width == two.width
    assert two.height > one.height + 100
