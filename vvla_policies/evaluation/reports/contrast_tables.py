"""A comparison in words and numbers: terminal, Markdown, CSV."""

from __future__ import annotations

import csv
import io
import textwrap
from dataclasses import asdict
from math import isnan
from typing import Literal

from vvla_policies.evaluation.analysis.comparison import RESAMPLES, Difference
from vvla_policies.evaluation.analysis.contrasts import Comparison, Contrast, Standing
from vvla_policies.evaluation.analysis.power import LEVEL, POWER
from vvla_policies.evaluation.analysis.scores import AVERAGES
from vvla_policies.evaluation.reports.tables import layout, percent

Format = Literal["terminal", "markdown", "csv"]
RATES, LENGTHS = "Success %", "Average length"
COUNTS = {"Episodes", "Errors", "Only A / B", "Further A / B"}
NUMBERS = {RATES, LENGTHS, "95 % CI", "Over tasks", "B - A", "p", "p (Holm)", "Shows", *COUNTS}
NARROWEST = 80


def render(comparison: Comparison, form: Format = "terminal", width: int = 100) -> str:
    """The comparison as text.

    Args:
        comparison: from `compare`.
        form: "terminal", "markdown" or "csv" (the pairs alone, bare numbers).
        width: of the terminal, characters.
    """
    if form == "csv":
        return _csv(comparison)
    parts = []
    for chained in (False, True):
        standings = [s for s in comparison.standings if s.chained == chained]
        contrasts = [c for c in comparison.contrasts if c.chained == chained]
        if standings:
            parts += [_standings(standings, form, width), _contrasts(contrasts, form, width)]
    return "\n\n".join([*parts, _findings(comparison, form, width), _below(comparison, form, width)]) + "\n"


def _standings(standings: list[Standing], form: Format, width: int) -> str:
    chained = standings[0].chained
    rows = []
    for s in standings:
        cells = [s.run, s.policy, _label(s.suite)]
        if s.estimate and s.over_tasks:
            cells += [percent(s.mean), *(f"{percent(e.low)} - {percent(e.high)}" for e in (s.estimate, s.over_tasks))]
        else:
            cells.append(f"{s.mean:.2f}")
        rows.append([*cells, str(s.n), str(s.errors)])
    measures = [LENGTHS] if chained else [RATES, "95 % CI", "Over tasks"]
    return _table(["Run", "Policy", "Suite", *measures, "Episodes", "Errors"], rows, form, width)


def _contrasts(contrasts: list[Contrast], form: Format, width: int) -> str:
    """A row for each pair and suite; a single pair is named once, above."""
    pairs = {(c.first, c.second) for c in contrasts}
    several, chained = len(pairs) > 1, contrasts[0].chained
    rows = []
    for c in contrasts:
        cells = [_label(c.suite), *([c.first, c.second] if several else []), _points(c.difference.value, chained)]
        cells += [_interval(c.difference, chained)] + ([] if chained else [_interval(c.over_tasks, chained)])
        cells += [f"{c.only_first} / {c.only_second}", _p(c.p)] + ([_p(c.adjusted)] if several else [])
        rows.append([*cells, "-" if isnan(c.detectable) else _points(c.detectable, chained).lstrip("+")])
    more = "Further A / B" if chained else "Only A / B"
    head = ["Suite", *(["A", "B"] if several else []), "B - A", "95 % CI", *([] if chained else ["Over tasks"]), more]
    table = _table([*head, "p", *(["p (Holm)"] if several else []), "Shows"], rows, form, width)
    return table if several else f"A: {contrasts[0].first}, B: {contrasts[0].second}\n\n{table}"


def finding(c: Contrast) -> str:
    """What a pair comes to, in a sentence.

    The p-value decides that is adjusted for the number of pairs.
    """
    if c.adjusted > LEVEL:
        shows = _could_show(c)
        return f"{_label(c.suite)}: no evidence that {c.first} and {c.second} differ ({_told_p(c.adjusted)}); {shows}"
    ahead, behind = (c.second, c.first) if c.difference.value > 0 else (c.first, c.second)
    size = _points(abs(c.difference.value), c.chained).lstrip("+")
    unit = "subtasks" if c.chained else "points"
    text = f"{_label(c.suite)}: {ahead} is better than {behind}, by {size} {unit} ({_told_p(c.adjusted)})"
    if not isnan(c.over_tasks.low) and c.over_tasks.low <= 0 <= c.over_tasks.high:
        text += "; whether that holds on other tasks like these is open"
    return f"{text}."


def _could_show(c: Contrast) -> str:
    if isnan(c.detectable):
        return f"{c.n} episodes are too few to show any difference."
    size = _points(c.detectable, c.chained).lstrip("+")
    unit = "subtasks" if c.chained else "points"
    return f"{c.n} episodes show {size} {unit} or more ({100 * POWER:.0f} % of the time)."


def _findings(comparison: Comparison, form: Format, width: int) -> str:
    mark = "- " if form == "markdown" else ""
    lines = [mark + finding(c) for c in comparison.contrasts]
    return "\n".join(lines if form == "markdown" else [textwrap.fill(x, max(width, NARROWEST)) for x in lines])


def _below(comparison: Comparison, form: Format, width: int) -> str:
    left = ", ".join(f"{count} of {name}" for name, count in comparison.left_out.items() if count)
    lines = [
        "Only episodes that all runs hold are compared" + (f"; left out: {left}." if left else "."),
        "Errors count as failures.",
        *comparison.notes,
    ]
    if not all(c.chained for c in comparison.contrasts):
        lines.append(
            "95 % CI: for these tasks (Wilson; differences: Newcombe, paired). Over tasks: for tasks like these, the "
            "tasks taken as clusters. p: McNemar's exact test. Shows: the smallest difference that so many episodes, "
            f"as many of them ending differently, show with a power of {POWER}."
        )
    if any(c.chained for c in comparison.contrasts):
        lines.append(f"Lengths: paired bootstrap, {RESAMPLES} resamples.")
    if len({(c.first, c.second) for c in comparison.contrasts}) > 1:
        lines.append("p (Holm): adjusted for the number of pairs of runs.")
    if form == "markdown":
        return " ".join(lines)
    return "\n".join(textwrap.fill(line, max(width, NARROWEST)) for line in lines)


def _csv(comparison: Comparison) -> str:
    text = io.StringIO()
    rows = []
    for c in comparison.contrasts:
        row = {name: value for name, value in asdict(c).items() if name not in ("difference", "over_tasks")}
        row |= {"difference": c.difference.value, "low": c.difference.low, "high": c.difference.high}
        row |= {"over_tasks_low": c.over_tasks.low, "over_tasks_high": c.over_tasks.high}
        rows.append({name: _bare(value) for name, value in row.items()})
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _bare(value: object) -> object:
    if isinstance(value, float):
        return "" if isnan(value) else f"{value:.6g}"
    return value


def _table(head: list[str], rows: list[list[str]], form: Format, width: int) -> str:
    assert form != "csv"
    return layout(head, rows, form, width, NUMBERS)


def _points(value: float, chained: bool) -> str:
    return f"{value:+.2f}" if chained else f"{100 * value:+.1f}"


def _interval(difference: Difference, chained: bool) -> str:
    if isnan(difference.low):
        return "-"
    return f"{_points(difference.low, chained)} to {_points(difference.high, chained)}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _told_p(value: float) -> str:
    return f"p {_p(value)}" if value < 0.001 else f"p = {_p(value)}"


def _label(suite: str) -> str:
    return f"{suite}, mean of {len(AVERAGES[suite])}" if suite in AVERAGES else suite
