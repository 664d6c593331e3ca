"""The report: what is in it, in which order, and that its folder needs nothing else."""

import re
import shutil
from dataclasses import replace

import pytest

from tests.evaluation.made import four, record, run_of
from tests.fakes import SUITE_ADDRESS
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.runs import EpisodeError
from vvla_policies.evaluation.reports import videos
from vvla_policies.evaluation.reports.charts import line_chart, success_over_steps
from vvla_policies.evaluation.reports.report import write_report
from vvla_policies.evaluation.rollouts.evaluate import Request, evaluate


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "shaky"
    request = Request(
        "tests.fakes:Expert", (SUITE_ADDRESS,), {"noise": 0.9}, episodes=3, assets="primitive", workers=0, out=out
    )
    found = evaluate(request)
    videos.draw(found, found.records, stride=10, panel=64)
    return found


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return write_report([run], tmp_path_factory.mktemp("report"))


def test_the_folder_holds_all_that_the_page_shows(page):
    shown = re.findall(r'(?:src|href|poster)="([^"#]+)"', page.read_text())
    assert any(name.endswith(".mp4") for name in shown)
    assert any("contact-fake.png" in name for name in shown)
    for name in set(shown) - {"data:,"}:
        assert (page.parent / name).is_file(), name


def test_every_part_is_there(page, run):
    text = page.read_text()
    heads = ("Scores", "Tasks", "Success over time", "Videos", "Contact sheets", "Where the time went", "Reliability")
    for head in (*heads, "Reproduce"):
        assert re.search(rf"<h[23]>{head}</h[23]>", text), head
    assert text.count('class="bar"') == 3
    assert "vvla replay RUN fake-t" in text
    assert "expert on fake" in text


def test_failures_come_first(page):
    outcomes = re.findall(r'<figure class="(error|failure|success)">', page.read_text())
    assert outcomes == sorted(outcomes)
    assert {"failure", "success"} <= set(outcomes)


def test_videos_that_are_gone_leave_the_report(run, tmp_path):
    copy = replace(run, folder=tmp_path / "copy")
    shutil.copytree(run.folder, copy.folder)
    out = tmp_path / "report"
    write_report([copy], out)
    before = set(out.rglob("*.mp4"))
    gone = videos.path_of(copy, copy.records[0])
    gone.unlink()
    write_report([copy], out)
    after = set(out.rglob("*.mp4"))
    assert {path.name for path in before - after} == {gone.name}
    assert not (before - after).pop().with_suffix(".jpg").exists()


def test_without_videos_it_says_how_to_draw_them(tmp_path):
    text = write_report([four(tmp_path / "run")], tmp_path / "out").read_text()
    assert "vvla videos RUN --which failures" in text
    assert "<h3>Contact sheets" not in text
    assert "on libero</h1>" in text


def test_several_runs_are_compared(tmp_path):
    records = {name: [record("libero_goal", 0, k, k < n) for k in range(20)] for name, n in (("a", 4), ("b", 18))}
    runs = [run_of(tmp_path / name, own, policy=name) for name, own in records.items()]
    text = write_report(runs, tmp_path / "out").read_text()
    assert "libero_goal: b is better than a, by 70.0 points (p &lt; 0.001)" in text
    assert text.count('class="bar"') == 2
    other = run_of(tmp_path / "c", records["a"], assets="official")
    text = write_report([runs[0], other], tmp_path / "other").read_text()
    assert "Not compared" in text
    assert "official 01234567" in text


def test_subtasks_of_chains_go_by_name(tmp_path):
    def walker(name, lengths):
        plans = [("lift", "push", "turn", "open", "close"), ("push", "open", "lift", "close", "turn")]
        records = [
            replace(record("calvin_abc_d", 0, k, n == 5), completed=n, subtasks=plans[k % 2])
            for k, n in enumerate(lengths)
        ]
        run = run_of(tmp_path / name, records, policy=name)
        suites = {"calvin_abc_d": replace(run.manifest.suites["calvin_abc_d"], benchmark="calvin")}
        return replace(run, manifest=replace(run.manifest, suites=suites))

    text = write_report([walker("far", [5, 4, 3, 5]), walker("near", [0, 1, 0, 0])], tmp_path / "out").read_text()
    assert "4.25 [" in text
    assert text.count('<div class="what">push</div>') == 1
    assert "far is better than near" in text
    assert "nan" not in text


def test_errors_and_odd_texts_are_shown_as_they_are(tmp_path):
    crash = EpisodeError("ValueError", "<script>alert(1)</script>", "Traceback ...\nValueError: <b>")
    one = replace(record("libero_goal", 0, 0, False, crash), retries=2)
    run = run_of(tmp_path / "run", [one, record("libero_goal", 0, 1, True)], planned=3)
    text = write_report([run], tmp_path / "out").read_text()
    assert "<script>alert" not in text
    assert "ValueError: &lt;script&gt;alert(1)" in text
    assert "2 of 3 recorded, 1 missing" in text
    assert "After 300 steps, 2 retries." in text
    assert "libero_goal (1 of 2 tasks)" in text


def test_a_report_needs_episodes(tmp_path):
    empty = replace(four(tmp_path / "run"), records=())
    with pytest.raises(RecordError, match="no episodes recorded"):
        write_report([empty], tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="choose another --out"):
        write_report([four(tmp_path / "run")], tmp_path / "file" / "out")


def test_success_over_steps_counts_all_episodes():
    records = [record("libero_goal", 0, k, k < 3) for k in range(4)]  # after 100, 101, 102 steps
    curve = success_over_steps("goal", records, 0, 300)
    assert list(curve.points) == [(0, 0.0), (100, 0.25), (101, 0.5), (102, 0.75), (300, 0.75)]
    drawn = line_chart([curve], 300)
    assert drawn.count("<path") == 1
