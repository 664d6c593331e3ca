"""Tables from made-up runs: what is counted, what stands beside it, and what never shares a row."""

import csv
import io
from dataclasses import replace

import pytest

from tests.evaluation.made import entry, four, record, run_of
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.analysis.scores import suite_scores, task_scores
from vvla_policies.evaluation.records.runs import EpisodeError
from vvla_policies.evaluation.reports import tables


@pytest.fixture
def broken():
    crash = EpisodeError("ValueError", "boom", "Traceback ...")
    records = [record("libero_goal", 0, 0, True), record("libero_goal", 0, 1, False, crash)]
    return run_of("results/broken", [*records, record("libero_goal", 1, 0, True)], planned=4)


def test_errors_stay_in_the_denominator(broken):
    (score,) = [s for s in task_scores(broken) if s.task == 0]
    assert (score.estimate.rate, score.estimate.n, score.errors) == (0.5, 2, 1)


def test_steps_are_those_of_successes(broken):
    assert suite_scores(broken)[0].steps == 100


def test_the_footer_says_what_the_numbers_depend_on(broken):
    text = tables.render([broken])
    for fact in ("openvla", "300 steps", "primitive 0123456789ab", "mujoco 3.3.2", "osmesa", "feedbeef0123", "Wilson"):
        assert fact in text
    assert "3 of 4 episodes are recorded" in text
    assert "1 of 3 episodes ended in an error" in text


def test_four_suites_have_a_mean_and_three_do_not():
    whole = four("r")
    mean = suite_scores(whole)[-1]
    assert (mean.suite, mean.estimate.rate, mean.successes, mean.estimate.n) == ("libero", 0.5, 4, 8)
    assert "mean of 4" in tables.render([whole])
    part = replace(whole, records=tuple(r for r in whole.records if r.key.suite != "libero_goal"))
    assert "mean of" not in tables.render([part])


def test_no_mean_over_suites_under_different_conditions():
    whole = four("r")
    mixed = dict(whole.manifest.suites, libero_goal=entry("libero_goal", assets="official"))
    assert "mean of" not in tables.render([replace(whole, manifest=replace(whole.manifest, suites=mixed))])


@pytest.mark.parametrize(
    ("conditions", "heading"), [({"protocol": "lerobot"}, "Protocol"), ({"assets": "official"}, "Assets")]
)
@pytest.mark.parametrize("per", ["suite", "task", "run"])
def test_runs_under_different_conditions_say_so_in_a_column(conditions, heading, per):
    text = tables.render([four("results/a"), four("results/b", **conditions)], "markdown", per)
    head = text.splitlines()[0]
    assert heading in head
    assert "Run" in head
    assert text.count("| a ") == text.count("| b ") > 0


def test_another_simulator_is_a_column_too():
    assert "Simulator" in tables.render([four("x/a"), four("x/b", mujoco="3.3.7")]).splitlines()[0]


def test_what_runs_share_stands_below_once():
    text = tables.render([four("x/a"), four("x/b")])
    assert text.count("mujoco 3.3.2") == 1


def test_runs_with_folders_of_one_name_are_told_apart():
    text = tables.render([four("x/run"), four("y/run")], "markdown", "run")
    assert "| x/run " in text
    assert "| y/run " in text


def test_csv_holds_bare_numbers_and_every_condition(broken):
    rows = list(csv.DictReader(io.StringIO(tables.render([broken], "csv", "task"))))
    assert [row["task"] for row in rows] == ["0", "1", ""]
    assert (rows[0]["success_rate"], rows[0]["successes"], rows[0]["episodes"]) == ("0.5", "1", "2")
    assert (rows[0]["protocol"], rows[0]["assets_fingerprint"]) == ("openvla", "0123456789ab")


def test_latex_escapes_names():
    text = tables.render([four("r")], "latex")
    assert r"libero\_goal" in text
    assert r"\toprule" in text


@pytest.mark.parametrize("width", [80, 100, 140])
def test_tables_per_task_fit_the_terminal(width):
    one_suite = run_of("r", [record("libero_goal", 0, 0, True), record("libero_goal", 1, 0, False)])
    assert max(map(len, tables.render([one_suite], per="task", width=width).splitlines())) <= width


def test_a_run_without_records_has_no_table():
    empty = replace(four("r"), records=())
    with pytest.raises(RecordError, match="no episodes recorded"):
        tables.render([empty])


def test_write_leaves_three_files(tmp_path, broken):
    written = tables.write(replace(broken, folder=tmp_path))
    assert sorted(path.name for path in written) == ["table.csv", "table.md", "table.tex"]
    text = (tmp_path / "table.md").read_text()
    assert "## Per task" in text
    assert "alphabet soup" in text


def chain_run(folder):
    names = ("open_drawer", "lift_red_block_table", "place_in_drawer", "turn_on_led", "close_drawer")
    made = [
        replace(record("calvin_abc_d", 0, k, done == 5), completed=done, subtasks=names)
        for k, done in enumerate((0, 2, 5, 1))
    ]
    run = run_of(folder, made, protocol="calvin")
    suites = {name: replace(entry, benchmark="calvin") for name, entry in run.manifest.suites.items()}
    return replace(run, manifest=replace(run.manifest, suites=suites))


def test_chains_have_measures_of_their_own(tmp_path):
    run = chain_run(tmp_path / "run")
    text = tables.render([run])
    row = next(line for line in text.splitlines() if line.startswith("calvin_abc_d"))
    assert row.split()[:7] == ["calvin_abc_d", "75.0", "50.0", "25.0", "25.0", "25.0", "2.00"]
    assert "bootstrap over chains" in text
    told = "at most 360 steps for each task of a chain, 0 to settle, pictures of 200 x 200 and 84 x 84 px"
    assert told in " ".join(text.split())
    tasks = tables.render([run], per="task")
    assert [line.split()[1:5] for line in tasks.splitlines() if "open_drawer" in line] == [
        ["open_drawer", "75.0", "30.1", "-"]
    ]
    assert [line.split()[1] for line in tasks.splitlines() if "3/4" in line] == ["open_drawer"]
    assert "2/3" in next(line for line in tasks.splitlines() if "lift_red_block_table" in line)
    mixed = tables.render([run, four(tmp_path / "other")], "csv")
    assert mixed.splitlines()[0].endswith("reached_5,length,length_low,length_high")
    assert mixed.splitlines()[1].split(",")[-4:-2] == ["0.25", "2"]
    assert "Success %" in tables.render([run, four(tmp_path / "other")])
