"""`collect(request)`: an expert, suites and settings in; a folder of demonstrations out."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vvla_policies import __version__
from vvla_policies.distill.demos import disturbance, handover
from vvla_policies.distill.demos.attempts import Attempts
from vvla_policies.distill.demos.findings import Held
from vvla_policies.distill.demos.parts import EPISODES
from vvla_policies.distill.demos.recording import Marks, Recording
from vvla_policies.distill.demos.shelves import Shelf, shelf_of
from vvla_policies.envs.suite import Suite, describe, expand, load_suite
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.rollouts.evaluate import SILENT, Reporter, Request, evaluate
from vvla_policies.evaluation.rollouts.request import fitted_options
from vvla_policies.evaluation.rollouts.schedule import group_of

if TYPE_CHECKING:
    from vvla_policies.evaluation.records.keys import EpisodeKey
    from vvla_policies.evaluation.records.runs import Run
    from vvla_policies.evaluation.rollouts.schedule import Group
    from vvla_policies.evaluation.rollouts.worker import Scene

FRESH = "fresh"


@dataclass(frozen=True)
class DemoRequest:
    """What the user asks for.

    Attributes:
        suites: names, groups ("libero") or addresses; CALVIN's chains stand for the suites to practise for them.
        out: the folder of demonstrations.
        tasks: numbers of the tasks, None for all.
        per_task: demonstrations of each task.
        attempts: most episodes of each task; None for twice `per_task` and ten more.
        policy: the expert.
        policy_options: handed to it.
        noise: standard deviation of the pushes, in units of action; 0 for none. See `disturbance`.
        novice: name of another policy that acts for parts of each episode; "" for none. See `handover`.
        novice_options: handed to it.
        size: height and width of the pictures, px; None for 128, in CALVIN for the benchmark's own.
        every: draw the first and then every so many steps' pictures; the others are black and marked.
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
    novice: str = ""
    novice_options: Mapping[str, Any] = field(default_factory=dict)
    size: int | None = None
    every: int = 1
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

    @property
    def addresses(self) -> list[str]:
        """The suites whose tasks are demonstrated."""
        return expand([name for address in expand(self.suites) for name in load_suite(address).practice or (address,)])

    @property
    def shelves(self) -> dict[str, tuple[Suite, Shelf]]:
        """Name of each suite to itself, and where its demonstrations are kept."""
        suites = [load_suite(address) for address in self.addresses]
        return {suite.name: (suite, shelf_of(suite, self.out)) for suite in suites}


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
        VvlaError: as `evaluate`; settings do not go together.
    """
    if request.noise < 0 or min(request.per_task, request.every) < 1:
        raise VvlaError(
            f"--noise must be 0 or more, --per-task and --every at least 1; got {request.noise}, {request.per_task}, "
            f"{request.every}"
        )
    if request.noise and request.novice:
        raise VvlaError("--noise and --novice exclude each other: make two folders, and train on both")
    shelves = request.shelves

    def assemble(group: Group) -> None:
        shelves[group[0]][1].assemble(group[1])

    course = Attempts(
        suites={name: suite for name, (suite, _) in shelves.items()},
        wanted=request.per_task,
        most=request.most,
        seed=request.seed,
        have=_Inventory({name: shelf for name, (_, shelf) in shelves.items()}),
        scene=functools.partial(_recorded, request),
        done=assemble,
    )
    run = evaluate(_evaluation(request), reporter, course)
    for group in dict.fromkeys(group_of(record.key) for record in run.records if record.success):
        assemble(group)
    return run


def held_of(request: DemoRequest) -> dict[Group, Held]:
    """(Suite, task) to the demonstrations that are there, for all tasks of a request."""
    return {
        (name, task): shelf.held(task)
        for name, (suite, shelf) in request.shelves.items()
        for task in (range(len(suite.tasks)) if request.tasks is None else request.tasks)
    }


def _evaluation(request: DemoRequest) -> Request:
    policy, options = request.policy, dict(request.policy_options)
    if request.noise:
        policy, options = disturbance.ADDRESS, {"policy": policy, "noise": request.noise, **options}
    if request.novice:
        novice = fitted_options(request.novice, request.novice_options, tuple(request.addresses))
        led = {"novice": request.novice, "novice_options": novice}
        policy, options = handover.ADDRESS, {"policy": policy, **led, **options}
    return Request(
        policy=policy,
        policy_options=options,
        suites=tuple(request.addresses),
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
    shelf = shelf_of(load_suite(scene.address), request.out)
    settings, size = scene.settings, request.size or shelf.size
    if size:
        protocol = replace(settings.protocol, image_size=(size, size), wrist_size=None)
        settings = replace(settings, protocol=protocol)
    facts = {
        "version": __version__,
        "policy": {"name": request.policy, "options": dict(request.policy_options)},
        "noise": request.noise,
        **({"every": request.every} if request.every > 1 else {}),
        **({"novice": {"name": request.novice, "options": dict(request.novice_options)}} if request.novice else {}),
        "address": scene.address,
        **describe(settings),
    }
    recording = Recording(shelf.recorder, request.out / EPISODES, _marks(request), facts, request.every)
    return replace(scene, settings=settings, witness=recording)


def _marks(request: DemoRequest) -> Marks:
    if request.novice:
        return handover.novice_steps
    return functools.partial(disturbance.disturbed_steps, noise=request.noise)


class _Inventory:
    """Whether the demonstration of an episode is on the disk; looks at each task's place once."""

    def __init__(self, shelves: Mapping[str, Shelf]) -> None:
        self._shelves = shelves
        self._seen: dict[Group, set[str]] = {}

    def __call__(self, key: EpisodeKey) -> bool:
        group, shelf = group_of(key), self._shelves[key.suite]
        if group not in self._seen:
            self._seen[group] = set(shelf.held(key.task).episodes)
        return str(key) in self._seen[group] or shelf.part(key).exists()
