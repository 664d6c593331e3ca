"""Videos of recorded episodes, drawn after the fact.

The recorded actions are run again through the environment, this time with its cameras on. Nothing of this can change a
score, and a run that asked for no videos pays nothing for them. The files are `videos/<key>.mp4` in the run's folder,
and a contact sheet for each suite.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vvla_policies.envs.suite import load_suite
from vvla_policies.errors import RecordError
from vvla_policies.evaluation.records.boundary import Crash, attempt
from vvla_policies.evaluation.records.replay import environment
from vvla_policies.evaluation.records.runs import EpisodeRecord, Run, actions_path
from vvla_policies.evaluation.reports.captions import BAR, FRAME, Caption, Picture, compose, contact_sheet
from vvla_policies.observation import CAMERAS

if TYPE_CHECKING:
    from vvla_policies.envs.manipulation import ManipulationEnv, Outcome

Choice = Literal["none", "failures", "all"] | int
FOLDER = "videos"
PANEL = 320
STRIDE = 4
HOLD_SECONDS = 1.5
ROWS_PER_SHEET = 30

log = logging.getLogger(__name__)


def choose(run: Run, choice: Choice) -> list[EpisodeRecord]:
    """The records to draw: "none", "failures" (errors among them), "all", or the first so many of each task."""
    if choice == "none":
        return []
    if choice == "failures":
        return [record for record in run.records if not record.success]
    if choice == "all":
        return list(run.records)
    tasks = groupby(run.records, key=lambda record: (record.key.suite, record.key.task))
    return [record for _, records in tasks for record in list(records)[:choice]]


def draw(
    run: Run,
    records: Sequence[EpisodeRecord],
    stride: int = STRIDE,
    panel: int = PANEL,
    keep: bool = True,
    progress: Callable[[EpisodeRecord], None] = lambda _: None,
) -> list[Path]:
    """Draws the videos of some episodes, and a contact sheet of them for each suite.

    Args:
        run: the run.
        records: of that run, such as `choose` returns.
        stride: draw every so many steps; the video plays in real time all the same.
        panel: height and width of each camera's picture, px.
        keep: leave videos alone that are there already.
        progress: called after each episode.

    Returns:
        The files: videos, then contact sheets.

    Raises:
        RecordError: the assets of the run are not on this machine.
    """
    files: list[Path] = []
    sheets: list[Path] = []
    ordered = sorted(records, key=lambda record: record.key)
    for suite, group in groupby(ordered, key=lambda record: record.key.suite):
        drawn = []
        for record in _drawn(run, list(group), stride, panel, keep):
            if (path := path_of(run, record)).exists():
                drawn.append((record, path))
            progress(record)
        files += [path for _, path in drawn]
        sheets += _sheets(run, suite, drawn)
    return [*files, *sheets]


def path_of(run: Run, record: EpisodeRecord) -> Path:
    """Where the video of an episode is."""
    return run.folder / FOLDER / f"{record.key}.mp4"


def _drawn(run: Run, records: Sequence[EpisodeRecord], stride: int, panel: int, keep: bool) -> Iterator[EpisodeRecord]:
    """Draws the episodes of a suite, one after the other, in one environment that is made when first needed."""
    shown = _enlarged(run, panel)
    cameras = _cameras(run, records[0].key.suite)
    with ExitStack() as stack:
        env: ManipulationEnv | None = None
        for record in records:
            if not (keep and _is_current(run, record)):
                env = env or stack.enter_context(environment(shown, record.key, cameras))
                crash = attempt(functools.partial(_draw_episode, env, run, record, stride))
                if isinstance(crash, Crash):  # as the episode itself may have ended
                    log.warning("no video of %s: %s: %s", record.key, crash.error.type, crash.error.message)
                    stack.close()
                    env = None
            yield record


def _cameras(run: Run, suite: str) -> tuple[str, ...]:
    offers = load_suite(run.manifest.suites[suite].address).offers
    return tuple(camera for camera in CAMERAS if camera in offers)


def _enlarged(run: Run, panel: int) -> Run:
    """The run as if its protocol drew pictures of that size, which changes nothing but the pictures."""
    suites = {
        name: replace(entry, protocol={**entry.protocol, "image_size": [panel, panel], "wrist_size": None})
        for name, entry in run.manifest.suites.items()
    }
    return replace(run, manifest=replace(run.manifest, suites=suites))


def _draw_episode(env: ManipulationEnv, run: Run, record: EpisodeRecord, stride: int) -> None:
    """Writes one video, or says why there is none."""
    path = path_of(run, record)
    path.unlink(missing_ok=True)
    try:
        actions = run.actions(record.key)
    except RecordError as error:
        log.warning("no video of %s: %s", record.key, error)
        return
    rate = env.metadata["render_fps"] / stride
    outcome = env.start(record.key.task, record.key.init_state, record.key.stream("env"))
    with _writer(path, rate) as write:
        write(_frame(env, record, outcome))
        for number, action in enumerate(actions, start=1):
            outcome = env.advance(action)
            if outcome.over:
                break
            if number < len(actions) and number % stride == 0:
                write(_frame(env, record, outcome))
        last = _frame(env, record, outcome, outcome_of(record))
        for _ in range(max(1, round(HOLD_SECONDS * rate))):
            write(last)
    if record.error is None and (outcome.success, outcome.steps) != (record.success, record.steps):
        log.warning("%s came out otherwise when it was run again: do not trust its video", record.key)


def outcome_of(record: EpisodeRecord) -> str:
    """The outcome in one word: "success", "failure" or "error"."""
    return "error" if record.error is not None else "success" if record.success else "failure"


def _frame(env: ManipulationEnv, record: EpisodeRecord, outcome: Outcome, end: str = "") -> Picture:
    obs: dict[str, Any] = dict(env.observe())
    pictures = [obs[camera] for camera in CAMERAS if camera in obs]
    limit = env.settings.protocol.steps(record.key.suite)
    return compose(pictures, Caption(outcome.instruction, _place(record), env.caption(outcome, limit), end))


def _place(record: EpisodeRecord) -> str:
    key = record.key
    return f"{key.suite}, task {key.task}, initial state {key.init_state}, seed {key.seed}"


@contextmanager
def _writer(path: Path, rate: float) -> Iterator[Callable[[Picture], Any]]:
    """An H.264 file that appears under its name only when it is whole."""
    import imageio.v2 as imageio

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part.mp4")
    writer = imageio.get_writer(
        unfinished, format="FFMPEG", fps=rate, codec="libx264", pixelformat="yuv420p", macro_block_size=2, quality=7
    )
    try:
        yield writer.append_data
        writer.close()
        unfinished.replace(path)
    finally:
        writer.close()
        unfinished.unlink(missing_ok=True)


def _is_current(run: Run, record: EpisodeRecord) -> bool:
    """Whether a video is there and not older than the actions that it shows."""
    path, actions = path_of(run, record), actions_path(run.folder, record.key)
    return path.exists() and actions.exists() and path.stat().st_mtime >= actions.stat().st_mtime


def _sheets(run: Run, suite: str, drawn: Sequence[tuple[EpisodeRecord, Path]]) -> list[Path]:
    """Contact sheets of a suite's videos, so many episodes on each."""
    pages = [drawn[k : k + ROWS_PER_SHEET] for k in range(0, len(drawn), ROWS_PER_SHEET)]
    name = run.manifest.policy["card"]["name"]
    written = []
    for number, page in enumerate(pages, start=1):
        rows = [(_key_frames(path), _sheet_caption(record)) for record, path in page]
        suffix, title = (f"-{number}", f" ({number} of {len(pages)})") if len(pages) > 1 else ("", "")
        path = run.folder / FOLDER / f"contact-{suite.replace(':', '.')}{suffix}.png"
        contact_sheet(f"{name} on {suite}{title}", rows).save(path)
        written.append(path)
    return written


def _sheet_caption(record: EpisodeRecord) -> Caption:
    steps = f"after {record.steps} steps" + (f": {record.error.type}" if record.error else "")
    return Caption(record.instruction, str(record.key), steps, outcome_of(record))


def _key_frames(path: Path) -> list[Picture]:
    """First, middle and last third-person picture of a video, without caption bar and coloured frame."""
    import imageio.v2 as imageio

    opened: Any = imageio.get_reader(path, format="FFMPEG")
    with opened as reader:
        count = reader.count_frames()
        held = max(1, round(HOLD_SECONDS * reader.get_meta_data()["fps"]))
        return [_third_person(np.asarray(reader.get_data(k))) for k in (0, max(0, count - held) // 2, count - 1)]


def _third_person(frame: Picture) -> Picture:
    side = frame.shape[0] - BAR
    return np.ascontiguousarray(frame[BAR + FRAME : -FRAME, FRAME : side - FRAME])
