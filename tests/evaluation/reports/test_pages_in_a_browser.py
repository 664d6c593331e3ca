"""Report and leaderboard in a real browser without a network: nothing on the console, videos play, tables sort."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import SUITE_ADDRESS
from vvla_policies.evaluation.reports import videos
from vvla_policies.evaluation.reports.report import write_report
from vvla_policies.evaluation.rollouts.evaluate import Request, evaluate

playwright = pytest.importorskip("playwright.sync_api", reason="no browser tests: pip install playwright")

LEADERBOARD = Path(__file__).parents[3] / "results" / "leaderboard.html"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, NAMES)), None)
    with playwright.sync_playwright() as p:
        if found is None and not Path(p.chromium.executable_path).exists():
            pytest.skip("no Chromium: apt-get install chromium, or playwright install chromium")
        opened = p.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    request = Request(
        "tests.fakes:Expert", (SUITE_ADDRESS,), {"noise": 0.9}, assets="primitive", workers=0, out=root / "run"
    )
    run = evaluate(replace(request, episodes=2))
    videos.draw(run, run.records, stride=5, panel=64)
    return write_report([run], root / "out")


@pytest.fixture
def page_of(browser):
    """Opens a page offline; at the end nothing may have been said on the console or asked of a network."""
    opened, said = [], []

    def show(path, viewport=DESKTOP, scheme="light"):
        context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or said.append(r.url))
        page.on("requestfailed", lambda r: said.append(f"failed: {r.url}"))
        page.goto(path.as_uri())
        opened.append(context)
        return page

    yield show
    for context in opened:
        context.close()
    assert said == []


def column(table, name):
    """The cells of a table's column of that name, as text."""
    return table.evaluate(
        """(table, name) => {
            const head = [...table.querySelectorAll("th")].find(th => th.textContent.trim() === name);
            return [...table.tBodies[0].rows].map(row => row.cells[head.cellIndex].textContent.trim());
        }""",
        name,
    )


def test_videos_play_and_pictures_load(page_of, report):
    page = page_of(report)
    assert page.locator("video").count() == 6
    ended = page.evaluate(
        """async () => {
            const video = document.querySelector("video");
            await video.play();
            await new Promise((done, failed) => { video.ontimeupdate = () => video.currentTime > 0.05 && done();
                                                  video.onerror = failed; setTimeout(failed, 10000); });
            return [video.videoWidth, video.duration, video.error];
        }"""
    )
    assert ended[0] > 0
    assert ended[1] > 0.5
    assert ended[2] is None
    page.locator(".sheet img").scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_the_table_of_tasks_sorts(page_of, report):
    page = page_of(report)
    page.get_by_text("All tasks as a table").click()
    tasks = page.locator("details table")
    tasks.locator("th button", has_text="Steps").click()
    assert tasks.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    steps = [row.split()[-1] for row in tasks.locator("tbody tr").all_inner_texts()]
    assert steps == sorted(steps, key=lambda s: (s == "-", -float(s) if s != "-" else 0))


def test_the_leaderboard_sorts_numbers_as_numbers_and_words_as_words(page_of):
    page = page_of(LEADERBOARD)
    tables = page.locator("table").filter(has=page.locator("th button", has_text="Goal")).all()
    papers = max(tables, key=lambda table: table.locator("tr").count())
    papers.locator("th button", has_text="Goal").click()
    falling = [float(cell) for cell in column(papers, "Goal") if cell != "-"]
    assert len(falling) > 10
    assert falling == sorted(falling, reverse=True)
    papers.locator("th button", has_text="Goal").click()
    assert [float(cell) for cell in column(papers, "Goal") if cell != "-"] == falling[::-1]
    papers.locator("th button", has_text="Method").click()
    methods = column(papers, "Method")
    assert [m.lower() for m in methods if m.isascii()] == sorted(m.lower() for m in methods if m.isascii())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pages_fit_every_screen_in_light_and_dark(page_of, report, viewport, scheme):
    for path in (report, LEADERBOARD):
        page = page_of(path, viewport, scheme)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], path.name
        paper, ink = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        light, dark = (paper, ink) if scheme == "light" else (ink, paper)
        assert brightness(light) > 200 > 60 > brightness(dark)


def brightness(colour):
    """Mean of "rgb(r, g, b)"."""
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(", "))) / 3
