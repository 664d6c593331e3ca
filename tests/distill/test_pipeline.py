"""The whole way, on a suite that is no simulator: demonstrations, every stage, episodes, table."""

from __future__ import annotations

import dataclasses
import json

import pytest
import yaml

pytest.importorskip("h5py")
pytest.importorskip("accelerate")
pytest.importorskip("torch")
from tests import demo_fakes
from tests.distill.small import long_truths, student_recipe, teacher_recipe
from vvla_policies.distill import pipeline
from vvla_policies.distill.demos.collect import DemoRequest
from vvla_policies.distill.networks import Sources
from vvla_policies.distill.pipeline import DistillRequest, distill, plan
from vvla_policies.errors import RecordError, VvlaError
from vvla_policies.student.stages import STAGES


class Suite(demo_fakes.RecordedSuite):
    """The fake suite, as if it were of LIBERO."""

    benchmark = "libero"


SUITE = Suite()


@pytest.fixture
def request_(tmp_path):
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    small = {"steps": 2, "save_every": 2}
    for recipe in (teacher_recipe(**small), *(student_recipe(stage, **small) for stage in STAGES)):
        (recipes / f"{recipe.stage}.yaml").write_text(yaml.safe_dump(recipe.to_json()))
    return DistillRequest(
        suites=("tests.distill.test_pipeline:SUITE",),
        out=tmp_path / "out",
        recipe=str(recipes),
        expert="tests.fakes:Expert",
        per_task=2,
        noise=0.0,
        episodes=2,
        tasks=(0, 1),
        workers=0,
        threads=1,
        cache=tmp_path / "cache",
    )


def test_from_nothing_to_a_table(request_, monkeypatch):
    monkeypatch.setattr("vvla_policies.distill.data.sources.LiberoFile.truths", lambda *_: long_truths())
    told = []
    text = distill(request_, told.append)
    for name in pipeline.TEACHING:
        assert (request_.out / name / "model.safetensors").exists()
        assert (name in text) == (name not in pipeline.UNABLE)
    assert "McNemar" in text
    assert (request_.out / "table.md").read_text().startswith("|")
    steps = plan(request_, told.append, lambda *_: None, lambda _: pipeline.SILENT)
    assert all(step.done for step in steps)
    assert pipeline.total(steps) == 0
    told.clear()
    assert distill(request_, told.append) == text
    assert all(line.endswith("done already") for line in told)
    other = dataclasses.replace(request_, changes={"teacher": {"lr": 0.5}})
    with pytest.raises(RecordError, match="another recipe"):
        distill(other)


def test_a_teacher_that_is_there_is_not_taught_again(request_, monkeypatch):
    monkeypatch.setattr("vvla_policies.distill.data.sources.LiberoFile.truths", lambda *_: long_truths())
    alone = dataclasses.replace(request_, controls=False)
    distill(alone)
    there = str(alone.out / "teacher")
    again = dataclasses.replace(
        alone, out=alone.out.parent / "again", data=(alone.out / "demos",), sources=Sources(teacher=there)
    )
    with pytest.raises(VvlaError, match="no checkpoint at"):
        plan(
            dataclasses.replace(again, sources=Sources(teacher=there + "-not")), print, print, lambda _: pipeline.SILENT
        )
    names = [step.name for step in plan(again, print, lambda *_: None, lambda _: pipeline.SILENT)]
    assert names == ["pretrained", "aligned", "student", "eval teacher", "eval aligned", "eval student"]
    assert "teacher" in distill(again)
    assert json.loads((again.out / "aligned" / "card.json").read_text())["parents"]["teacher"] == there
    for name in ("aligned", "student"):
        assert (again.out / name / "model.safetensors").read_bytes() == (
            alone.out / name / "model.safetensors"
        ).read_bytes()


def test_a_plan_costs_nothing_and_knows_how_long(request_):
    steps = plan(request_, print, lambda *_: None, lambda _: pipeline.SILENT)
    assert [step.name for step in steps][:4] == ["demos", "teacher", "pretrained", "aligned"]
    assert all(step.seconds and step.seconds > 0 for step in steps)
    assert not request_.out.exists()
    without = plan(dataclasses.replace(request_, controls=False), print, lambda *_: None, lambda _: pipeline.SILENT)
    assert not [step for step in without if "only-ft" in step.name]


def test_calvin_is_practised_in_the_scenes_of_its_suite(tmp_path):
    address = "vvla_policies.envs.calvin.suites:calvin_d_d"
    assert pipeline.recipes_of("mini", [address]) == "calvin-mini"
    assert pipeline.recipes_of("of-my-own", [address]) == "of-my-own"
    with pytest.raises(VvlaError, match="calvin and libero"):
        pipeline.recipes_of("mini", [address, "tests.distill.test_pipeline:SUITE"])
    request = DemoRequest((address,), tmp_path, tasks=(0, 3))
    assert request.addresses == ["calvin_d"]
