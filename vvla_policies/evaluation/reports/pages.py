"""Tables and pages for people: Markdown, and HTML files that need nothing but themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tabulate import tabulate

from vvla_policies.errors import MissingExtraError

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: what it says.
        sort: what it is sorted by, if not its text.
        link: where it leads.
        hint: shown when pointed at.
    """

    text: str
    sort: float | None = None
    link: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, a table.

    Attributes:
        title: the heading.
        level: 2 or 3.
        text: paragraphs above the table.
        head: columns; empty without a table.
        rows: cells.
        numbers: the columns that are aligned to the right.
        facts: label and text, below the table.
    """

    title: str
    level: int = 2
    text: Sequence[str] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    numbers: frozenset[str] = frozenset()
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)


def markdown(section: Section) -> str:
    """The section in GitHub's Markdown."""
    parts = ["#" * section.level + " " + section.title, *section.text]
    if section.rows:
        align = ["right" if column in section.numbers else "left" for column in section.head]
        rows = [[_markdown_cell(cell) for cell in row] for row in section.rows]
        parts.append(tabulate(rows, section.head, tablefmt="github", colalign=align, disable_numparse=True))
    if section.facts:
        parts.append("\n".join(f"- {label}: {text}" for label, text in section.facts))
    return "\n\n".join(parts) + "\n"


def _markdown_cell(cell: Cell) -> str:
    text = cell.text.replace("|", "\\|").replace("\n", " ")
    return f"[{text}]({cell.link})" if cell.link else text


def html(template: str, **context: Any) -> str:
    """Fills a template of this package; style and script are inside the page.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    try:
        import jinja2
        import markupsafe
    except ImportError as error:
        raise MissingExtraError("report", "Jinja2") from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    inlined = {name: markupsafe.Markup((TEMPLATES / file).read_text(encoding="utf-8"))  # noqa: S704 - our own files
               for name, file in (("style", "style.css"), ("script", "script.js"))}  # fmt: skip
    return str(environment.get_template(template).render(**inlined, **context))
