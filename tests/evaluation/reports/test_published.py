"""Numbers from papers: the file is sound, and says what its source says."""

import re
from pathlib import Path

import pytest

from vvla_policies.errors import RecordError
from vvla_policies.evaluation.reports.published import load_published

FILE = Path(__file__).parents[3] / "results" / "published.yaml"
LIBERO_ONLY_LONG = ("MPI (LONG only)", "MVP (LONG only)", "MTACT (LONG only)")


@pytest.fixture(scope="module")
def rows():
    return load_published(FILE)


def number(text):
    found = re.match(r"[\d.]+", text)
    return float(found[0]) if found else None


def table(text, title):
    """The rows of the first table below a heading, as lists of cells."""
    lines = text[text.index(title) :].splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith("|"))
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            return
        yield [cell.strip().replace("**", "") for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(("title", "benchmark"), [("### D.1", "libero"), ("### D.2", "calvin_abc_d")])
def test_every_number_is_that_of_the_source(rows, reference, title, benchmark):
    source = reference / "spec" / "vita_vla.md"
    if not source.is_file():
        pytest.skip(f"{source} is absent")
    known = {row.method: row for row in rows if row.benchmark == benchmark}
    expected = 0
    for method, arxiv, *cells, mean, _ in table(source.read_text(encoding="utf-8"), title):
        if " / " in method:  # three methods in one line, LONG only
            values = [float(v) for v in cells[-1].split(" / ")]
            assert [known[name].cells[-1] for name in LIBERO_ONLY_LONG] == values
            expected += 3
            continue
        row = known[method]
        assert list(row.cells) == [number(cell) for cell in cells], method
        assert row.mean == number(mean), method
        if re.match(r"\d{4}\.\d{5}", arxiv):
            assert row.arxiv == arxiv.split()[0], method
        expected += 1
    assert expected == len(known)


def test_there_are_enough_rows_and_each_says_where_it_is_from(rows):
    assert sum(row.benchmark == "libero" for row in rows) >= 40
    assert sum(row.benchmark == "calvin_abc_d" for row in rows) >= 45
    assert all(row.source for row in rows)
    assert all(re.fullmatch(r"\d{4}\.\d{5}", row.arxiv) or row.arxiv == "" for row in rows)


def test_means_follow_from_cells_or_are_flagged(rows):
    for row in rows:
        assert row.consistent == (not row.flag), row.method


def test_what_does_not_compare_is_marked(rows):
    marked = {(row.benchmark, row.method): row.differs for row in rows if row.differs}
    assert "ABCD→D split" in marked["calvin_abc_d", "3D-VLA"]
    for method in ("Moto", "Dita", "SuSIE"):
        assert "static camera only" in marked["calvin_abc_d", method]
    assert ("libero", "MDT") in marked


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("76.5", "86.5"), "86.5, but the cells give 76.5"),
        (('"2406.09246"', "2406.09246"), "put the id in quotes"),
        (("own paper", "hearsay"), "status 'hearsay' is none of own paper"),
        (("53.7]", "53.7, 1]"), "expected 4 cells, got 5"),
        (("source:", "sauce:"), "unknown field 'sauce'"),
        (("libero:", "maze:"), "expected the benchmarks libero, calvin_abc_d"),
        (("libero:", "libero: ["), "cannot read"),
        (("average: 76.5", "average: 76.5, flag: odd"), "a flag, though its mean follows"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, change, said):
    text = (
        'libero:\n- {method: OpenVLA, arxiv: "2406.09246", cells: [84.7, 88.4, 79.2, 53.7], average: 76.5,\n'
        "   status: own paper, source: its table}\n"
    )
    path = tmp_path / "published.yaml"
    path.write_text(text)
    assert load_published(path)[0].mean_of_cells == pytest.approx(76.5)
    path.write_text(text.replace(*change))
    with pytest.raises(RecordError, match=re.escape(said)) as caught:
        load_published(path)
    assert "\n" not in str(caught.value)
