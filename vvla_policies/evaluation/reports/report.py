"""A report on runs: one folder with a page that needs no network, and the videos that it shows.

Made from run folders alone. `index.html` holds its style, script and charts; `media/` holds copies of the runs' videos
and contact sheets.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import markupsafe
from PIL import Image

from vvla_policies.errors import RecordError
from vvla_policies.evaluation.analysis.contrasts import compare
from vvla_policies.evaluation.analysis.scores import AVERAGES, Score, by_suite, suite_scores, task_scores
from vvla_policies.evaluation.analysis.timing import duration, split
from vvla_policies.evaluation.records.runs import EpisodeRecord, Run, Session
from vvla_policies.evaluation.reports.charts import COLOURS, line_chart, success_over_steps
from vvla_policies.evaluation.reports.contrast_tables import finding
from vvla_policies.evaluation.reports.leaderboard import (
    CHAIN_HEAD,
    chain_cells,
    plain_command,
    rate_cell,
    some_tasks,
    suite_title,
)
from vvla_policies.evaluation.reports.pages import Cell, Section, html
from vvla_policies.evaluation.reports.tables import facts_of, percent, short_names
from vvla_policies.evaluation.reports.videos import FOLDER, outcome_of, path_of

PAGE, MEDIA = "index.html", "media"
ORDER = {"error": 0, "failure": 1, "success": 2}


@dataclass(frozen=True)
class Video:
    """A video in the report; failures come first.

    Attributes:
        source: its place, from the page.
        poster: the place of its last picture.
        run: name of its run.
        record: the episode.
        outcome: "error", "failure" or "success".
    """

    source: str
    poster: str
    run: str
    record: EpisodeRecord
    outcome: str


def write_report(runs: Sequence[Run], out: Path) -> Path:
    """Writes the report; what an older one left in `media/` is removed.

    Args:
        runs: different runs.
        out: the folder.

    Returns:
        The page.

    Raises:
        RecordError: no episode is recorded, or the folder cannot be written.
        MissingExtraError: the report extra is not installed.
    """
    named = dict(zip(short_names(runs), runs, strict=True))
    if not any(run.records for run in runs):
        raise RecordError(f"no episodes recorded in {', '.join(str(run.folder) for run in runs)}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        copied = _copy_media(named, out)
        page = out / PAGE
        page.write_text(html("report.html", **_context(named, *copied)), encoding="utf-8")
    except OSError as error:
        raise RecordError(f"cannot write {error.filename or out}: {error.strerror}; choose another --out") from error
    return page


def _context(runs: Mapping[str, Run], videos: Sequence[Video], sheets: Sequence[tuple[str, str]]) -> dict[str, Any]:
    policies = dict.fromkeys(run.manifest.policy["card"]["name"] for run in runs.values())
    suites = dict.fromkeys(suite for run in runs.values() for suite in by_suite(run))
    days = sorted(run.manifest.created[:10] for run in runs.values())
    return {
        "title": f"{', '.join(policies)} on {', '.join(_grouped(suites))}",
        "when": days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}",
        "several": len(runs) > 1,
        "headline": _headline(runs),
        "chains": _chains(runs),
        "findings": _findings(runs),
        "facts": {name: facts_of(run) for name, run in runs.items()},
        "colours": {name: k % COLOURS for k, name in enumerate(runs)},
        "bars": list(_bars(runs)),
        "tasks": _tasks(runs),
        "curves": list(_curves(runs)),
        "videos": videos,
        "sheets": sheets,
        "times": {name: _times(run) for name, run in runs.items() if run.records},
        "reliability": {name: _reliability(run) for name, run in runs.items()},
        "errors": {name: [r for r in run.records if r.error] for name, run in runs.items()},
        "reproduce": {name: _reproduce(run) for name, run in runs.items()},
    }


def _grouped(suites: Iterable[str]) -> list[str]:
    """Suite names, all members of an average under its name."""
    found = list(suites)
    for name, members in AVERAGES.items():
        if set(members) <= set(found):
            found = [name, *(suite for suite in found if suite not in members)]
    return found


# --- scores ------------------------------------------------------------------------------------------------------


def _headline(runs: Mapping[str, Run]) -> Section:
    """One run: a row for each suite; several: a row for each run, suites as columns."""
    if len(runs) == 1:
        (run,) = runs.values()
        scores_of_suites = [score for score in suite_scores(run) if score.chain is None]
        rows = [[Cell(_label(s.suite) + some_tasks(run, s)), *_measures(s)] for s in scores_of_suites]
        return _scored(["Suite"], rows, "Scores", level=2)
    rated = {name: [score for score in suite_scores(run) if score.chain is None] for name, run in runs.items()}
    scores = {name: {score.suite: score for score in of_run} for name, of_run in rated.items() if of_run}
    suites = sorted(
        {suite: None for of_run in scores.values() for suite in of_run}, key=lambda suite: suite in AVERAGES
    )
    whose = {name: _whose(next(iter(of_run.values()))) for name, of_run in scores.items()}
    told = [k for k in ("Policy", "Protocol", "Assets") if len({who[k] for who in whose.values()}) > 1]
    table = []
    for name, of_run in scores.items():
        cells = [rate_cell(runs[name], of_run[suite]) if suite in of_run else Cell("-") for suite in suites]
        errors = sum(score.errors for score in of_run.values() if not score.is_average)
        table.append([Cell(name), *(Cell(whose[name][k]) for k in told), *cells, Cell(str(errors), errors)])
    head = ["Run", *told, *map(suite_title, suites), "Errors"]
    return Section("Scores", 2, (), head, table, frozenset(head[1 + len(told) :]))


def _whose(score: Score) -> dict[str, str]:
    """What may tell runs apart; a policy that gave its run the name is not named again."""
    c = score.conditions
    policy = "" if score.policy == score.run else score.policy
    return {"Policy": policy, "Protocol": c.protocol, "Assets": f"{c.assets} {c.fingerprint[:8]}"}


def _tasks(runs: Mapping[str, Run]) -> Section:
    several = len(runs) > 1
    rows = [
        [
            *([Cell(name)] if several else []),
            Cell(s.suite),
            Cell(str(s.task), s.task),
            Cell(s.instruction),
            *_measures(s),
        ]
        for name, run in runs.items()
        for s in task_scores(run)
    ]
    return _scored([*(["Run"] if several else []), "Suite", "Task", "Instruction"], rows)


def _scored(head: Sequence[str], rows: Sequence[Sequence[Cell]], title: str = "", level: int = 3) -> Section:
    measures = ("Success %", "95 % CI", "Successes", "Errors", "Steps")
    return Section(title, level, (), [*head, *measures], rows, frozenset({*measures, "Task"}))


def _measures(score: Score) -> list[Cell]:
    e = score.estimate
    return [
        Cell(percent(e.rate), e.rate),
        Cell(f"{percent(e.low)} - {percent(e.high)}", e.low),
        Cell(f"{score.successes}/{e.n}", score.successes),
        Cell(str(score.errors), score.errors),
        Cell("-") if isnan(score.steps) else Cell(f"{score.steps:.0f}", score.steps),
    ]


def _chains(runs: Mapping[str, Run]) -> Section:
    rows = [
        [Cell(name), Cell(score.suite), *chain_cells(score.chain), Cell(str(score.errors), score.errors)]
        for name, run in runs.items()
        for score in suite_scores(run)
        if score.chain
    ]
    head = ["Run", "Suite", *CHAIN_HEAD, "Errors"]
    return Section("Chains: percent with so many subtasks done in a row", 3, (), head, rows, frozenset(head[2:]))


def _findings(runs: Mapping[str, Run]) -> tuple[list[str], list[str]]:
    """What pairs of runs come to: on averages of suites (where there are none, on suites), and the rest."""
    if len(runs) < 2:
        return [], []
    try:
        comparison = compare(runs)
    except RecordError as error:
        return [f"Not compared: {error}."], []
    means = [c for c in comparison.contrasts if c.suite in AVERAGES]
    rest = [c for c in comparison.contrasts if means and c not in means]
    return [*map(finding, means or comparison.contrasts), *comparison.notes], [finding(c) for c in rest]


def _bars(runs: Mapping[str, Run]) -> Iterator[dict[str, Any]]:
    """Suite by suite and task by task the scores of all runs; subtasks of chains go by name."""
    scores = [(name, score) for name, run in runs.items() for score in task_scores(run)]
    for suite in dict.fromkeys(score.suite for _, score in scores):
        by_name = any(run.manifest.suites[suite].chained for run in runs.values() if suite in by_suite(run))
        tasks: dict[Any, dict[str, Any]] = {}
        for name, score in scores:
            if score.suite == suite:
                key = score.instruction if by_name else score.task
                entry = tasks.setdefault(key, {"instruction": score.instruction, "scores": []})
                entry["scores"].append((name, score))
        yield {"suite": suite, "tasks": [{"number": "" if by_name else key, **tasks[key]} for key in sorted(tasks)]}


def _curves(runs: Mapping[str, Run]) -> Iterator[dict[str, Any]]:
    """Charts of success over steps: one for each suite with a line for each run, or one with a line for each suite."""
    lines = [
        (name, suite, records, _limit(run, suite, records))
        for name, run in runs.items()
        for suite, records in by_suite(run).items()
    ]
    if len(runs) == 1:
        charts = {"": [(suite, k, records, limit) for k, (_, suite, records, limit) in enumerate(lines)]}
    else:
        order = list(runs)
        charts = {s: [(n, order.index(n), r, x) for n, own, r, x in lines if own == s] for _, s, _, _ in lines}
    for title, members in charts.items():
        last = max(limit for *_, limit in members)
        curves = [success_over_steps(label, records, colour, limit) for label, colour, records, limit in members]
        svg = markupsafe.Markup(line_chart(curves, last))  # noqa: S704 - numbers only
        yield {"title": title, "svg": svg, "legend": [(c.label, c.colour) for c in curves]}


def _limit(run: Run, suite: str, records: Sequence[EpisodeRecord]) -> int:
    """The protocol's step limit, or the longest episode where it names none."""
    steps: int = run.manifest.suites[suite].protocol.get("max_steps", {}).get(suite, 0)
    return max(steps, *(record.steps for record in records))


