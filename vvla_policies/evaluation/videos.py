"""Videos of recorded episodes, drawn after the fact.

The recorded actions are run again through the environment, this time with its cameras on. Nothing of this can change a
score, and a run that asked for no videos pays nothing for them. The files are `videos/<key>.mp4` in the run's folder,
and a contact sheet for each suite.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vvla_policies.envs.protocol import Protocol
from vvla_policies.envs.suite import EnvSettings, load_suite
from vvla_policies.errors import AssetsError, RecordError
from vvla_policies.evaluation.captions import BAR, FRAME, Caption, Picture, compose, contact_sheet
from vvla_policies.evaluation.records import EpisodeRecord, Run, actions_path
from vvla_policies.observation import CAMERAS

if TYPE_CHECKING:
    from vvla_policies.envs.manipulation import ManipulationEnv, Outcome

Choice = Literal["none", "failures", "all"] | int
FOLDER = "videos"
PANEL = 320
STRIDE = 2
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
    progress: Callable[[EpisodeRecord], None] = lambda _: None,
) -> list[Path]:
    """Draws the videos of some episodes, and the contact sheets; videos that are there already are kept.

    Args:
        run: the run.
        records: of that run, such as `choose` returns.
        stride: draw every so many steps; the video plays in real time all the same.
        panel: height and width of each camera's picture, px.
        progress: called after each episode.

    Returns:
        The files: videos, then contact sheets.

    Raises:
        AssetsError: the assets of the run are not on this machine.
    """
    videos: dict[str, list[tuple[EpisodeRecord, Path]]] = defaultdict(list)
    ordered = sorted(records, key=lambda record: record.key)
    for suite, of_suite in groupby(ordered, key=lambda record: record.key.suite):
        with closing(_Stage(run, suite, panel)) as stage:
            for record in of_suite:
                path = run.folder / FOLDER / f"{record.key}.mp4"
                if _is_current(path, run, record) or _draw_episode(stage, run, record, path, stride):
                    videos[suite].append((record, path))
                progress(record)
    sheets = [sheet for suite, drawn in videos.items() for sheet in _sheets(run, suite, drawn)]
    return [*(path for drawn in videos.values() for _, path in drawn), *sheets]


class _Stage:
    """A suite's environment with both cameras on, made when first needed."""

    def __init__(self, run: Run, suite: str, panel: int) -> None:
        self._entry = run.manifest.suites[suite]
        self._panel = panel
        self._env: ManipulationEnv | None = None

    def env(self, task: int) -> ManipulationEnv:
        """The environment, built for that task; `start` changes the task."""
        if self._env is None:
            suite = load_suite(self._entry.address)
            assets = suite.assets(self._entry.assets["name"])
            if assets.fingerprint != self._entry.assets["fingerprint"]:
                raise AssetsError(
                    f"the run used {assets.name} assets {self._entry.assets['fingerprint']}; "
                    f"those on this machine are {assets.fingerprint}: another picture, and perhaps another outcome"
                )
            protocol = replace(Protocol.from_json(self._entry.protocol), image_size=(self._panel, self._panel))
            cameras = tuple(camera for camera in CAMERAS if camera in suite.offers)
            self._env = suite.make_env(EnvSettings(protocol, assets, cameras), task)
        return self._env

    def close(self) -> None:
        if self._env is not None:
            self._env.close()
        self._env = None


def _draw_episode(stage: _Stage, run: Run, record: EpisodeRecord, path: Path, stride: int) -> bool:
    """Writes one video; False, with a warning, if the episode cannot be replayed."""
    try:
        actions = run.actions(record.key)
    except RecordError as error:
        log.warning("no video of %s: %s", record.key, error)
        return False
    env = stage.env(record.key.task)
    rate = env.metadata["render_fps"] / stride
    outcome = env.start(record.key.task, record.key.init_state, record.key.stream("env"))
    with _writer(path, rate) as write:
        write(_frame(env, record, outcome))
        for number, action in enumerate(actions, start=1):
            outcome = env.advance(action)
            if number < len(actions) and number % stride == 0:
                write(_frame(env, record, outcome))
        last = _frame(env, record, outcome, outcome_of(record))
        for _ in range(max(1, round(HOLD_SECONDS * rate))):
            write(last)
    if record.error is None and (outcome.success, outcome.steps) != (record.success, record.steps):
        log.warning("%s came out otherwise when it was replayed: do not trust its video", record.key)
    return True


def outcome_of(record: EpisodeRecord) -> str:
    """The outcome in one word: "success", "failure" or "error"."""
    return "error" if record.error is not None else "success" if record.success else "failure"


def _frame(env: ManipulationEnv, record: EpisodeRecord, outcome: Outcome, end: str = "") -> Picture:
    obs = env.observe()
    pictures = [obs[camera] for camera in CAMERAS if camera in obs]  # type: ignore[literal-required]
    limit = env.settings.protocol.steps(record.key.suite)
    return compose(pictures, Caption(outcome.instruction, _place(record), f"step {outcome.steps}/{limit}", end))


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


def _is_current(path: Path, run: Run, record: EpisodeRecord) -> bool:
    """Whether a video is there and not older than the actions that it shows."""
    actions = actions_path(run.folder, record.key)
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

    with imageio.get_reader(path, format="FFMPEG") as reader:
        count = reader.count_frames()
        held = max(1, round(HOLD_SECONDS * reader.get_meta_data()["fps"]))
        return [_third_person(np.asarray(reader.get_data(k))) for k in (0, max(0, count - held) // 2, count - 1)]


def _third_person(frame: Picture) -> Picture:
    side = frame.shape[0] - BAR
    return np.ascontiguousarray(frame[BAR + FRAME : -FRAME, FRAME : side - FRAME])
