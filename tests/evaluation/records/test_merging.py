"""Shards put together are the run in one piece."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests import fakes
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.merging import merge
from vvla_policies.evaluation.records.storage import RunFolder
from vvla_policies.evaluation.rollouts.evaluate import evaluate


def test_shards_put_together_are_the_whole_run(tmp_path: Path) -> None:
    whole = evaluate(fakes.request(tmp_path / "whole", episodes=3))
    parts = [
        evaluate(fakes.request(tmp_path / str(part), episodes=3, shard=(part, 2), workers=part)) for part in range(2)
    ]
    assert sorted(len(part.records) for part in parts) == [4, 5]
    merged = merge([part.folder for part in parts], tmp_path / "merged")
    assert fakes.outcomes(merged) == fakes.outcomes(whole)
    assert merged.manifest.identity() == whole.manifest.identity()
    assert merged.manifest.shard is None
    assert merged.manifest.planned == 9
    assert len(merged.manifest.sessions) == 2
    assert all(len(merged.actions(record.key)) == record.steps for record in merged.records)
    with pytest.raises(RecordError, match="holds a run already"):
        merge([parts[0].folder], tmp_path / "merged")


def test_a_missing_shard_is_seen(tmp_path: Path) -> None:
    part = evaluate(fakes.request(tmp_path / "part", episodes=3, shard=(0, 2), tasks=(0, 1)))
    merged = merge([part.folder, part.folder], tmp_path / "merged")
    assert fakes.outcomes(merged) == fakes.outcomes(part)


def test_only_shards_of_one_run_are_merged(tmp_path: Path) -> None:
    runs = [evaluate(fakes.request(tmp_path / str(seed), episodes=1, seed=seed)) for seed in range(2)]
    with pytest.raises(RecordError, match=r"not of the same run.*seed"):
        merge([run.folder for run in runs], tmp_path / "merged")
    with pytest.raises(RecordError, match="nothing to merge"):
        merge([], tmp_path / "merged")


def test_different_results_for_one_episode_are_not_merged(tmp_path: Path) -> None:
    run = evaluate(fakes.request(tmp_path / "a", episodes=1))
    other = tmp_path / "b"
    with RunFolder(other, run.manifest) as folder:
        record = run.records[0]
        folder.append(replace(record, steps=record.steps + 1), run.actions(record.key))
    with pytest.raises(RecordError, match=f"different results for '{record.key}'"):
        merge([run.folder, other], tmp_path / "merged")
