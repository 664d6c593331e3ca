"""Demonstrations in CALVIN's layout: what is written, what survives a kill, and that they succeed again."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vvla_policies.distill.demos.calvin import files as calvin_files
from vvla_policies.distill.demos.calvin.files import CalvinDemo, assemble, write_part
from vvla_policies.distill.demos.calvin.layout import (
    ANNOTATIONS,
    DRAWN,
    FRAME,
    LONGEST,
    STRETCHES,
    frame_path,
    read_annotations,
)

REPOSITORY = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
from tests.distill.test_calvin_demos import COUNT, make_demo
from vvla_policies.distill.demos.calvin.files import assemble, write_part
out, parts = Path(sys.argv[1]), []
for k in range(COUNT):
    parts.append(out / "parts" / f"{k}.zip")
    write_part(parts[-1], make_demo(k))
    print(k, flush=True)
    if k % 2 == 1:
        assemble(out / "training", parts)
        parts = []
"""
COUNT = 6


def make_demo(number: int) -> CalvinDemo:
    """One whose every number follows from its own."""
    steps = 60 + number
    rng = np.random.default_rng(number)
    frames = {
        "rgb_static": rng.integers(0, 255, (steps, 8, 8, 3), dtype=np.uint8),
        "rgb_gripper": rng.integers(0, 255, (steps, 4, 4, 3), dtype=np.uint8),
        "robot_obs": rng.normal(size=(steps, 15)),
        "scene_obs": rng.normal(size=(steps, 24)),
        "actions": rng.normal(size=(steps, 7)).astype(np.float32),
        "rel_actions": rng.uniform(-1, 1, (steps, 7)).astype(np.float32),
    }
    pushed = np.arange(steps) % 60 == 5
    drawn = np.arange(steps) % 3 == 0 if number % 2 else np.ones(steps, bool)
    key = f"calvin_a-t03-i{number:02d}-s0"
    return CalvinDemo(key, "calvin_a", "open_drawer", "open it", frames, drawn, pushed, {"a": 1})


def demos_in(split: Path) -> dict[str, list[int]]:
    """Episode to its frames."""
    found = calvin_files.demonstrations(read_annotations(split).segments)
    return {demo[0].episode: [k for s in demo for k in range(s.first, s.last + 1)] for demo in found}


def assert_whole(split: Path) -> set[int]:
    """Every annotated demonstration is there, frame by frame; returns their numbers."""
    seen = set()
    for episode, numbers in demos_in(split).items():
        number = int(episode.split("-i")[1][:2])
        demo = make_demo(number)
        assert len(numbers) == 60 + number
        for k, frame in enumerate(numbers):
            with np.load(frame_path(split, frame)) as stored:
                assert set(stored.files) == set(FRAME) | (set() if demo.drawn[k] else {DRAWN})
                for name, values in demo.frames.items():
                    assert np.array_equal(stored[name], values[k])
                    assert stored[name].dtype == FRAME[name]
        seen.add(number)
    return seen


def test_the_layout_is_calvins(tmp_path):
    split, parts = tmp_path / "training", [tmp_path / f"{k}.zip" for k in (3, 9)]
    for k, part in zip((3, 9), parts, strict=True):
        write_part(part, make_demo(k))
    assemble(split, parts)
    assert not any(part.exists() for part in parts)
    assert assert_whole(split) == {3, 9}
    assert np.load(split / STRETCHES).tolist() == [[0, 62], [63, 131]]
    told = np.load(split / ANNOTATIONS, allow_pickle=True).item()  # as CALVIN's own reader opens it
    spans = told["info"]["indx"]
    assert told["language"]["ann"] == ["open it"] * 3
    assert told["language"]["task"] == ["open_drawer"] * 3
    assert max(last + 1 - first for first, last in spans) <= LONGEST
    assert [frame for first, last in spans for frame in range(first, last + 1)] == list(range(132))
    assert b"numpy._core" not in (split / ANNOTATIONS).read_bytes(), "numpy 1 could not read it"
    assert read_annotations(split).segments[0].disturbed == (5,)
    assert json.loads(read_annotations(split).facts["calvin_a"]) == {"a": 1}


