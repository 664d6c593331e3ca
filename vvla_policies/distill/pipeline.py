"""`distill(request)`: from nothing to a student that is compared with its teacher, one step after the other.

| folder below `out` | step |
|---|---|
| `demos/` | demonstrations |
| `teacher/` | Seer, from demonstrations |
| `pretrained/` | the student's vision-language model, where its preset has none: questions about pictures |
| `aligned/` | stage 1: the teacher's features |
| `student/` | stage 2: actions |
| `only-ft/`, `freeze-vlm/` | the controls |
| `eval/<name>/` | episodes of each, on the same initial states |
| `table.md` | success rates and paired tests |

Every step is skipped when it is done and goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vvla_policies.distill.demos.collect import DemoRequest, collect, held_of
from vvla_policies.distill.networks import Sources
from vvla_policies.distill.pace import seconds_per_window
from vvla_policies.distill.recipe import Recipe, changed, load_recipe, reads, recipe_names
from vvla_policies.distill.telling import Line, Note
from vvla_policies.distill.train import TrainRequest, train
from vvla_policies.envs.suite import expand, load_suite
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.analysis.contrasts import compare
from vvla_policies.evaluation.records.runs import Run
from vvla_policies.evaluation.reports.contrast_tables import render as render_contrasts
from vvla_policies.evaluation.reports.tables import render
from vvla_policies.evaluation.rollouts.evaluate import SILENT, Reporter, Request, evaluate
from vvla_policies.pretrained import locate

PRESETS = ("mini",)
"""Sizes that have recipes for every benchmark, "<benchmark>-<size>"."""
SECONDS = {"libero": (4.0, 3.0), "calvin": (5.0, 20.0)}
"""Benchmark to seconds of a demonstration and of an evaluation's episode: of one worker, roughly, with primitive assets
drawn in software; for the plan alone."""

Teaching = dict[str, tuple[str, dict[str, str]]]
TEACHING: Teaching = {
    "teacher": ("teacher", {}),
    "pretrained": ("pretrain", {}),
    "aligned": ("align", {"teacher": "teacher", "init": "pretrained"}),
    "student": ("finetune", {"init": "aligned"}),
    "only-ft": ("only-ft", {"teacher": "teacher", "init": "pretrained"}),
    "freeze-vlm": ("freeze-vlm", {"init": "aligned"}),
}
"""Folder to its stage and the folders that it begins from, as far as they are made."""
UNABLE = ("pretrained",)
"""Folders of networks that do not act yet."""


@dataclass(frozen=True)
class DistillRequest:
    """What the user asks for.

    Attributes:
        suites: names or groups.
        out: the folder of everything.
        recipe: name of the recipes, one for each stage; or a folder of files <stage>.yaml.
        data: demonstrations that are there already; none are made then.
        expert: policy that makes them.
        per_task: demonstrations of each task.
        noise: of the expert, see `DemoRequest`.
        assets: "official", "primitive" or "auto".
        tasks: their numbers, None for all; of CALVIN those that are practised.
        episodes: per task, of the evaluation; in CALVIN chains.
        controls: also teach and evaluate `only-ft` and `freeze-vlm`.
        changes: stage ("" for all) to fields of its recipe to change.
        sources: checkpoints that the first steps begin from: a vision-language model, encoders; or a teacher that is
            there already, and none is taught then.
        workers: environment processes, None for one per core.
        threads: of PyTorch, 0 for its own choice.
        cache: see `TrainRequest`.
    """

    suites: tuple[str, ...]
    out: Path
    recipe: str = "libero-mini"
    data: tuple[Path, ...] = ()
    expert: str = "scripted"
    per_task: int = 50
    noise: float = 0.3
    assets: str = "auto"
    tasks: tuple[int, ...] | None = None
    episodes: int = 20
    controls: bool = True
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    workers: int | None = None
    threads: int = 0
    cache: Path | None = None


@dataclass(frozen=True)
class Step:
    """A step of the plan.

    Attributes:
        name: "demos", "teacher" ..., "eval student".
        what: in words.
        seconds: estimate; None where there is nothing to go by.
        done: it is done already.
        run: does it.
    """

    name: str
    what: str
    seconds: float | None
    done: bool
    run: Callable[[], object]


def plan(request: DistillRequest, note: Note, line: Line, reporter: Callable[[str], Reporter]) -> list[Step]:
    """All steps, with what is known about them.

    Args:
        request: what to do.
        note: hears of what a training does.
        line: hears of every line of a training's log.
        reporter: for a run of that name.

    Raises:
        VvlaError: a recipe, a suite or the given teacher does not exist.
    """
    if request.sources.teacher:
        locate(request.sources.teacher)
    steps = [] if request.data else [_demos(request, reporter)]
    steps += [_training(request, name, note, line) for name in _taught(request)]
    return steps + [_evaluation(request, name, reporter) for name in _evaluated(request)]


def distill(
    request: DistillRequest,
    note: Note = lambda _: None,
    line: Line = lambda *_: None,
    reporter: Callable[[str], Reporter] = lambda _: SILENT,
) -> str:
    """Does what is not done yet.

    Args:
        request: and the following, see `plan`.
        note: likewise.
        line: likewise.
        reporter: likewise.

    Returns:
        The table of all policies with intervals, and their paired tests; also written to `<out>/table.md`.
    """
    for number, step in enumerate(plan(request, note, line, reporter), start=1):
        note(f"{number}. {step.name}: {'done already' if step.done else step.what}")
        if not step.done:
            step.run()
    runs = {name: _run(request, name, SILENT) for name in _evaluated(request)}
    request.out.joinpath("table.md").write_text(table(runs, "markdown"), encoding="utf-8")
    return table(runs)


def table(runs: Mapping[str, Run], form: Any = "terminal") -> str:
    """Success rates with intervals, and the paired tests of every two policies."""
    return render(list(runs.values()), form) + "\n" + render_contrasts(compare(runs), form)


def _taught(request: DistillRequest) -> list[str]:
    left_out = set() if request.controls else {"only-ft", "freeze-vlm"}
    left_out |= set() if _has_recipe(request, "pretrain") else {"pretrained"}
    left_out |= {"teacher"} if request.sources.teacher else set()
    return [name for name in TEACHING if name not in left_out]


def _evaluated(request: DistillRequest) -> list[str]:
    taught = _taught(request)
    return ["teacher", *(name for name in taught if name not in (*UNABLE, "teacher"))]


def _checkpoint(request: DistillRequest, name: str) -> str:
    """Where a network is, or will be."""
    given = request.sources.teacher if name == "teacher" else None
    return given or str(request.out / name)


def _has_recipe(request: DistillRequest, stage: str) -> bool:
    folder = Path(request.recipe)
    return (folder / f"{stage}.yaml").exists() if folder.is_dir() else request.recipe in recipe_names(stage)


def recipes_of(preset: str, suites: Sequence[str]) -> str:
    """The name of a preset's recipes for the benchmark of some suites; a name that is no preset's stands for itself.

    Raises:
        VvlaError: a suite does not exist, or they are of several benchmarks.
    """
    benchmarks = {load_suite(name).benchmark for name in expand(suites)}
    if preset not in PRESETS:
        return preset
    if len(benchmarks) > 1:
        raise VvlaError(
            f"one student is taught for one benchmark; the suites are of {' and '.join(sorted(benchmarks))}"
        )
    return f"{benchmarks.pop()}-{preset}"


def _evaluated_tasks(request: DistillRequest) -> tuple[int, ...] | None:
    """Numbers of tasks, unless the suites have others than those that are practised for them."""
    return None if any(load_suite(name).practice for name in expand(request.suites)) else request.tasks


# --- steps ----------------------------------------------------------------------------------------------------------


def _demos(request: DistillRequest, reporter: Callable[[str], Reporter]) -> Step:
    wanted = DemoRequest(
        suites=request.suites,
        out=request.out / "demos",
        tasks=request.tasks,
        policy=request.expert,
        per_task=request.per_task,
        noise=request.noise,
        assets=request.assets,
        workers=request.workers,
    )
    held = held_of(wanted).values()
    missing = sum(max(0, request.per_task - len(there.episodes)) for there in held)
    seconds = missing * _seconds(request)[0] / max(1, request.workers or _cores())
    what = f"{missing} of {request.per_task * len(held)} demonstrations to make"
    return Step("demos", what, seconds, not missing, lambda: collect(wanted, reporter("demos")))


def _training(request: DistillRequest, name: str, note: Note, line: Line) -> Step:
    stage, begins = TEACHING[name]
    recipe = recipe_of(request, stage)
    there = ("teacher", *_taught(request))
    given = {source: _checkpoint(request, folder) for source, folder in begins.items() if folder in there}
    wanted = TrainRequest(
        recipe=recipe,
        data=request.data or (request.out / "demos",),
        out=request.out / name,
        sources=replace(request.sources, **{"teacher": None, **given}),
        cache=request.cache,
        threads=request.threads,
    )
    pace = seconds_per_window(recipe, request.threads)
    seconds = None if pace is None or not recipe.steps else pace * recipe.steps * recipe.batch
    size = f"{recipe.steps} steps" if recipe.steps else f"{recipe.epochs:g} epochs"
    return Step(
        name, f"stage {stage}, {size} of {recipe.batch}", seconds, wanted.done(), lambda: train(wanted, note, line)
    )


def _evaluation(request: DistillRequest, name: str, reporter: Callable[[str], Reporter]) -> Step:
    count = _tasks(request) * request.episodes
    recorded = _recorded(request.out / "eval" / name)
    seconds = max(0, count - recorded) * _seconds(request)[1] / max(1, request.workers or _cores())
    what = f"{count} episodes" + (f", {recorded} are recorded" if recorded else "")
    return Step(f"eval {name}", what, seconds, recorded >= count, lambda: _run(request, name, reporter(name)))


def recipe_of(request: DistillRequest, stage: str) -> Recipe:
    """The recipe of a stage, with the request's changes."""
    folder = Path(request.recipe)
    source: str | Path = folder / f"{stage}.yaml" if folder.is_dir() else request.recipe
    for_all = {name: value for name, value in request.changes.get("", {}).items() if reads(stage, name)}
    return changed(changed(load_recipe(stage, source), for_all), request.changes.get(stage, {}))


