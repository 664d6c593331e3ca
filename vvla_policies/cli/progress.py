"""How a run is shown while it lasts: a live table on a terminal, one line for each episode elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vvla_policies.evaluation.analysis.timing import duration
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import EpisodeRecord, Manifest, Run

TaskId = tuple[str, int]
FRAMES_PER_SECOND = 4


class Tally:
    """The state of a run, counted as it goes."""

    def __init__(self) -> None:
        self.planned: Counter[TaskId] = Counter()
        self.done: Counter[TaskId] = Counter()
        self.successes: Counter[TaskId] = Counter()
        self.errors: Counter[TaskId] = Counter()
        self.running: dict[EpisodeKey, int] = {}
        self.names: dict[TaskId, str] = {}
        self.session: list[EpisodeRecord] = []
        self._known: set[EpisodeKey] = set()
        self.began = time.monotonic()

    def plan(self, manifest: Manifest, todo: Sequence[EpisodeKey], done: Sequence[EpisodeRecord]) -> None:
        """Before the first episode."""
        for suite, entry in manifest.suites.items():
            self.names |= {(suite, k): name.replace("_", " ") for k, name in enumerate(entry.tasks)}
        keys = {*todo, *(record.key for record in done)}
        self._known = keys
        order = list(manifest.suites)
        self.planned.update((k.suite, k.task) for k in sorted(keys, key=lambda k: (order.index(k.suite), k)))
        again = set(todo)  # recorded errors that are tried again
        for record in done:
            if record.key not in again:
                self._count(record)
        self.began = time.monotonic()

    def start(self, key: EpisodeKey, worker: int) -> None:
        """An episode begins; one that was not planned comes on top."""
        if key not in self._known:
            self._known.add(key)
            self.planned[key.suite, key.task] += 1
        self.running[key] = worker

    def finish(self, record: EpisodeRecord) -> None:
        """An episode is recorded."""
        self.running.pop(record.key, None)
        self.session.append(record)
        self._count(record)

    def _count(self, record: EpisodeRecord) -> None:
        task = (record.key.suite, record.key.task)
        self.done[task] += 1
        self.successes[task] += record.success
        self.errors[task] += record.error is not None

    @property
    def per_minute(self) -> float:
        """Episodes per minute in this session."""
        return 60 * len(self.session) / max(1e-9, time.monotonic() - self.began)

    def pace(self) -> str:
        """Episodes per minute and the time that is left, in words; "" before the first episode."""
        left = self.planned.total() - self.done.total()
        if not self.session:
            return "starting"
        ahead = f", {duration(60 * left / self.per_minute)} left" if left else ""
        return f"{self.per_minute:.1f} episodes/min{ahead}"


def rate(successes: int, done: int) -> str:
    """A running success rate, "-" before the first episode."""
    return f"{100 * successes / done:.0f} %" if done else "-"


class Progress:
    """A `Reporter` that shows a run on a console.

    Args:
        console: where to; live if it is a terminal, else plain lines.
        title: what is run, above the table.
    """

    def __init__(self, console: Console, title: str) -> None:
        self.tally = Tally()
        self.folder: Path | None = None
        self._console = console
        self._title = title
        self._live = (
            Live(self, console=console, refresh_per_second=FRAMES_PER_SECOND, transient=True)
            if console.is_terminal
            else None
        )

    # --- Reporter ----------------------------------------------------------------------------------------------------

    def planned(
        self, folder: Path, manifest: Manifest, todo: Sequence[EpisodeKey], done: Sequence[EpisodeRecord]
    ) -> None:
        """Says what will be run, and where."""
        self.folder = folder
        self.tally.plan(manifest, todo, done)
        kept = f", {len(done)} recorded already" if done else ""
        self._line(f"{self._title}: {len(todo)} episodes to run{kept} → {folder}")
        if self._live and todo:
            self._live.start()

    def started(self, key: EpisodeKey, worker: int) -> None:
        """Marks its task as running."""
        self.tally.start(key, worker)

    def finished(self, record: EpisodeRecord) -> None:
        """Counts it; without a terminal, one line."""
        self.tally.finish(record)
        if self._live:
            return
        tally, task = self.tally, (record.key.suite, record.key.task)
        end = f"error: {record.error.type}" if record.error else "success" if record.success else "failure"
        total = rate(tally.successes.total(), tally.done.total())
        self._line(
            f"[{tally.done.total()}/{tally.planned.total()}] {record.key} {end}, {record.steps} steps, "
            f"{duration(record.seconds.get('total', 0.0))}; task {rate(tally.successes[task], tally.done[task])}, "
            f"all {total}; {tally.pace()}"
        )

    def warning(self, text: str) -> None:
        """One line above the live table."""
        self._console.print(f"[yellow]warning:[/] {escape(text)}", soft_wrap=True)

    def closed(self, run: Run) -> None:
        """Takes the live table away."""
        self.stop()

    # --- the live table ----------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ends the live display, if there is one; may be called twice."""
        if self._live:
            self._live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(2, console.height - 5)
        yield Group(self._tasks(room), self._total())

    def _tasks(self, room: int) -> Table:
        """Tasks and their running rates; when they are too many, the running ones and the last ones first."""
        tally = self.tally
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        table.add_column("Task", ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column("", width=16)
        for heading in ("Done", "Success", "Errors"):
            table.add_column(heading, justify="right", no_wrap=True)
        shown = self._shown(room)
        for task in shown:
            done, total = tally.done[task], tally.planned[task]
            active = any((key.suite, key.task) == task for key in tally.running)
            errors = f"[red]{tally.errors[task]}[/]" if tally.errors[task] else "[dim]0[/]"
            label = Text(f"{task[0]} {task[1]}  {self.tally.names.get(task, '')}", style="bold" if active else "")
            bar = ProgressBar(total=total, completed=done, width=16, complete_style="cyan")
            table.add_row(label, bar, f"{done}/{total}", rate(tally.successes[task], done), errors)
        hidden = len(tally.planned) - len(shown)
        if hidden:
            table.add_row(Text(f"... and {hidden} more tasks", style="dim"))
        return table

    def _shown(self, room: int) -> list[TaskId]:
        tasks = list(self.tally.planned)
        if len(tasks) <= room:
            return tasks
        running = {(key.suite, key.task) for key in self.tally.running}
        recent = [(record.key.suite, record.key.task) for record in reversed(self.tally.session)]
        wanted = [*sorted(running), *recent, *tasks]
        return sorted(list(dict.fromkeys(wanted))[: room - 1], key=tasks.index)

    def _total(self) -> Table:
        tally = self.tally
        done, total = tally.done.total(), tally.planned.total()
        table = Table.grid(padding=(0, 2))
        rates = Text(f"{rate(tally.successes.total(), done)} success", style="bold")
        bar = ProgressBar(total=total, completed=done, width=30, complete_style="cyan")
        table.add_row(bar, f"{done}/{total}", rates, tally.pace())
        return table

    def _line(self, text: str) -> None:
        self._console.print(escape(text), soft_wrap=True)
