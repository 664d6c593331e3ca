"""What a recipe learns from: windows of demonstrations, and what its stage needs beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vvla_policies.distill.data.batches import CachedWindows, Reading
from vvla_policies.distill.data.cache import CachedFile, cached
from vvla_policies.distill.data.dataset import Windows
from vvla_policies.distill.demos.inspection import find_files
from vvla_policies.distill.features import cached_features
from vvla_policies.distill.lessons.dialogs import Lessons
from vvla_policies.distill.lessons.points import find_camera, read_points
from vvla_policies.distill.networks import Learner
from vvla_policies.distill.recipe import Recipe
from vvla_policies.distill.telling import Note
from vvla_policies.errors import RecordError
from vvla_policies.student.network import Student
from vvla_policies.student.tokens import ChatLayout, load_tokenizer
from vvla_policies.teacher.network import Seer


def unpacked(recipe: Recipe, places: Sequence[Path], cache: Path, note: Note) -> list[CachedFile]:
    """The demonstrations, unpacked in a cache; of several processes, the first unpacks them.

    Args:
        recipe: says of which benchmark they must be.
        places: files or folders of demonstrations.
        cache: the folder to unpack them in.
        note: hears of what is being done.

    Raises:
        RecordError: another benchmark's, or they cannot be read.
    """
    from accelerate import PartialState

    paths = [path for place in places for path in find_files(place)]
    with PartialState().main_process_first():
        found = cached(paths, cache, note)
    others = {file.origin.benchmark for file in found} - {recipe.benchmark}
    if others:
        raise RecordError(
            f"the recipe is for {recipe.benchmark}, the demonstrations are {others.pop()}'s; take a --recipe "
            "that goes with them, such as calvin-mini or libero-mini"
        )
    return found


def gather(
    recipe: Recipe, files: Sequence[CachedFile], learner: Learner, target: Learner | None, cache: Path, note: Note
) -> tuple[CachedWindows, CachedWindows | None]:
    """Windows to learn from, and held-out ones or None, with features, questions or places as the stage needs them.

    Args:
        recipe: says which windows, and what of each demonstration's file is held out.
        files: `unpacked`.
        learner: the network that reads them.
        target: the teacher whose features are learnt; None in other stages.
        cache: the folder of the features.
        note: hears of what is being done.

    Raises:
        RecordError: nothing is left to read.
    """
    # a file with no more than that is learnt from
    count = {file.source: max(len(file.demos) - recipe.holdout, 0) or len(file.demos) for file in files}
    kept = {file.source: file.demos[: count[file.source]] for file in files}
    left = {file.source: file.demos[count[file.source] :] for file in files}
    shift = (recipe.shift_image, recipe.shift_wrist)
    data = _windows(recipe, files, learner, target, shift, recipe.jitter, recipe.roam, kept)
    held_out = _windows(recipe, files, learner, target, (0, 0), 0.0, 0, left) if any(left.values()) else None
    for windows in filter(None, (data, held_out)):
        if target and not recipe.shift_teacher:
            windows.extra["features"] = cached_features(windows, target, cache, note)
        if recipe.stage == "pretrain":
            windows.lessons = _lessons(recipe, files, windows, learner)
        if recipe.point_weight:
            windows.extra |= read_points(files, windows, note)
        if recipe.roam:
            windows.camera = find_camera(files, windows, note)
    return data, held_out


def _windows(
    recipe: Recipe,
    files: Sequence[CachedFile],
    learner: Learner,
    target: Learner | None,
    shift: tuple[int, int],
    jitter: float,
    roam: int,
    demos: Mapping[Path, Sequence[str]],
) -> CachedWindows:
    windows = Windows(
        history=learner.history,
        future=learner.chunk,
        stride=recipe.stride,
        alignment=recipe.alignment,
        skip_disturbed=recipe.skip_disturbed,
        skip_idle=recipe.skip_idle,
    )
    ahead = learner.network.config.horizon if isinstance(learner.network, Seer) and recipe.foresight_weight else 0
    readings = [Reading(learner.inputs, "", shift, jitter, roam, ahead)]
    if target:
        factor = target.inputs.size / learner.inputs.size
        image, wrist, sideways = (round(factor * pixels) for pixels in (*shift, roam))
        readings.append(Reading(target.inputs, "teacher_", (image, wrist), roam=sideways))
    return CachedWindows(files, windows, readings, learner.spacing, demos, recipe.seed)


def _lessons(recipe: Recipe, files: Sequence[CachedFile], windows: CachedWindows, learner: Learner) -> Lessons:
    assert isinstance(learner.network, Student)
    config = learner.network.config
    layout = ChatLayout(load_tokenizer(config.tokenizer), config)
    return Lessons(files, windows, layout, recipe.questions, recipe.seed)
