"""Made-up records and runs, for tests of what is made from them."""

from pathlib import Path

from vvla_policies.envs.protocol import get_protocol
from vvla_policies.envs.suite import ALIASES

from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeRecord, Manifest, Run, Session, SuiteEntry
from vvla_policies.policy import PolicyCard

INSTRUCTIONS = (
    "put both the alphabet soup and the tomato sauce in the basket",
    "turn on the stove and put the moka pot on it",
)
SECONDS = {"reset": 1.0, "physics": 4.0, "drawing": 2.0, "policy": 0.5, "transport": 0.1, "total": 7.6}


def instruction(task):
    return INSTRUCTIONS[task] if task < len(INSTRUCTIONS) else f"{INSTRUCTIONS[0]} {task}"


def record(suite, task, state, success, error=None):
    return EpisodeRecord(
        key=EpisodeKey(suite, task, state, 0),
        task_name=instruction(task).replace(" ", "_"),
        instruction=instruction(task),
        success=success,
        truncated=not success and error is None,
        error=error,
        steps=100 + state if success else 300,
        completed=int(success),
        calls=20,
        clipped=0,
        fixtures="",
        actions="",
        seconds=SECONDS,
        worker=0,
        retries=0,
        finished="2026-01-01T00:00:00+00:00",
    )


def entry(suite, protocol="openvla", assets="primitive", mujoco="3.3.2"):
    return SuiteEntry(
        address=suite,
        benchmark="libero",
        protocol=get_protocol(protocol).to_json(),
        assets={"name": assets, "fingerprint": "0123456789ab", "source": ""},
        provenance={"mujoco": mujoco, "renderer": "osmesa (llvmpipe)"},
        tasks=[text.replace(" ", "_") for text in INSTRUCTIONS],
    )


def run_of(folder, records, policy="student", planned=None, **conditions):
    suites = dict.fromkeys(r.key.suite for r in records)
    card = PolicyCard(name=policy, weights="feedbeef0123", chunk=8).to_json()
    manifest = Manifest(
        format=1,
        command=("vvla-eval",),
        created="2026-01-01",
        version="0.1.0",
        policy={"name": policy, "options": {}, "card": card},
        suites={suite: entry(suite, **conditions) for suite in suites},
        seed=0,
        episodes=2,
        tasks=None,
        shard=None,
        planned=planned or len(records),
        machine={},
        sessions=(Session("2026-01-01", 2, len(records), 60.0),),
    )
    return Run(Path(folder), manifest, tuple(records))


def four(folder, **conditions):
    successes = {"libero_spatial": 2, "libero_object": 1, "libero_goal": 1, "libero_long": 0}
    records = [record(s, 0, k, k < successes[s]) for s in ALIASES["libero"] for k in range(2)]
    return run_of(folder, records, **conditions)
