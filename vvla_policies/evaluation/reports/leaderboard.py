"""The leaderboard: what was measured here, and apart from it what papers report.

Made from `records/<run>/` (run.json, episodes.jsonl) and `published.yaml` in one folder, and from nothing else: the
same files give the same pages, byte for byte.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from math import isnan
from pathlib import Path
from typing import Any

from vvla_policies.envs.suite import ALIASES
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.analysis.chains import SUBTASKS, ChainScore
from vvla_policies.evaluation.analysis.scores import (
    AVERAGES,
    Conditions,
    Score,
    by_suite,
    conditions_of,
    name_of,
    suite_scores,
)
from vvla_policies.evaluation.records.runs import EPISODES, MANIFEST, Manifest, Run, differences, load_run
from vvla_policies.evaluation.reports.pages import Cell, Section, html, markdown
from vvla_policies.evaluation.reports.published import Published, load_published
from vvla_policies.evaluation.reports.tables import percent, render

RECORDS, PUBLISHED = "records", "published.yaml"
TITLE = "Leaderboard"
LIBERO = ALIASES["libero"]
CHAIN_HEAD = (*(str(k) for k in range(1, SUBTASKS + 1)), "Length")
HEADS = {"libero": ("Spatial", "Object", "Goal", "Long", "Average"), "calvin_abc_d": CHAIN_HEAD}
NAMES = {"libero": "LIBERO", "calvin_abc_d": "CALVIN ABC→D"}
INTRO = """\
Made by `vvla leaderboard` from records/ and published.yaml: do not edit. Success rates in percent; CALVIN: percent of \
chains with at least so many subtasks done in a row, and the average length of the chains.
Numbers measured here and numbers from papers stand apart: they come from other code, often other protocols, and only \
the former have records that anyone can check.""".splitlines()
MEASURED = "Each table is one set of conditions; scores of different tables do not compare. 95 % intervals in brackets."
NONE_YET = "No run is recorded here yet: `vvla leaderboard --add RUN` adds one."
REPORTED = """\
Nothing in this part was measured here. Said by: the method's own paper or page, or a third party that ran or copied \
it. H: leaderboard/leaderboard.json of github allenai/vla-evaluation-harness (branch gh-pages, 2026-08-10), which \
collects what papers print. *: the printed mean does not follow from the printed cells."""
ARXIV = "https://arxiv.org/abs/"


def build(folder: Path) -> dict[str, str]:
    """All files of the leaderboard.

    Args:
        folder: with `records/`, `published.yaml`, or both.

    Returns:
        File name to content.

    Raises:
        RecordError: there is neither, or one of them is damaged.
        MissingExtraError: the report extra is not installed.
    """
    runs = load_records(folder / RECORDS)
    published = load_published(folder / PUBLISHED) if (folder / PUBLISHED).exists() else []
    if not runs and not published:
        raise RecordError(f"{folder} holds neither {RECORDS}/RUN/{MANIFEST} nor {PUBLISHED}; name it with --results")
    sections = [*_measured(joined(runs)), *_reported(published)]
    text = "\n".join([f"# {TITLE}\n", "\n\n".join(INTRO) + "\n", *map(markdown, sections)])
    return {
        "LEADERBOARD.md": text,
        "leaderboard.html": html("leaderboard.html", title=TITLE, intro=INTRO, sections=sections),
        **({"measured.csv": render(runs, "csv")} if runs else {}),
        **({"reported.csv": _csv(published)} if published else {}),
    }


def load_records(folder: Path) -> list[Run]:
    """The runs in a folder, by name; runs without episodes are left out.

    Raises:
        RecordError: one of them is damaged.
    """
    runs = [load_run(path.parent) for path in sorted(folder.glob(f"*/{MANIFEST}"))]
    return [run for run in runs if run.records]


def add_run(folder: Path, records: Path) -> Path:
    """Copies a run's manifest and records, without what names places on this machine: tracebacks, --out, folders.

    Args:
        folder: a run folder.
        records: the folder to copy it to, under its name.

    Returns:
        The new folder.

    Raises:
        RecordError: it is no run folder, or another run of that name is there.
    """
    run = load_run(folder)
    target = records / name_of(run)
    told = replace(run.manifest, command=plain_command(run.manifest.command)).to_json()
    manifest = Manifest.from_json(_without_places(told))
    if (target / MANIFEST).exists() and differences(load_run(target).manifest, manifest):
        raise RecordError(f"{target} holds another run; rename {folder}")
    target.mkdir(parents=True, exist_ok=True)
    lines = [replace(r, error=r.error and replace(r.error, traceback="")) for r in run.records]
    (target / MANIFEST).write_text(json.dumps(manifest.to_json(), indent=1, default=str) + "\n", encoding="utf-8")
    text = "".join(json.dumps(line.to_json()) + "\n" for line in lines)
    (target / EPISODES).write_text(text, encoding="utf-8")
    return target


