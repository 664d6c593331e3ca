"""`vvla leaderboard`: the leaderboard again, from records and published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vvla_policies.cli.console import fail, guarded, say


@guarded
def leaderboard(
    results: Annotated[Path, typer.Option(help="The folder with records/ and published.yaml.")] = Path("results"),
    add: Annotated[
        list[Path] | None,
        typer.Option(help="Copy a run's manifest and records to records/ first; repeated.", metavar="RUN"),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if the files are not what the records give.")
    ] = False,
) -> None:
    """Write LEADERBOARD.md, leaderboard.html, measured.csv and reported.csv.

    The same records and published numbers give the same files, byte for byte.

    [bold]Examples[/]

    vvla leaderboard

    vvla leaderboard --add results/student-libero
    """
    from vvla_policies.evaluation.reports.leaderboard import RECORDS, add_run, build

    for run in add or []:
        say(f"Added {add_run(run, results / RECORDS)}.")
    files = build(results)
    if check:
        stale = [name for name, text in files.items() if _read(results / name) != text.encode()]
        if stale:
            fail(f"{', '.join(stale)} in {results} are not what the records give; run: vvla leaderboard")
        say("All files are what the records give.")
        return
    for name, text in files.items():
        (results / name).write_bytes(text.encode())
    say(f"Wrote {', '.join(files)} in {results}.")


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