@pytest.mark.parametrize("after", [1, 4])
def test_a_killed_writer_loses_no_demonstration(tmp_path, after):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    finished = [int(process.stdout.readline()) for _ in range(after)]
    time.sleep(0.004 * after)
    os.kill(process.pid, signal.SIGKILL)
    finished += [int(line) for line in process.stdout.read().split()]
    process.wait()
    split, parts = tmp_path / "training", sorted((tmp_path / "parts").glob("[!.]*.zip"))
    assert set(finished) <= assert_whole(split) | {int(part.stem) for part in parts}
    for k in range(COUNT):
        if f"calvin_a-t03-i{k:02d}-s0" not in demos_in(split) and not (tmp_path / "parts" / f"{k}.zip").exists():
            write_part(tmp_path / "parts" / f"{k}.zip", make_demo(k))
    assemble(split, sorted((tmp_path / "parts").glob("[!.]*.zip")))
    assert assert_whole(split) == set(range(COUNT))
    frames = [k for numbers in demos_in(split).values() for k in numbers]
    assert sorted(frames) == list(range(len(frames))), "no frame is used twice"


@pytest.mark.calvin
def test_a_demonstration_succeeds_again_from_its_start(tmp_path):
    pytest.importorskip("pybullet")
    from vvla_policies.envs.calvin import suites
    from vvla_policies.envs.calvin.oracle import done
    from vvla_policies.envs.calvin.world import World

    from vvla_policies.distill.data.sources import sources
    from vvla_policies.distill.demos.collect import DemoRequest, collect, held_of
    from vvla_policies.distill.demos.inspection import contact_sheet, find_files
    from vvla_policies.distill.demos.verify import verify

    task = [task.name for task in suites.calvin_a.tasks].index("turn_on_led")
    address = "vvla_policies.envs.calvin.suites:calvin_a"
    request = DemoRequest((address,), tmp_path, (task,), per_task=1, size=32, assets="primitive", workers=0, noise=0.2)
    thin = replace(request, out=tmp_path / "thin", every=4)
    request = replace(request, out=tmp_path / "whole")
    collect(request)
    collect(thin)
    (held,) = held_of(request).values()
    assert held.instruction == "press the button to turn on the led light"
    path, other = (find_files(made.out)[0] for made in (request, thin))
    assert all(seen.success and seen.same for seen in (*verify(path), *verify(other)))
    frames = [np.load(frame_path(path.parents[1], k)) for k in range(held.steps[0])]
    for k, frame in enumerate(frames):
        with np.load(frame_path(other.parents[1], k)) as seen:
            assert (DRAWN in seen) == bool(k % 4)
            assert np.array_equal(seen["rgb_static"], frame["rgb_static"] if k % 4 == 0 else 0 * frame["rgb_static"])
            assert np.array_equal(seen["robot_obs"], frame["robot_obs"])
    (source,) = sources(other)
    (demo,) = source.index().demos
    assert np.flatnonzero(source.numbers(demo)["drawn"]).tolist() == list(range(0, len(frames), 4))
    assert contact_sheet(other).size == contact_sheet(path).size
    assert frames[0]["rgb_static"].shape == frames[0]["rgb_gripper"].shape == (32, 32, 3)
    world = World(suites.calvin_a.scene, suites.calvin_a.assets("primitive").path)
    try:
        world.reset(frames[0]["robot_obs"], frames[0]["scene_obs"])
        start = world.look()
        for k, frame in enumerate(frames):
            np.testing.assert_allclose(world.robot.observation()[:3], frame["robot_obs"][:3], atol=0.02, err_msg=str(k))
            world.step(frame["rel_actions"].astype(np.float64))
        for _ in range(5):  # it ends as the light comes on; without its past the hand may be a little behind
            world.step(frames[-1]["rel_actions"].astype(np.float64))
        assert done("turn_on_led", start, world.look())
    finally:
        world.close()
