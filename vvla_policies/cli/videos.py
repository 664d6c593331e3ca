"""`vvla videos`: videos of a run, drawn after the fact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vvla_policies.cli.console import err, guarded, say, see_working_folder
from vvla_policies.cli.parsing import parse_videos

if TYPE_CHECKING:
    from vvla_policies.evaluation.records.runs import EpisodeRecord, Run

STRIDE, SIZE = 4, 320


@guarded
def videos(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    episode: Annotated[
        list[str] | None, typer.Argument(help="Keys of episodes, such as libero_goal-t03-i02-s0; default: --which.")
    ] = None,
    which: Annotated[str, typer.Option(help="failures, all, or a number per task.", metavar="CHOICE")] = "all",
    stride: Annotated[int, typer.Option(min=1, help="Draw every so many steps; playback stays in real time.")] = STRIDE,
    size: Annotated[int, typer.Option(min=64, max=1024, help="Height and width of each camera, px.")] = SIZE,
) -> None:
    """Draw videos and contact sheets by running the recorded actions again.

    Both cameras side by side, the instruction above, a green or red frame at the end.

    Software rendering takes 0.2 s or more per drawn step: a larger --stride is faster, a smaller one smoother.

    [bold]Example[/]

    vvla videos results/noop-libero_goal --which failures --stride 2
    """
    from vvla_policies.evaluation.records.runs import load_run
    from vvla_policies.evaluation.reports.videos import choose

    found = load_run(run)
    see_working_folder(*(entry.address for entry in found.manifest.suites.values()))
    records = [found.record(key) for key in episode] if episode else choose(found, parse_videos(which))
    draw_with_progress(found, records, stride, size, keep=False)


def draw_with_progress(
    run: Run, records: Sequence[EpisodeRecord], stride: int = STRIDE, size: int = SIZE, keep: bool = True
) -> None:
    """Draws videos under a progress bar, without a terminal with a line for each; then says where they are."""
    from vvla_policies.evaluation.reports.videos import FOLDER, draw

    if not records:
        say("No videos: no episode is of that kind.")
        return
    columns = (TextColumn("drawing videos"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=len(records))

        def advance(record: EpisodeRecord) -> None:
            bar.advance(task)
            if not err.is_terminal:
                done = int(bar.tasks[0].completed)
                err.print(f"[{done}/{len(records)}] video of {record.key}", markup=False, soft_wrap=True)

        files = draw(run, records, stride, size, keep, advance)
    sheets = [path.name for path in files if path.suffix == ".png"]
    count = len(files) - len(sheets)
    say(f"{count} video{'s' * (count != 1)} and {', '.join(sheets) or 'no contact sheet'}: {run.folder / FOLDER}")