# --- media -------------------------------------------------------------------------------------------------------


def _copy_media(runs: Mapping[str, Run], out: Path) -> tuple[list[Video], list[tuple[str, str]]]:
    """Copies videos and contact sheets; the videos (failures first), and the sheets as (place, text)."""
    videos: list[Video] = []
    sheets: list[tuple[str, str]] = []
    for number, (name, run) in enumerate(runs.items()):
        place = f"{MEDIA}/{number}-{run.folder.resolve().name}"
        for record in run.records:
            if (video := path_of(run, record)).is_file():
                copy = _copy(video, out / place)
                poster = _poster(copy)
                videos.append(Video(f"{place}/{copy.name}", f"{place}/{poster.name}", name, record, outcome_of(record)))
        for sheet in sorted((run.folder / FOLDER).glob("contact-*.png")):
            _copy(sheet, out / place)
            sheets.append((f"{place}/{sheet.name}", f"{name}, {sheet.stem.removeprefix('contact-')}"))
    wanted = {out / place for video in videos for place in (video.source, video.poster)}
    wanted |= {out / place for place, _ in sheets}
    for old in (out / MEDIA).rglob("*"):
        if old.suffix in (".mp4", ".png", ".jpg") and old not in wanted:
            old.unlink()
    return sorted(videos, key=lambda v: (ORDER[v.outcome], list(runs).index(v.run), v.record.key)), sheets


