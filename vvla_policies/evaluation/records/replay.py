"""Running recorded actions again: the same actions in the same environment must come out the same, bit for bit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vvla_policies.envs.protocol import Protocol
from vvla_policies.envs.suite import EnvSettings, load_suite
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import PHASES, EpisodeRecord, Run, hash_actions
from vvla_policies.evaluation.records.storage import now

if TYPE_CHECKING:
    from vvla_policies.envs.manipulation import ManipulationEnv

COMPARED = ("success", "truncated", "steps", "completed", "clipped", "fixtures")


class Replayed(NamedTuple):
    """What came of it.

    Attributes:
        record: the episode's record with what came out this time.
        same: it is what was recorded.
    """

    record: EpisodeRecord
    same: bool


def replay_episode(run: Run, key: EpisodeKey | str) -> Replayed:
    """Runs a recorded episode's actions again in this process, drawing nothing.

    The policy has no part in it: calls and the error of a failed episode are taken over from the record.

    Args:
        run: a run.
        key: of one of its episodes.

    Raises:
        RecordError: there is no such episode, its actions are damaged, or the assets here are not those of the run.
    """
    recorded, actions = run.record(key), run.actions(key)
    begun = time.perf_counter()
    with environment(run, recorded.key) as env:
        outcome = env.start(recorded.key.task, recorded.key.init_state, recorded.key.stream("env"))
        clipped = executed = 0
        while executed < len(actions) and not outcome.over:  # `run` also stops where an instruction changes
            outcome, steps = env.run(actions[executed:])
            executed += steps
            clipped += outcome.clipped
        seconds = {**dict.fromkeys(PHASES, 0.0), **env.seconds, "total": time.perf_counter() - begun}
        record = replace(
            recorded,
            success=outcome.success and recorded.error is None,
            truncated=outcome.truncated and recorded.error is None,
            steps=outcome.steps,
            completed=outcome.completed,
            clipped=clipped,
            fixtures=env.fixtures_hash(),
            actions=hash_actions(actions[:executed]),
            seconds=seconds,
            finished=now(),
        )
    return Replayed(record, all(getattr(record, name) == getattr(recorded, name) for name in COMPARED))


@contextmanager
def environment(run: Run, key: EpisodeKey, cameras: tuple[str, ...] = ()) -> Iterator[ManipulationEnv]:
    """The environment that an episode was run in, with the cameras that are wanted now.

    Args:
        run: a run.
        key: of the episode; names suite and task.
        cameras: observation keys to draw.

    Raises:
        RecordError: the assets here are not those of the run.
    """
    entry = run.manifest.suites[key.suite]
    suite = load_suite(entry.address)
    assets = suite.assets(entry.assets["name"])
    if assets.fingerprint != entry.assets["fingerprint"]:
        raise RecordError(
            f"{run.folder} was made with {entry.assets['name']} assets {entry.assets['fingerprint']}, "
            f"but those here are {assets.fingerprint}: bring the run's assets to replay it"
        )
    env = suite.make_env(EnvSettings(Protocol.from_json(entry.protocol), assets, cameras), key.task)
    try:
        yield env
    finally:
        env.close()
