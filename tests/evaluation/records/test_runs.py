"""Records come back as they went in."""

import json
from pathlib import Path

import pytest
from vvla_policies.envs.protocol import PROTOCOLS, Protocol

from tests import fakes
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import MANIFEST, EpisodeRecord, Manifest, differences, load_run, same_outcome
from vvla_policies.evaluation.rollouts.evaluate import evaluate


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
    for one in (protocol, protocol.in_all_phrases()):
        assert Protocol.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_streams_are_independent() -> None:
    keys = [EpisodeKey(suite, task, k, 0) for suite in "ab" for task in range(3) for k in range(50)]
    seeds = {key.stream(purpose) for key in keys for purpose in ("env", "policy", "policy 1")}
    assert len(seeds) == 3 * len(keys)
    assert len({str(key) for key in keys}) == len(keys)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not a run folder"):
        load_run(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(RecordError, match="damaged"):
        load_run(tmp_path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    evaluate(fakes.request(tmp_path, episodes=1))
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(RecordError, match="format 99"):
        load_run(tmp_path)
