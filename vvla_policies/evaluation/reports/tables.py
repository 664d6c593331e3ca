"""Tables of success rates, made from records alone: terminal, Markdown, CSV, LaTeX; per task, per suite, per run.

Each row belongs to one run, so different protocols, assets or simulators never share one. What differs between the rows
is a column; what they have in common stands below the table.
"""

from __future__ import annotations

import csv
import io
import os
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tabulate import tabulate

from vvla_policies.errors import RecordError
from vvla_policies.evaluation.analysis.chains import SUBTASKS, ChainScore
from vvla_policies.evaluation.analysis.scores import (
    AVERAGES,
    Score,
    by_suite,
    conditions_of,
    name_of,
    suite_scores,
    task_scores,
)
from vvla_policies.evaluation.records.runs import Run

Format = Literal["terminal", "markdown", "csv", "latex"]
Per = Literal["task", "suite", "run"]

STYLES = {"markdown": "github", "latex": "latex_booktabs"}
MEASURES = ("Success %", "95 % CI", "Successes", "Errors", "Steps")
CHAIN_MEASURES = (*(f"{k}/{SUBTASKS} %" for k in range(1, SUBTASKS + 1)), "Length", "95 % CI", "Chains", "Errors")
NUMBERS = {*MEASURES, *CHAIN_MEASURES, "Task", "Seed"}
SUFFIXES: dict[str, Format] = {"md": "markdown", "csv": "csv", "tex": "latex"}
SENTENCES = {"Instruction": 20, "Simulator": 16, "Renderer": 16}
"""Columns that may be broken, and their least widths in a terminal."""
NARROWEST, ROOMY = 80, 100


def render(runs: Sequence[Run], form: Format = "terminal", per: Per = "suite", width: int = 100) -> str:
    """The table of some runs, with what the numbers depend on below it.

    Args:
        runs: different runs; rows come in this order.
        form: "terminal", "markdown", "csv" (bare numbers in [0, 1], every condition a column) or "latex".
        per: one row for each "task", each "suite" (then the averages), or each "run" (suites as columns).
        width: of the terminal, characters; instructions are broken to fit.

    Raises:
        RecordError: no run has a record.
    """
    names = short_names(runs)
    scores = [
        replace(score, run=name)
        for name, run in zip(names, runs, strict=True)
        for score in (_all_scores(run) if per == "task" else suite_scores(run))
    ]
    if not scores:
        raise RecordError(f"no episodes recorded in {', '.join(str(run.folder) for run in runs)}")
    if form == "csv":
        return _csv(scores)
    found = [_wide(scores)] if per == "run" else [_long(alike, per) for alike in _by_measures(scores)]
    tables = "\n\n".join(layout(head, rows, form, width) for head, rows in found)
    return f"{tables}\n\n{_below(dict(zip(names, runs, strict=True)), form, width)}\n"


def write(run: Run) -> list[Path]:
    """Writes table.md (per suite and per task), table.csv (both) and table.tex (per suite) into the run's folder."""
    markdown = render([run], "markdown")
    tasks = render([run], "markdown", "task").split("\n\n", 1)[0]
    content = {
        "md": f"# {name_of(run)}\n\n{markdown}\n## Per task\n\n{tasks}\n",
        "csv": _csv(_all_scores(run)),
        "tex": render([run], "latex"),
    }
    written = []
    for suffix, text in content.items():
        path = run.folder / f"table.{suffix}"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def short_names(runs: Sequence[Run]) -> list[str]:
    """The runs' folders without the part of the path that they share."""
    folders = [run.folder.resolve() for run in runs]
    common = Path(os.path.commonpath(folders))
    return [folder.name if folder == common else folder.relative_to(common).as_posix() for folder in folders]


def _all_scores(run: Run) -> list[Score]:
    """Tasks, each suite after its tasks, averages last."""
    tasks, suites = task_scores(run), suite_scores(run)
    return [part for whole in suites for part in (*(t for t in tasks if t.suite == whole.suite), whole)]


# --- rows --------------------------------------------------------------------------------------------------------


def _by_measures(scores: Sequence[Score]) -> list[list[Score]]:
    """Success rates, then chains, as far as there are any: each has a table of its own."""
    kinds = ([s for s in scores if s.chain is None], [s for s in scores if s.chain is not None])
    return [kind for kind in kinds if kind]


def _long(scores: Sequence[Score], per: Per) -> tuple[list[str], list[list[str]]]:
    """One row for each score; a table per task of one suite names the suite in its last row only."""
    common = _varying(scores)
    named = per == "suite" or len({score.suite for score in scores}) > 1
    measures = MEASURES if scores[0].chain is None else CHAIN_MEASURES
    head = [*common, *(["Suite"] if named else []), *(["Task", "Instruction"] if per == "task" else []), *measures]
    rows = []
    for score in scores:
        name = [_label(score.suite)] if named else []
        if per == "task":
            whole = "" if named else f"({_label(score.suite)})"
            name += ["all", whole] if score.task is None else [str(score.task), score.instruction]
        rows.append([*common.values_of(score), *name, *_measures(score)])
    return head, rows


