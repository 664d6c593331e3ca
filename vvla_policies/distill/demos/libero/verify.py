"""Do the recorded actions, from the recorded start, lead through the recorded states again, to success?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vvla_policies.distill.demos.conversions import actions_from_file
from vvla_policies.distill.demos.findings import Verified
from vvla_policies.distill.demos.libero.files import opened
from vvla_policies.distill.demos.libero.inspection import demo_names
from vvla_policies.distill.demos.libero.layout import EPISODE, FACTS
from vvla_policies.envs.protocol import Protocol
from vvla_policies.envs.suite import EnvSettings, load_suite
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.keys import parse_key

if TYPE_CHECKING:
    from vvla_policies.envs.libero.env import LiberoEnv


def verify(path: Path, most: int | None = None) -> Iterator[Verified]:
    """Runs the demonstrations of a file again, drawing nothing.

    Args:
        path: a file that `collect` made.
        most: only so many.

    Raises:
        RecordError: the file was made otherwise, or with other assets than those here.
    """
    with opened(path) as file:
        data = file["data"]
        if FACTS not in data.attrs:
            raise RecordError(f"{path} does not say how to begin its episodes: it was not made by `vvla demos`")
        env = _environment(json.loads(data.attrs[FACTS]), path)
        try:
            for name in demo_names(data)[:most]:
                yield _verified(env, name, data[name])
        finally:
            env.close()


def _environment(made: dict[str, Any], path: Path) -> LiberoEnv:
    suite = load_suite(made["address"])
    assets = suite.assets(made["assets"]["name"])
    if assets.fingerprint != made["assets"]["fingerprint"]:
        raise RecordError(
            f"{path} was made with {made['assets']['name']} assets {made['assets']['fingerprint']}, but those here are "
            f"{assets.fingerprint}"
        )
    settings = EnvSettings(Protocol.from_json(made["protocol"]), assets, cameras=())
    return suite.make_env(settings, made["task_index"])  # type: ignore[return-value]


def _verified(env: LiberoEnv, name: str, group: Any) -> Verified:
    key = parse_key(str(group.attrs[EPISODE]), env.suite.name)
    states, actions = group["states"][()], actions_from_file(group["actions"][()])
    outcome = env.start(key.task, key.init_state, key.stream("env"))
    seen = []
    for action in actions:
        seen.append(env.simulator.state())
        if outcome.over:
            break
        outcome = env.advance(action)
    short = np.stack(seen)
    deviation = float(np.abs(short - states[: len(short)]).max())
    success = outcome.success and outcome.steps == len(actions)
    return Verified(name, success, deviation == 0.0 and len(short) == len(states), deviation)
