"""Do the recorded actions of a CALVIN demonstration, with all that came before it, lead through its frames again?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vvla_policies.distill.demos.calvin.files import demonstrations
from vvla_policies.distill.demos.calvin.layout import Segment, frame_path, read_annotations
from vvla_policies.distill.demos.findings import Verified
from vvla_policies.distill.demos.parts import EPISODES
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.keys import EpisodeKey, parse_key
from vvla_policies.evaluation.records.replay import environment
from vvla_policies.evaluation.records.runs import Run, load_run

if TYPE_CHECKING:
    from vvla_policies.envs.calvin.env import CalvinEnv


def verify(path: Path, most: int | None = None) -> Iterator[Verified]:
    """Runs the demonstrations of a folder again, drawing nothing.

    Args:
        path: of the annotations in a folder that `collect` made, the run's records beside it.
        most: only so many of each task.

    Raises:
        RecordError: the folder was made otherwise, or with other assets than those here.
    """
    split = path.parents[1]
    demos = demonstrations(read_annotations(split).segments)
    if not all(demo[0].episode for demo in demos):
        raise RecordError(f"{path} does not say how to begin its episodes: it was not made by `vvla demos`")
    run = load_run(split.parent / EPISODES)
    chosen = [demo for _, same in groupby(demos, key=_group) for demo in list(same)[:most]]
    for suite, same in groupby(chosen, key=lambda demo: _group(demo).rpartition("-")[0]):
        some = list(same)
        with environment(run, parse_key(some[0][0].episode, suite)) as env:
            for demo in some:
                yield _verified(env, run, split, demo)  # type: ignore[arg-type]


def _group(demo: Sequence[Segment]) -> str:
    """Suite and task."""
    return demo[0].episode.rsplit("-", 2)[0]


def _verified(env: CalvinEnv, run: Run, split: Path, demo: Sequence[Segment]) -> Verified:
    text = demo[0].episode
    key: EpisodeKey = parse_key(text, text.rsplit("-", 3)[0])
    first, count = demo[0].first, demo[-1].last + 1 - demo[0].first
    actions = run.actions(key)
    outcome = env.start(key.task, key.init_state, key.stream("env"))
    seen = []
    for step, action in enumerate(actions):
        if step >= len(actions) - count:
            seen.append(np.concatenate([env.world.robot.observation(), env.world.scene_obs()]))
        if outcome.over:
            break
        outcome = env.advance(action)
    found = np.stack([_state(split, first + k) for k in range(len(seen))])
    deviation = float(np.abs(np.stack(seen) - found).max())
    success = outcome.success and outcome.steps == len(actions)
    return Verified(text, success, deviation == 0.0 and len(seen) == count, deviation)


def _state(split: Path, number: int) -> np.ndarray:
    with np.load(frame_path(split, number), allow_pickle=False) as frame:
        return np.concatenate([frame["robot_obs"], frame["scene_obs"]])