def _measures(score: Score) -> list[str]:
    if score.chain is not None:
        return _chain_measures(score.chain, score.errors)
    estimate = score.estimate
    return [
        percent(estimate.rate),
        f"{percent(estimate.low)} - {percent(estimate.high)}",
        f"{score.successes}/{estimate.n}",
        str(score.errors),
        "-" if isnan(score.steps) else f"{score.steps:.0f}",
    ]


def _chain_measures(chain: ChainScore, errors: int) -> list[str]:
    interval = f"{chain.low:.2f} - {chain.high:.2f}"
    return [*(percent(e.rate) for e in chain.reached), f"{chain.length:.2f}", interval, str(chain.n), str(errors)]


def _wide(scores: Sequence[Score]) -> tuple[list[str], list[list[str]]]:
    """One row for each run, suites as columns."""
    common = _varying(scores)
    suites = sorted(dict.fromkeys(score.suite for score in scores), key=lambda suite: suite in AVERAGES)
    rows = []
    for run in dict.fromkeys(score.run for score in scores):
        own = {score.suite: score for score in scores if score.run == run}
        cells = [_cell(own[suite]) if suite in own else "-" for suite in suites]
        rows.append([*common.values_of(next(iter(own.values()))), *cells])
    return [*common, *(_label(suite) for suite in suites)], rows


def _cell(score: Score) -> str:
    if score.chain is not None:
        return f"length {score.chain.length:.2f} [{score.chain.low:.2f}, {score.chain.high:.2f}]"
    estimate = score.estimate
    return f"{percent(estimate.rate)} [{percent(estimate.low)}, {percent(estimate.high)}]"


class _Common(dict[str, str]):
    """Columns that tell the rows of several runs apart: heading to the name of the value."""

    def values_of(self, score: Score) -> list[str]:
        return [str(_identity(score)[value]) for value in self.values()]


def _identity(score: Score) -> dict[str, str]:
    conditions = score.conditions
    return {
        "run": score.run,
        "policy": score.policy + (f" ({score.weights[:8]})" if score.weights else ""),
        "protocol": conditions.protocol,
        "assets": f"{conditions.assets} {conditions.fingerprint[:8]}",
        "simulator": conditions.simulator,
        "renderer": conditions.renderer,
        "seed": str(score.seed),
    }


def _varying(scores: Sequence[Score]) -> _Common:
    """Run and policy when there are several runs, and each condition that is not the same for all."""
    several = len({score.run for score in scores}) > 1
    seen = [_identity(score) for score in scores]
    return _Common(
        {
            name.capitalize(): name
            for name in seen[0]
            if len({values[name] for values in seen}) > 1 or (several and name == "policy")
        }
    )


def _label(suite: str) -> str:
    return f"{suite}, mean of {len(AVERAGES[suite])}" if suite in AVERAGES else suite


def percent(value: float) -> str:
    """A rate in percent, a dash where there is none."""
    return "-" if isnan(value) else f"{100 * value:.1f}"


# --- layout ------------------------------------------------------------------------------------------------------


def layout(head: list[str], rows: list[list[str]], form: Format, width: int, numbers: Collection[str] = NUMBERS) -> str:
    """A table as text.

    Args:
        head: the columns.
        rows: the cells.
        form: "terminal", "markdown" or "latex".
        width: of the terminal, characters.
        numbers: the columns that are aligned to the right.
    """
    if form == "terminal":
        return _for_terminal(head, rows, width, numbers)
    align = ["right" if column in numbers else "left" for column in head]
    return str(tabulate(rows, head, tablefmt=STYLES[form], colalign=align, disable_numparse=True))


def _for_terminal(head: list[str], rows: list[list[str]], width: int, numbers: Collection[str]) -> str:
    """Plain text of `width` columns, or more if it must: only sentences are broken, between words."""
    gap = 2 if width >= ROOMY else 1
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
    needed = 0
    for k, column in enumerate(head):
        least = SENTENCES.get(column) or max(len(cell) for cell in (column, *(row[k] for row in rows)))
        justify: Literal["left", "right"] = "right" if column in numbers else "left"
        table.add_column(column, justify=justify, no_wrap=column not in SENTENCES, min_width=least)
        needed += least + gap + 1
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    text = io.StringIO()
    console = Console(file=text, width=max(width, needed), color_system=None, legacy_windows=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())


def _csv(scores: Sequence[Score]) -> str:
    text = io.StringIO()
    rows = [{**_plain(score), **_plain_chain(score)} for score in scores]
    columns = dict.fromkeys(column for row in rows for column in row)
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _plain(score: Score) -> dict[str, str | int]:
    """Every fact of a score; rates in [0, 1], empty where there is no number."""

    def number(value: float) -> str:
        return "" if isnan(value) else f"{value:.6g}"

    e, c = score.estimate, score.conditions
    return {
        "run": score.run,
        "policy": score.policy,
        "weights": score.weights,
        "suite": score.suite,
        "task": "" if score.task is None else score.task,
        "instruction": score.instruction,
        "success_rate": number(e.rate),
        "low": number(e.low),
        "high": number(e.high),
        "successes": score.successes,
        "episodes": e.n,
        "errors": score.errors,
        "steps_of_successes": number(score.steps),
        "protocol": c.protocol,
        "assets": c.assets,
        "assets_fingerprint": c.fingerprint,
        "simulator": c.simulator,
        "renderer": c.renderer,
        "seed": score.seed,
    }


