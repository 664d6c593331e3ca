"""The leaderboard: the committed files are what the records give; measured and reported stay apart."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.made import four, record, run_of
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.runs import EpisodeError, load_run
from vvla_policies.evaluation.reports.leaderboard import add_run, build

RESULTS = Path(__file__).parents[3] / "results"


def saved(run, folder):
    """Writes a made-up run to a folder as a real one would be."""
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run.manifest.to_json(), default=str))
    (folder / "episodes.jsonl").write_text("".join(json.dumps(r.to_json()) + "\n" for r in run.records))
    return folder


def chains(folder, lengths):
    records = [replace(record("calvin_abc_d", 0, k, n == 5), completed=n) for k, n in enumerate(lengths)]
    run = run_of(folder, records)
    suites = {"calvin_abc_d": replace(run.manifest.suites["calvin_abc_d"], benchmark="calvin")}
    return replace(run, manifest=replace(run.manifest, suites=suites))


@pytest.fixture
def results(tmp_path):
    saved(four("a", policy="mine"), tmp_path / "records" / "mine")
    saved(four("b", policy="theirs", assets="official"), tmp_path / "records" / "theirs")
    saved(chains("c", [0, 1, 2, 5, 5]), tmp_path / "records" / "walker")
    (tmp_path / "published.yaml").write_bytes((RESULTS / "published.yaml").read_bytes())
    return tmp_path


def test_the_committed_files_are_what_the_records_give():
    for name, text in build(RESULTS).items():
        assert (RESULTS / name).read_bytes() == text.encode(), f"{name} is stale; run: vvla leaderboard"


def test_records_and_pages_name_no_place_of_a_machine():
    for path in RESULTS.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not any(place in text for place in ("/tmp/", "/home/", "/root/")), path


def test_the_same_files_give_the_same_bytes(results, tmp_path):
    first = build(results)
    for path in sorted((results / "records").iterdir(), reverse=True):
        path.rename(path.with_name(f"{path.name}.moved"))
    for path in (results / "records").iterdir():
        path.rename(path.with_name(path.stem))
    assert build(results) == first


def test_measured_and_reported_stand_apart(results):
    text = build(results)["LEADERBOARD.md"]
    measured, reported = text.split("## Reported by papers")
    assert "| mine " in measured
    assert "| mine " not in reported
    assert "VITA-VLA](" in reported
    assert "VITA-VLA](" not in measured


def test_conditions_never_share_a_table(results):
    measured = build(results)["LEADERBOARD.md"].split("## Reported by papers")[0]
    official, primitive = measured.split("### Official assets")[1].split("### Primitive assets")[:2]
    assert "| theirs" in official
    assert "| mine" in primitive
    assert "| mine" not in official
    for fact in ("0123456789ab", "mujoco 3.3.2", "osmesa (llvmpipe)", "50.0 [9.5, 90.5]"):
        assert fact in primitive


def test_chains_have_their_length(results):
    text = build(results)["LEADERBOARD.md"]
    (row,) = [line for line in text.splitlines() if "| calvin_abc_d" in line and "2.60 [" in line]
    assert [cell.strip() for cell in row.split("|")[4:9]] == ["80.0", "60.0", "40.0", "40.0", "40.0"]


def test_a_run_of_some_tasks_says_so(tmp_path):
    saved(run_of("r", [record("libero_goal", 0, k, True) for k in range(4)]), tmp_path / "records" / "part")
    assert "100.0 [51.0, 100.0] (1 of 2 tasks)" in build(tmp_path)["LEADERBOARD.md"]


def test_a_policy_that_ran_suite_by_suite_has_one_row(tmp_path):
    whole = four("w")
    for suite in whole.manifest.suites:
        saved(run_of(suite, [r for r in whole.records if r.key.suite == suite]), tmp_path / "parts/records" / suite)
    saved(whole, tmp_path / "whole/records" / "all")
    parts, once = (build(tmp_path / name)["LEADERBOARD.md"] for name in ("parts", "whole"))
    assert parts == once
    assert once.count("| student ") == 1
    saved(run_of("again", whole.records[:2]), tmp_path / "parts/records" / "again")
    assert build(tmp_path / "parts")["LEADERBOARD.md"].count("| student ") == 2, "a second run stands by itself"
    saved(run_of("official", whole.records[:2], assets="official"), tmp_path / "apart/records" / "a")
    saved(run_of("rest", whole.records[2:]), tmp_path / "apart/records" / "b")
    assert build(tmp_path / "apart")["LEADERBOARD.md"].count("| student ") == 2, "so do other conditions"


def test_what_does_not_compare_has_a_table_of_its_own(results):
    text = build(results)["LEADERBOARD.md"]
    first, second = text.split("### CALVIN ABC→D")[1:]
    assert "[3D-VLA]" not in first
    assert "ABCD→D split" in second
    assert "4.43 * |" in first
    assert "They give 4.41." in first


def test_without_records_the_page_says_so(tmp_path):
    (tmp_path / "published.yaml").write_bytes((RESULTS / "published.yaml").read_bytes())
    files = build(tmp_path)
    assert "No run is recorded here yet" in files["LEADERBOARD.md"]
    assert "measured.csv" not in files


def test_without_anything_there_is_no_leaderboard(tmp_path):
    with pytest.raises(RecordError, match="holds neither"):
        build(tmp_path)


def test_csv_files_hold_every_row(results):
    files = build(results)
    reported = list(csv.DictReader(io.StringIO(files["reported.csv"])))
    assert len(reported) >= 85
    measured = list(csv.DictReader(io.StringIO(files["measured.csv"])))
    assert {row["run"] for row in measured} == {"mine", "theirs", "walker"}


def test_the_page_needs_nothing_but_itself(results):
    page = build(results)["leaderboard.html"]
    assert "<script src" not in page
    assert '<link rel="stylesheet' not in page
    assert "@import" not in page


def test_adding_a_run_leaves_out_what_names_this_machine(tmp_path):
    crash = EpisodeError("ValueError", "boom", 'Traceback: File "/home/someone/x.py"')
    run = run_of("r", [record("libero_goal", 0, 0, True), record("libero_goal", 0, 1, False, crash)])
    command = ("/home/someone/bin/vvla-eval", "--policy", "mine", "--out", "/home/someone/out")
    policy = {**run.manifest.policy, "options": {"checkpoint": "/home/someone/act"}}
    run = replace(run, manifest=replace(run.manifest, command=command, policy=policy))
    added = add_run(saved(run, tmp_path / "r"), tmp_path / "records")
    assert "/home/" not in "".join(path.read_text() for path in added.iterdir())
    again = load_run(added)
    assert again.manifest.command == ["vvla-eval", "--policy", "mine"]
    assert again.records[1].error == EpisodeError("ValueError", "boom")
    assert add_run(tmp_path / "r", tmp_path / "records") == added
    assert again.manifest.policy["options"]["checkpoint"] == "act"
    other = saved(run_of("r", run.records, policy="other"), tmp_path / "else" / "r")
    with pytest.raises(RecordError, match="holds another run"):
        add_run(other, tmp_path / "records")
