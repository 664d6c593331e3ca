"""Records and observations come back as they went in."""

import json
from pathlib import Path

import numpy as np
import pytest
from vvla_policies.envs.protocol import PROTOCOLS, Protocol
from vvla_policies.envs.suite import EnvSettings

from tests import fakes
from vvla_policies.evaluation.evaluate import evaluate
from vvla_policies.evaluation.plan import EpisodeKey
from vvla_policies.evaluation.records import EpisodeRecord, Manifest, differences, load_run, same_outcome
from vvla_policies.evaluation.transport import Board, block_size, layout


def test_what_is_read_is_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*fakes.Faults(at={"fake-t01-i00": {"kind": "raise", "step": 1}}).item())
    run = evaluate(fakes.request(tmp_path, tasks=(0, 1)))
    assert fakes.errors(run)
    again = load_run(tmp_path)
    assert again.records == run.records
    assert again.manifest.identity() == run.manifest.identity()
    assert not differences(again.manifest, run.manifest)
    for record in run.records:
        assert EpisodeRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
        assert same_outcome(record, again.record(str(record.key)))
    assert Manifest.from_json(json.loads(json.dumps(run.manifest.to_json()))).to_json() == again.manifest.to_json()


@pytest.mark.parametrize("protocol", [*PROTOCOLS.values(), *fakes.PROTOCOLS.values()], ids=lambda p: p.name)
def test_protocols_survive_json(protocol: Protocol) -> None:
    assert Protocol.from_json(json.loads(json.dumps(protocol.to_json()))) == protocol


def test_streams_are_independent() -> None:
    keys = [EpisodeKey(suite, task, k, 0) for suite in "ab" for task in range(3) for k in range(50)]
    seeds = {key.stream(purpose) for key in keys for purpose in ("env", "policy", "policy 1")}
    assert len(seeds) == 3 * len(keys)
    assert len({str(key) for key in keys}) == len(keys)


@pytest.mark.parametrize("cameras", [(), ("image",), ("wrist_image", "image")])
def test_a_board_carries_observations(cameras: tuple[str, ...]) -> None:
    settings = EnvSettings(fakes.SUITE.protocol(), fakes.SUITE.assets(), cameras)
    env = fakes.SUITE.make_env(settings)
    env.start(0, 0, 0)
    shown = env.observe()
    board = Board(block_size([settings]))
    other = Board(name=board.name)
    try:
        other.write(shown, settings)
        seen = board.read(settings)
        other.write({key: np.zeros_like(value) for key, value in shown.items()}, settings)  # type: ignore[arg-type]
        assert set(seen) == set(shown) == {field.key for field in layout(settings)}
        for key, value in shown.items():
            np.testing.assert_array_equal(seen[key], value)  # type: ignore[literal-required]
            assert seen[key].dtype == value.dtype  # type: ignore[literal-required, attr-defined]
        with pytest.raises(ValueError, match=r"'state' is float32 \(3,\), but should be float32 \(8,\)"):
            other.write({**shown, "state": np.zeros(3, np.float32)}, settings)
    finally:
        other.close()
        board.close()