def _copy(path: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(path, folder / path.name))


def _poster(video: Path) -> Path:
    """The last picture of a video, beside it."""
    import imageio.v2 as imageio

    opened: Any = imageio.get_reader(video, format="FFMPEG")
    with opened as reader:
        last = reader.get_data(max(0, reader.count_frames() - 1))
    poster = video.with_suffix(".jpg")
    Image.fromarray(last).save(poster, quality=80)
    return poster


# --- the run itself ------------------------------------------------------------------------------------------------


def _times(run: Run) -> dict[str, Any]:
    """Where the time of all worker slots went, over all sessions."""
    slots = sum(max(1, s.workers) * (s.seconds or 0.0) for s in run.manifest.sessions)
    spent = split(run.records, Session("", 1, len(run.records), slots))
    total = sum(spent.values()) or 1.0
    wall = sum(s.seconds or 0.0 for s in run.manifest.sessions)
    order = sorted(spent.items(), key=lambda part: (part[0] == "other", -part[1]))
    return {
        "parts": [(phase, 100 * seconds / total, duration(seconds)) for phase, seconds in order if seconds > 0],
        "wall": duration(wall),
        "pace": f"{60 * len(run.records) / wall:.1f} episodes per minute" if wall else "",
    }


def _reliability(run: Run) -> list[tuple[str, str]]:
    records, sessions = run.records, run.manifest.sessions
    steps = sum(record.steps for record in records)
    clipped = sum(record.clipped for record in records)
    errors = sum(record.error is not None for record in records)
    stopped = sum(session.seconds is None for session in sessions)
    missing = run.manifest.planned - len(records)
    return [
        ("Episodes", f"{len(records)} of {run.manifest.planned} recorded" + (f", {missing} missing" * (missing > 0))),
        ("Errors", str(errors) + ("; they count as failures" * (errors > 0))),
        ("Retries", f"{sum(r.retries for r in records)} new starts after a worker was lost"),
        ("Step limit", f"{sum(r.truncated for r in records)} episodes ran out of steps"),
        ("Clipped actions", f"{clipped} of {steps} left [-1, 1]" + (f" ({100 * clipped / steps:.1f} %)" * (steps > 0))),
        ("Sessions", f"{len(sessions)}" + (f", {stopped} under way or killed" if stopped else "")),
        *(("Mended", warning) for warning in run.warnings),
    ]


def _reproduce(run: Run) -> dict[str, Any]:
    m = run.manifest
    machine = ", ".join(f"{key} {value}" for key, value in m.machine.items())
    versions = {f"{k} {v}": None for entry in m.suites.values() for k, v in entry.provenance.items()}
    return {
        "command": shlex.join(plain_command(m.command)),
        "facts": [("Package", f"vvla-policies {m.version}"), ("Simulator", ", ".join(versions)), ("Machine", machine)],
        "example": next((f"{r.key}" for r in run.records if not r.success), None),
    }


def _label(suite: str) -> str:
    return f"{suite}, mean of {len(AVERAGES[suite])}" if suite in AVERAGES else suite