def _without_places(value: Any) -> Any:
    """Plain data whose absolute paths are their last names."""
    if isinstance(value, Mapping):
        return {key: _without_places(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_places(entry) for entry in value]
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value


def plain_command(command: Sequence[str]) -> tuple[str, ...]:
    """A command line without what is this machine's: the program's folder, and where the output went.

    >>> plain_command(["/venv/bin/vvla-eval", "--policy", "noop", "--out", "/tmp/x", "--no-resume"])
    ('vvla-eval', '--policy', 'noop')
    """
    words = list(command)
    words[:1] = [Path(word).name for word in words[:1]]
    kept = [word for before, word in zip(["", *words], words, strict=False) if "--out" not in (before, word)]
    return tuple(word for word in kept if not word.startswith("--out=") and word not in ("--resume", "--no-resume"))


# --- measured here -----------------------------------------------------------------------------------------------


def joined(runs: Sequence[Run]) -> list[Run]:
    """Runs of one policy on different suites under the same conditions as one, so that it has one row; else as is."""
    rows: list[Run] = []

    def shared(run: Run) -> tuple[object, ...]:
        return run.manifest.policy, run.manifest.seed, {conditions_of(run, suite) for suite in run.manifest.suites}

    for run in runs:
        new = run.manifest
        for place, row in enumerate(rows):
            old = row.manifest
            if shared(row) == shared(run) and not {*old.suites} & {*new.suites}:
                whole = replace(old, suites={**old.suites, **new.suites}, planned=old.planned + new.planned)
                rows[place] = replace(row, manifest=whole, records=(*row.records, *run.records))
                break
        else:
            rows.append(run)
    return rows


def _measured(runs: Sequence[Run]) -> list[Section]:
    if not runs:
        return [Section("Measured here", text=(NONE_YET,))]
    rates = sorted(_groups(runs, chained=False).items(), key=_official_first)
    chains = sorted(_groups(runs, chained=True).items(), key=_official_first)
    return [
        Section("Measured here", text=(MEASURED,)),
        *(_rates_section(conditions, rows) for conditions, rows in rates),
        *(_chains_section(conditions, rows) for conditions, rows in chains),
    ]


def _official_first(item: tuple[Conditions, object]) -> tuple[bool, list[str]]:
    return item[0].assets != "official", list(asdict(item[0]).values())


def _groups(runs: Sequence[Run], chained: bool) -> dict[Conditions, list[tuple[Run, dict[str, Score]]]]:
    """By conditions, then by run: suite to score; either of chains or of all else."""
    groups: dict[Conditions, list[tuple[Run, dict[str, Score]]]] = defaultdict(list)
    for run in runs:
        found: dict[Conditions, dict[str, Score]] = defaultdict(dict)
        for score in suite_scores(run):
            if (score.chain is not None) == chained:
                found[score.conditions][score.suite] = score
        for conditions, scores in found.items():
            groups[conditions].append((run, scores))
    return groups


def _rates_section(conditions: Conditions, rows: Sequence[tuple[Run, Mapping[str, Score]]]) -> Section:
    present = {suite for _, scores in rows for suite in scores}
    others = sorted(present - {*LIBERO, *AVERAGES})
    suites = [suite for suite in (*LIBERO, *AVERAGES, *others) if suite in present]
    ordered = sorted(rows, key=lambda row: (-len(row[1]), -_mean(row[1]), row[0].folder.name))
    table = []
    for run, scores in ordered:
        cells = [rate_cell(run, scores[suite]) if suite in scores else Cell("-") for suite in suites]
        episodes = sum(s.estimate.n for s in scores.values() if not s.is_average)
        errors = sum(s.errors for s in scores.values() if not s.is_average)
        table.append([*_who(run), *cells, Cell(str(episodes), episodes), Cell(str(errors), errors)])
    head = ["Policy", "Weights", *map(suite_title, suites), "Episodes", "Errors"]
    return Section(_title(conditions), 3, (), head, table, frozenset(head[2:]), _facts(conditions))


def _mean(scores: Mapping[str, Score]) -> float:
    return sum(score.estimate.rate for score in scores.values()) / len(scores)


def rate_cell(run: Run, score: Score) -> Cell:
    """A success rate with its interval; says so if the run holds some of the suite's tasks only."""
    e = score.estimate
    text = f"{percent(e.rate)} [{percent(e.low)}, {percent(e.high)}]{some_tasks(run, score)}"
    return Cell(text, e.rate, hint=f"{score.successes}/{e.n}")


def some_tasks(run: Run, score: Score) -> str:
    """How many of a suite's tasks a run holds, "" if all."""
    if score.is_average:
        return ""
    tasks, whole = len({r.task for r in by_suite(run)[score.suite]}), len(run.manifest.suites[score.suite].tasks)
    return f" ({tasks} of {whole} tasks)" if tasks < whole else ""


def _chains_section(conditions: Conditions, rows: Sequence[tuple[Run, Mapping[str, Score]]]) -> Section:
    scored = [(run, score, score.chain) for run, scores in rows for score in scores.values() if score.chain]
    table = []
    for run, score, chain in sorted(scored, key=lambda row: (row[1].suite, -row[2].length, row[0].folder.name)):
        errors = Cell(str(score.errors), score.errors)
        table.append([*_who(run), Cell(score.suite), *chain_cells(chain), Cell(str(chain.n), chain.n), errors])
    head = ["Policy", "Weights", "Suite", *CHAIN_HEAD, "Chains", "Errors"]
    return Section(_title(conditions), 3, (), head, table, frozenset(head[3:]), _facts(conditions))


def chain_cells(chain: ChainScore) -> list[Cell]:
    """The columns of `CHAIN_HEAD`: percent of chains that got so far, average length with its interval."""
    cells = [Cell(percent(e.rate), e.rate, hint=f"{percent(e.low)} to {percent(e.high)}") for e in chain.reached]
    return [*cells, Cell(f"{chain.length:.2f} [{chain.low:.2f}, {chain.high:.2f}]", chain.length)]


def _who(run: Run) -> list[Cell]:
    card = run.manifest.policy["card"]
    name = card["name"] + (" (sees the simulator's state)" if "privileged" in card["reads"] else "")
    name += f" ({Path(card['notes']['checkpoint']).name})" if card["notes"].get("checkpoint") else ""
    notes = ", ".join(f"{key} {value}" for key, value in card["notes"].items())
    return [Cell(name, hint=notes), Cell(card["weights"][:8] or "-", hint=run.folder.name)]


def _title(c: Conditions) -> str:
    return f"{c.assets.capitalize()} assets {c.fingerprint[:8]}, protocol {c.protocol}"


def _facts(c: Conditions) -> list[tuple[str, str]]:
    facts = [("Protocol", c.protocol), ("Assets", f"{c.assets} {c.fingerprint}")]
    facts += [("Simulator", c.simulator), ("Renderer", c.renderer or "-")]
    if c.assets != "official":
        facts.append(("Do not compare", "with scores on official assets, such as those of papers"))
    return facts


def suite_title(suite: str) -> str:
    """A suite as the head of a column."""
    return f"Mean of {len(AVERAGES[suite])}" if suite in AVERAGES else suite.removeprefix("libero_").capitalize()


# --- reported by papers ------------------------------------------------------------------------------------------


def _reported(published: Sequence[Published]) -> list[Section]:
    if not published:
        return []
    sections = [Section("Reported by papers", text=(REPORTED,))]
    for benchmark, name in NAMES.items():
        rows = [row for row in published if row.benchmark == benchmark]
        alike, other = [r for r in rows if not r.differs], [r for r in rows if r.differs]
        sections.append(_reported_section(name, benchmark, alike))
        if other:
            sections.append(_reported_section(f"{name}, not comparable with the above", benchmark, other))
    return [section for section in sections if section.rows or section.level == 2]


def _reported_section(title: str, benchmark: str, rows: Sequence[Published]) -> Section:
    marked = any(row.differs for row in rows)
    data = any(row.data for row in rows)
    cells = HEADS[benchmark]
    head = [
        "Method",
        *cells,
        *(["Differs in"] if marked else []),
        *(["Data"] if data else []),
        "Said by",
        "Read in",
        "Note",
    ]
    table = []
    for row in sorted(rows, key=_best_first):
        line = [Cell(row.method, link=f"{ARXIV}{row.arxiv}" if row.arxiv else "")]
        line += [Cell("-") if c is None else Cell(f"{c:.1f}", c) for c in row.cells]
        line += [_printed_mean(row)] + ([Cell(", ".join(row.differs))] if marked else [])
        line += ([Cell(row.data or "-")] if data else []) + [Cell(row.status), Cell(row.source)]
        told = "" if row.consistent else f"* {row.flag} They give {row.mean_of_cells:.2f}."
        table.append([*line, Cell(" ".join(text for text in (told, row.note) if text))])
    return Section(title, 3, (), head, table, frozenset(cells))


def _best_first(row: Published) -> tuple[bool, float, float, str]:
    known = [cell for cell in row.cells if cell is not None]
    return row.mean is None, -(row.mean or 0.0), -sum(known), row.method


def _printed_mean(row: Published) -> Cell:
    if row.mean is None:
        return Cell("-")
    text = f"{row.mean:.2f}" if row.benchmark != "libero" else f"{row.mean:.2f}".removesuffix("0")
    return Cell(text if row.consistent else f"{text} *", row.mean, hint=row.flag)


def _csv(published: Sequence[Published]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fixed = ("benchmark", "method", "arxiv", "printed_mean", "mean_of_cells", "status", "source", "data", "differs")
    writer.writerow([*fixed, "flag", "note", *(f"cell_{k + 1}" for k in range(SUBTASKS))])
    for row in published:
        mean = "" if row.mean_of_cells is None else f"{row.mean_of_cells:.4g}"
        cells = ["" if c is None or isnan(c) else f"{c:g}" for c in row.cells]
        printed = "" if row.mean is None else f"{row.mean:g}"
        who = [row.benchmark, row.method, row.arxiv, printed, mean, row.status, row.source, row.data]
        writer.writerow([*who, "; ".join(row.differs), row.flag, row.note, *cells, *[""] * (SUBTASKS - len(cells))])
    return text.getvalue()