def _plain_chain(score: Score) -> dict[str, str]:
    """What a score says about chains: shares in [0, 1] that did at least so many tasks, and their average number."""
    if score.chain is None:
        return {}
    reached = {f"reached_{k}": f"{e.rate:.6g}" for k, e in enumerate(score.chain.reached, start=1)}
    length = {"length": score.chain.length, "length_low": score.chain.low, "length_high": score.chain.high}
    return reached | {name: f"{value:.6g}" for name, value in length.items()}


# --- what stands below -------------------------------------------------------------------------------------------


def _below(runs: Mapping[str, Run], form: Format, width: int) -> str:
    """What the numbers depend on: once if the runs share it, else for each run."""
    facts = {name: facts_of(run) for name, run in runs.items()}
    lines: list[tuple[str, str]] = []
    for label in dict.fromkeys(label for told in facts.values() for label in told):
        texts = {run: told.get(label, "-") for run, told in facts.items()}
        if len(set(texts.values())) == 1:
            lines.append((label, next(iter(texts.values()))))
        else:
            lines += [(f"{label} of {run}", text) for run, text in texts.items() if text != "-"]
    lines.append(("Intervals", _intervals(runs.values())))
    if form == "markdown":
        return "\n".join(f"- {label}: {text}" for label, text in lines)
    if form == "latex":
        return "\n".join(f"% {label}: {text}" for label, text in lines)
    indent = max(len(label) for label, _ in lines) + 2
    return "\n".join(
        textwrap.fill(text, max(width, NARROWEST), initial_indent=label.ljust(indent), subsequent_indent=" " * indent)
        for label, text in lines
    )


def facts_of(run: Run) -> dict[str, str]:
    """Policy, protocol, assets, simulator, renderer; gaps and errors if there are any."""
    card = run.manifest.policy["card"]
    weights = f", weights {card['weights']}" if card["weights"] else ""
    privileged = ", sees the simulator's own state" if "privileged" in card["reads"] else ""
    notes = "".join(f", {key} {value}" for key, value in card["notes"].items())
    per_task = run.manifest.episodes
    facts = {
        "Policy": f"{card['name']}{weights}{privileged}, chunk {card['chunk']}{notes}",
        "Seed": f"{run.manifest.seed}, {per_task} episode{'s' * (per_task != 1)} per task",
        **_conditions(run),
    }
    missing = run.manifest.planned - len(run.records)
    if missing > 0:
        facts["Unfinished"] = f"{len(run.records)} of {run.manifest.planned} episodes are recorded"
    errors = sum(record.error is not None for record in run.records)
    if errors:
        facts["Errors"] = f"{errors} of {len(run.records)} episodes ended in an error; they count as failures"
    return facts


def _conditions(run: Run) -> dict[str, str]:
    """Protocol, assets, simulator and renderer; suites that share a value share the text."""
    told: dict[str, dict[str, list[str]]] = {}
    for suite in by_suite(run):
        c = conditions_of(run, suite)
        values = {
            "Protocol": _protocol(run, suite),
            "Assets": f"{c.assets} {c.fingerprint}",
            "Simulator": c.simulator,
            "Renderer": c.renderer,
        }
        for label, value in values.items():
            if value:
                told.setdefault(label, {}).setdefault(value, []).append(suite)
    return {
        label: "; ".join(v if len(values) == 1 else f"{v} ({', '.join(suites)})" for v, suites in values.items())
        for label, values in told.items()
    }


def _protocol(run: Run, suite: str) -> str:
    p = run.manifest.suites[suite].protocol
    pictures = (p["image_size"], p.get("wrist_size") or p["image_size"])
    sizes = dict.fromkeys(f"{width} x {height}" for height, width in pictures)
    limits = [str(p["max_steps"].get(name, "?")) for name in by_suite(run)]
    steps = limits[0] if len(set(limits)) == 1 else "/".join(limits)
    each = " for each task of a chain" if run.manifest.suites[suite].chained else ""
    settling = f"{p['settle_steps']} to settle"
    told = ", each task in all its phrases in turn" if p.get("phrases") == "all" else ""
    return f"{p['name']}: at most {steps} steps{each}, {settling}, pictures of {' and '.join(sizes)} px{told}"


def _intervals(runs: Iterable[Run]) -> str:
    runs = list(runs)
    text = "95 %, Wilson"
    if any(score.is_average for run in runs for score in suite_scores(run)):
        text += "; of the mean: every suite weighs the same, intervals joined by MOVER"
    chained = {run.manifest.suites[suite].chained for run in runs for suite in by_suite(run)}
    if True in chained:
        text += "; of the average length: bootstrap over chains"
    return f"{text}. Steps: mean over the successful episodes." if False in chained else f"{text}."
