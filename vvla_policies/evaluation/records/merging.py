"""Putting the shards of a run together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import MANIFEST, Manifest, Run, differences, load_run, same_outcome
from vvla_policies.evaluation.records.storage import RunFolder


def merge(folders: Iterable[Path | str], out: Path | str) -> Run:
    """Puts the shards of a run together in a new folder, equal to that of a run in one piece.

    Of an episode that several folders hold, a result counts more than an error.

    Args:
        folders: run folders of one identity.
        out: the new folder.

    Raises:
        RecordError: identities differ, two folders hold different results for one episode, or `out` holds a run.
    """
    runs = [load_run(folder) for folder in folders]
    if not runs:
        raise RecordError("nothing to merge: name the run folders")
    out = Path(out)
    if (out / MANIFEST).exists():
        raise RecordError(f"{out} holds a run already; choose another --out")
    for run in runs[1:]:
        differing = differences(runs[0].manifest, run.manifest)
        if differing:
            raise RecordError(f"{run.folder} is not of the same run as {runs[0].folder}: {differing[0]}")
    chosen = _union(runs)
    with RunFolder(out, _merged(runs, len(chosen))) as folder:
        for key in sorted(chosen):
            folder.append(chosen[key].record(key), chosen[key].actions(key))
    return load_run(out)


def _union(runs: Sequence[Run]) -> dict[EpisodeKey, Run]:
    chosen: dict[EpisodeKey, Run] = {}
    for run in runs:
        for record in run.records:
            rival = chosen[record.key].record(record.key) if record.key in chosen else None
            if rival is None or (rival.error and not record.error):
                chosen[record.key] = run
            elif not record.error and not same_outcome(rival, record):
                raise RecordError(
                    f"{chosen[record.key].folder} and {run.folder} hold different results for '{record.key}'"
                )
    return chosen


def _merged(runs: Sequence[Run], episodes: int) -> Manifest:
    manifests = [run.manifest for run in runs]
    shards = {manifest.shard for manifest in manifests}
    planned = sum({manifest.shard: manifest.planned for manifest in manifests}.values()) if None not in shards else 0
    sessions = tuple(session for manifest in manifests for session in manifest.sessions)
    return replace(manifests[0], shard=None, planned=max(planned, episodes), sessions=sessions)
