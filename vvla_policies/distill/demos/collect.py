"""`collect(request)`: an expert, suites and settings in; a folder of demonstrations out."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vvla_policies import __version__
from vvla_policies.distill.demos import disturbance
from vvla_policies.distill.demos.attempts import Attempts
from vvla_policies.distill.demos.files import assemble, episodes_in, part_path
from vvla_policies.distill.demos.layout import SUFFIX, h5py_module
from vvla_policies.distill.demos.recorder import Recording
from vvla_policies.envs.suite import Suite, describe, expand, load_suite
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.evaluate import SILENT, Reporter, Request, evaluate
from vvla_policies.evaluation.plan import EpisodeKey
from vvla_policies.evaluation.schedule import group_of

if TYPE_CHECKING:
    from vvla_policies.evaluation.records import Run
    from vvla_policies.evaluation.schedule import Group
    from vvla_policies.evaluation.worker import Scene

EPISODES = "episodes"
FRESH = "fresh"


@dataclass(frozen=True)
class DemoRequest:
    """What the user asks for.

    Attributes:
        suites: names, groups ("libero") or addresses.
        out: the folder of demonstrations.
        tasks: numbers of the tasks, None for all.
        per_task: demonstrations of each task.
        attempts: most episodes of each task; None for twice `per_task` and ten more.
        policy: the expert.
        policy_options: handed to it.
        noise: standard deviation of the pushes, in units of action; 0 for none. See `disturbance`.
        size: height and width of the pictures, px.
        assets: "official", "primitive" or "auto".
        protocol: "fresh" begins in new draws from the task's placement regions. Another protocol begins in the
            recorded initial states, which are those of the evaluation.
        seed: of the run.
        workers: environment processes; None for one per CPU core, 0 for this process.
        resume: go on with what the folder holds; otherwise old records are moved aside. Demonstrations are kept.
        stall_seconds: a worker that does not answer for so long is restarted.
    """

    suites: tuple[str, ...]
    out: Path
    tasks: tuple[int, ...] | None = None
    per_task: int = 50
    attempts: int | None = None
    policy: str = "scripted"
    policy_options: Mapping[str, Any] = field(default_factory=dict)
    noise: float = 0.0
    size: int = 128
    assets: str = "auto"
    protocol: str = FRESH
    seed: int = 0
    workers: int | None = None
    resume: bool = True
    stall_seconds: float = 600.0

    @property
    def most(self) -> int:
        """Attempts of each task."""
        return 2 * self.per_task + 10 if self.attempts is None else max(self.attempts, self.per_task)


def collect(request: DemoRequest, reporter: Reporter = SILENT) -> Run:
    """Runs the expert until every task has its demonstrations, and writes their files.

    What is there already is not made again. After Ctrl-C or a kill the same request goes on; of finished
    demonstrations none is lost.

    Args:
        request: what to make.
        reporter: hears of progress.

    Returns:
        The run of all attempts; the demonstrations are at `task_path`.

    Raises:
        VvlaError: as `evaluate`.
    """
    h5py_module()
    if request.noise < 0 or request.per_task < 1:
        raise VvlaError(f"--noise must be 0 or more, --per-task at least 1; got {request.noise}, {request.per_task}")
    suites = {suite.name: suite for suite in map(load_suite, expand(request.suites))}
    course = Attempts(
        suites=suites,
        wanted=request.per_task,
        most=request.most,
        seed=request.seed,
        have=_Inventory(suites, request.out),
        scene=functools.partial(_recorded, request),
        done=lambda group: _assemble(suites, request.out, group),
    )
    run = evaluate(_evaluation(request), reporter, course)
    for group in dict.fromkeys(group_of(record.key) for record in run.records if record.success):
        _assemble(suites, request.out, group)
    return run


def task_path(out: Path, suite: Suite, task: int) -> Path:
    """The file of a task's demonstrations, in the suite's folder as LIBERO names it."""
    return out / _folder(suite) / f"{suite.tasks[task].name}{SUFFIX}"


def files_of(request: DemoRequest) -> dict[tuple[str, int], Path]:
    """(Suite, task) to the file of its demonstrations, for all tasks of a request."""
    suites = [load_suite(address) for address in expand(request.suites)]
    return {
        (suite.name, task): task_path(request.out, suite, task)
        for suite in suites
        for task in (range(len(suite.tasks)) if request.tasks is None else request.tasks)
    }


def _folder(suite: Suite) -> str:
    from vvla_policies.envs.libero.suites import FOLDERS

    return FOLDERS.get(suite.name, suite.name)


def _evaluation(request: DemoRequest) -> Request:
    policy, options = request.policy, dict(request.policy_options)
    if request.noise:
        policy, options = disturbance.ADDRESS, {"policy": policy, "noise": request.noise, **options}
    return Request(
        policy=policy,
        policy_options=options,
        suites=request.suites,
        tasks=request.tasks,
        episodes=request.per_task,
        protocol=request.protocol,
        assets=request.assets,
        seed=request.seed,
        workers=request.workers,
        out=request.out / EPISODES,
        resume=request.resume,
        stall_seconds=request.stall_seconds,
    )


def _recorded(request: DemoRequest, scene: Scene) -> Scene:
    """The scene with pictures of the wanted size and a recorder."""
    settings = replace(
        scene.settings, protocol=replace(scene.settings.protocol, image_size=(request.size, request.size))
    )
    facts = {
        "version": __version__,
        "policy": {"name": request.policy, "options": dict(request.policy_options)},
        "noise": request.noise,
        "address": scene.address,
        **describe(settings),
    }
    return replace(scene, settings=settings, witness=Recording(request.out / EPISODES, request.noise, facts))


class _Inventory:
    """Whether the demonstration of an episode is on the disk; looks into each task's file once."""

    def __init__(self, suites: Mapping[str, Suite], out: Path) -> None:
        self._suites = suites
        self._out = out
        self._seen: dict[Group, set[str]] = {}

    def __call__(self, key: EpisodeKey) -> bool:
        group = group_of(key)
        if group not in self._seen:
            self._seen[group] = set(episodes_in(task_path(self._out, self._suites[key.suite], key.task)))
        return str(key) in self._seen[group] or part_path(self._out / EPISODES, key).exists()


def _assemble(suites: Mapping[str, Suite], out: Path, group: Group) -> None:
    name, task = group
    example = part_path(out / EPISODES, EpisodeKey(name, task, 0, 0))
    parts = sorted(example.parent.glob(f"{example.name.rsplit('-', 2)[0]}-*.hdf5"))
    if parts:
        assemble(task_path(out, suites[name], task), parts)
