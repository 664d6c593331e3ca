"""Recipes: those that come with the package make sense, and what is wrong with others is named."""

from __future__ import annotations

import json
from typing import get_args

import pytest

pytest.importorskip("yaml")
from vvla_policies.distill.recipe import Recipe, Stage, changed, load_recipe, parse_changes, recipe_names
from vvla_policies.errors import VvlaError
from vvla_policies.student.config import PRESETS as STUDENTS
from vvla_policies.teacher.config import PRESETS as TEACHERS

BASELINES = {stage: {f"{stage}-mini"} for stage in ("act", "diffusion", "bc-transformer")}
ALL = [(stage, name) for stage in get_args(Stage) for name in recipe_names(stage)]


@pytest.mark.parametrize(("stage", "name"), ALL)
def test_recipes_of_the_package(stage, name):
    recipe = load_recipe(stage, name)
    assert recipe.stage == stage
    assert recipe.preset in {"teacher": TEACHERS, **BASELINES}.get(stage, STUDENTS)
    recipe.accumulation()
    assert Recipe(**json.loads(json.dumps(recipe.to_json()))) == recipe


def test_every_published_run_is_there():
    assert {"calvin-vita", "libero-vita", "libero-mini"} <= set(recipe_names("align"))
    assert {f"libero-vita-{suite}" for suite in ("spatial", "object", "goal", "long")} <= set(recipe_names("finetune"))
    assert {"calvin-seer", "calvin-seer-large", "libero-seer", "libero-seer-pretrain"} <= set(recipe_names("teacher"))
    stage1, stage2 = load_recipe("align", "calvin-vita"), load_recipe("finetune", "libero-vita")
    assert (stage1.batch, stage1.lr, stage1.align_loss, stage1.history) == (512, 1e-4, "mse", 10)
    assert (stage2.batch, stage2.arm_loss, stage2.gripper_weight, stage2.clip) == (128, "mae", 0.01, 0.0)


def test_steps_and_accumulation():
    recipe = Recipe("teacher", "seer-mini", epochs=2, batch=8, micro=2, warmup=0.1)
    assert recipe.planned_steps(21) == 6
    assert recipe.warmup_steps(50) == 5
    assert recipe.accumulation(2) == (2, 2)
    with pytest.raises(VvlaError, match="does not divide"):
        recipe.accumulation(3)


def test_a_file_is_a_recipe_and_changes_are_laid_over_it(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("preset: seer-mini\nconfig: {layers: 2}\nsteps: 5\n")
    recipe = changed(load_recipe("teacher", path), parse_changes(["config.heads=3", "lr=1", "bf16=true"]))
    assert recipe.config == {"layers": 2, "heads": 3}
    assert (recipe.lr, recipe.bf16, recipe.steps) == (1, True, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("preset: x\nlrr: 1\n", "unknown field of recipe .* 'lrr'. Did you mean 'lr'"),
        ("preset: x\nsteps: many\n", "steps must be int, not 'many'"),
        ("preset: x\nbf16: 1\n", "bf16 must be bool"),
        ("preset: x\nconfig: 3\n", "config must be a table"),
        ("preset: x\nstage: align\n", "is for stage align, not teacher"),
        ("preset: x\nsave_every: 7\n", "must be a multiple of log_every"),
        ("preset: x\narm_loss: l3\n", "unknown arm_loss of a recipe"),
        ("- preset\n", "holds no table"),
        ("preset: [\n", "is broken"),
        ("steps: 3\n", "preset"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(VvlaError, match=message):
        load_recipe("teacher", path)


def test_a_teacher_must_see_where_the_student_roams():
    with pytest.raises(VvlaError, match="needs shift_teacher=true"):
        load_recipe("align", "calvin-mini", {"roam": 8})
    assert load_recipe("align", "calvin-mini", {"roam": 8, "shift_teacher": True}).roam == 8


def test_what_a_stage_would_pass_over_is_named(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("preset: act-mini\nwaypoint_weight: 0.5\n")
    with pytest.raises(VvlaError, match="stage 'act' does not read waypoint_weight, only teacher, "):
        load_recipe("act", path)
    with pytest.raises(VvlaError, match="does not read arm_loss"):
        changed(load_recipe("diffusion", "libero-mini"), {"arm_loss": "mae"})
    path.write_text(json.dumps(load_recipe("act", "libero-mini").to_json()))  # as a card holds it, defaults and all
    assert load_recipe("act", path) == load_recipe("act", "libero-mini")


def test_absent_recipes_and_bad_changes(tmp_path):
    with pytest.raises(VvlaError, match="libero-mini"):
        load_recipe("teacher", "libero-mimi")
    with pytest.raises(VvlaError, match="cannot read recipe"):
        load_recipe("teacher", tmp_path / "absent.yaml")
    with pytest.raises(VvlaError, match="unknown stage"):
        load_recipe("teach", "libero-mini")
    with pytest.raises(VvlaError, match="expected key=value"):
        parse_changes(["lr"])