def _run(request: DistillRequest, name: str, reporter: Reporter) -> Run:
    wanted = Request(
        policy="teacher" if name == "teacher" else "student",
        policy_options={"checkpoint": _checkpoint(request, name)},
        suites=request.suites,
        tasks=_evaluated_tasks(request),
        episodes=request.episodes,
        assets=request.assets,
        workers=request.workers,
        out=request.out / "eval" / name,
    )
    return evaluate(wanted, reporter)


def _recorded(folder: Path) -> int:
    try:
        with (folder / "episodes.jsonl").open() as file:
            return sum(1 for _ in file)
    except OSError:
        return 0


def _tasks(request: DistillRequest) -> int:
    suites, tasks = [load_suite(name) for name in expand(request.suites)], _evaluated_tasks(request)
    return sum(len(suite.tasks if tasks is None else tasks) for suite in suites)


def _seconds(request: DistillRequest) -> tuple[float, float]:
    """See `SECONDS`; a benchmark that is not there is taken for the slowest that is."""
    slowest = max(SECONDS.values())
    return max(SECONDS.get(load_suite(name).benchmark, slowest) for name in expand(request.suites))


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def total(steps: Sequence[Step]) -> float:
    """Seconds of what is left to do, as far as they are known."""
    return sum(step.seconds or 0.0 for step in steps if not step.done)
