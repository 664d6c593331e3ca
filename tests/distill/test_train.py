"""Every stage on hand-made demonstrations: what is trained, that it learns, and that it goes on after a kill."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("accelerate")
torch = pytest.importorskip("torch")
from tests.distill.small import STUDENT, TEACHER, long_truths, make_demos, student_recipe, teacher_recipe  # noqa: E402
from vvla_policies import load_policy  # noqa: E402
from vvla_policies.distill import compilation, networks, rollouts  # noqa: E402
from vvla_policies.distill.networks import Sources  # noqa: E402
from vvla_policies.distill.train import TrainRequest, train  # noqa: E402
from vvla_policies.distill.trainer import last_checkpoint, read_log  # noqa: E402
from vvla_policies.errors import RecordError, VvlaError  # noqa: E402
from vvla_policies.pretrained import load_card, read_tensors  # noqa: E402
from vvla_policies.student.network import Student  # noqa: E402
from vvla_policies.student.stages import INTERFACE, STAGES  # noqa: E402
from vvla_policies.teacher.blocks import standardise  # noqa: E402
from vvla_policies.teacher.network import Seer  # noqa: E402


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Demonstrations and a teacher."""
    folder = tmp_path_factory.mktemp("training")
    make_demos(folder / "demos")
    fit(folder, "teacher", teacher_recipe())
    fit(folder, "aligned", student_recipe("align"), teacher=folder / "teacher")
    return folder


def request(room, out, recipe, **sources):
    given = Sources(**{name: str(path) for name, path in sources.items()})
    return TrainRequest(recipe, [room / "demos"], room / out, given, room / "cache", threads=1)


def fit(room, out, recipe, **sources):
    return train(request(room, out, recipe, **sources))


def sources_of(stage, room):
    given = {"align": ["teacher"], "only-ft": ["teacher"], "finetune": ["init"], "freeze-vlm": ["init"]}.get(stage, [])
    return {name: room / {"teacher": "teacher", "init": "aligned"}[name] for name in given}


def losses(out: Path, name="loss"):
    return [line[name] for line in read_log(out / "log.jsonl") if name in line]


def test_a_teacher_learns_and_acts(room, monkeypatch):
    monkeypatch.setattr("vvla_policies.distill.data.sources.LiberoFile.truths", lambda *_: long_truths())
    recipe = teacher_recipe(
        steps=60, log_every=10, save_every=60, batch=8, ema=0.9, holdout=1, jitter=0.1, balance=True,
        gripper_weight=0.3, point_weight=0.1,
    )  # fmt: skip
    result = fit(room, "learnt", recipe)
    shares = {"loss": 0.7, "arm": 0.7, "gripper": 0.95, "foresight": 0.95, "points": 0.9, "goals": 0.7, "looks": 0.7}
    for name, share in shares.items():
        told = losses(result.folder, name)
        assert told[-1] < share * told[0], (name, told)
    assert len(losses(result.folder, "eval_loss")) == 1
    card = load_card(result.folder)
    assert card.trained_on == "primitive"
    assert card.data["steps"] == 60
    assert card.data["spacing"] == 3
    assert card.data["assets"]["fingerprints"] == ["abc"]
    policy = load_policy("teacher", checkpoint=str(result.folder))
    assert policy.card.chunk == 3


@pytest.mark.parametrize(
    ("recipe", "init", "new"),
    [
        (
            teacher_recipe(config={"latents": 4}),
            "teacher",
            {f"perceiver_resampler.{name}" for name in ("latents", "to_asked.2.weight", "to_asked.2.bias")},
        ),
        (student_recipe("finetune", config={"shuffle": 1}), "aligned", {"projector.0.weight"}),
    ],
)
def test_a_network_grows_from_a_checkpoint_of_another_size(room, recipe, init, new, caplog):
    """What fits is taken, and it says what does not; the card tells the new size."""
    learner = networks.open_learner(recipe, Sources(init=room / init))
    small, large = read_tensors(room / init), learner.network.state_dict()
    assert {name for name in large if large[name].shape != small[name].shape} == new
    assert all(torch.equal(large[name], small[name]) for name in large if name not in new)
    assert all(name in caplog.text for name in new)
    assert recipe.config.items() <= learner.card.config.items()
    assert learner.card.config == learner.network.config.to_json()


@pytest.mark.parametrize(("stage", "trains"), [*((stage, "") for stage in STAGES), ("align", "scratch")])
def test_a_stage_trains_its_parameters_and_learns(room, stage, trains, monkeypatch):
    monkeypatch.setattr("vvla_policies.distill.data.sources.LiberoFile.truths", lambda *_: long_truths())
    given = sources_of(stage, room)
    config = {} if "init" in given else STUDENT
    recipe = student_recipe(
        stage, trains=trains, config=config, steps=60, batch=8, log_every=20, save_every=60, lr=3e-3
    )
    before = networks.open_student(recipe, Sources(**{name: str(path) for name, path in given.items()})).network
    result = fit(room, f"{stage}{trains}", recipe, **given)
    told = losses(result.folder)
    # so small a language model, frozen or not, hardly moves in so few steps otherwise
    if stage in ("pretrain", "align", "scratch"):
        assert told[-1] < 0.95 * told[0], told
    stored = read_tensors(result.folder)
    changed = {name for name, value in before.state_dict().items() if not torch.equal(value, stored[name])}
    expected = {name for name, _ in before.named_parameters() if name.startswith(STAGES[trains or stage])}
    if stage == "align":
        expected = {name for name in expected if not name.startswith("decoder.")}
    assert changed <= expected
    unused = ("vision.embeddings.mask_token", "k_proj.bias", "language.embed_tokens")  # no pull on them, or a tiny one
    assert all(any(part in name for part in unused) for name in expected - changed), expected - changed
    assert load_policy("student", checkpoint=str(result.folder)).card.trained_on == "primitive"


def test_a_card_tells_of_the_trainings_before(room):
    last = fit(room, "onwards", student_recipe("finetune", config={}, steps=2, save_every=2), init=room / "aligned")
    (earlier,) = load_card(last.folder).data["earlier"]
    assert (earlier["stage"], earlier["demonstrations"]) == ("align", load_card(last.folder).data["demonstrations"])
    again = fit(room, "on", student_recipe("finetune", config={}, steps=2, save_every=2), init=last.folder)
    assert [one["stage"] for one in load_card(again.folder).data["earlier"]] == ["align", "finetune"]


def test_heads_of_auxiliary_losses_go_on_with_the_network(room):
    """As far as they fit; policies do not read them."""
    brief = {"steps": 2, "save_every": 2, "log_every": 1, "waypoint_weight": 1.0, "lr": 1e-6, "warmup": 0}
    first = fit(room, "heads", teacher_recipe(**{**brief, "steps": 40, "save_every": 40, "lr": 1e-2}))
    after = losses(first.folder, "waypoint")
    on = fit(room, "heads-on", teacher_recipe(**brief, config={}), init=first.folder)
    assert losses(on.folder, "waypoint")[0] < (after[0] + after[-1]) / 2
    assert not any("waypoint" in name for name in read_tensors(first.folder))
    wider = {**TEACHER, "hidden": 32}
    fit(room, "heads-wide", teacher_recipe(**brief, config=wider), init=first.folder)


def test_state_encoders_that_are_new_begin_scaled_to_the_states(room, monkeypatch):
    """A network that has acted, or a recipe that does not ask for it, is left as it is."""
    scaled = []
    for kind in (Seer, Student):
        monkeypatch.setattr(
            kind, "calibrate", lambda self, states: scaled.append((type(self).__name__, states.shape[1]))
        )
    brief = {"steps": 2, "save_every": 2, "log_every": 2}
    fit(room, "unscaled", teacher_recipe(**brief))
    fit(room, "scaled", teacher_recipe(**brief, scale_states=True))
    fit(room, "onwards2", teacher_recipe(**brief, scale_states=True, config={}), init=room / "scaled")
    fit(room, "scaled-align", student_recipe("align", **brief, scale_states=True), teacher=room / "teacher")
    fit(room, "then", student_recipe("finetune", **brief, scale_states=True, config={}), init=room / "scaled-align")
    assert scaled == [("Seer", 8), ("Student", 8)]


def test_standardise_folds_scale_and_mean_into_the_weights():
    torch.manual_seed(0)
    states = torch.randn(200, 6) * torch.tensor([0.1, 1, 0.01, 1, 1, 5]) + 3
    linear = torch.nn.Linear(6, 12)
    plain = torch.nn.Linear(6, 12)
    plain.load_state_dict(linear.state_dict())
    standardise(linear, states)
    expected = plain((states - states.mean(dim=0)) / states.std(dim=0))
    assert torch.allclose(linear(states), expected, atol=1e-3)


def test_only_the_interface_is_aligned():
    assert STAGES["align"] == INTERFACE == ("action_token", "state_encoder.", "mapper.")


def test_alignment_is_measured_on_what_is_held_out(room):
    recipe = student_recipe("align", holdout=1, steps=30, validate_every=10, log_every=10, save_every=10)
    result = fit(room, "heldout", recipe, teacher=room / "teacher")
    told = losses(result.folder, "eval_loss")
    assert len(told) == 3
    assert told[-1] < told[0]


def test_cached_features_are_the_teachers(room):
    kept = fit(room, "kept", student_recipe("align"), teacher=room / "teacher")
    live = fit(room, "live", student_recipe("align", shift_teacher=True), teacher=room / "teacher")
    assert list((room / "cache").glob("features-*.npy"))
    assert np.allclose(losses(kept.folder), losses(live.folder), rtol=2e-3)


@pytest.mark.parametrize(("kind", "stage"), [("l2", "align"), ("smooth_l1", "only-ft"), ("mse", "only-ft")])
def test_the_released_codes_losses_are_options(room, kind, stage):
    change = {"align_loss": kind} if stage == "align" else {"arm_loss": kind}
    own = fit(room, f"own{stage}", student_recipe(stage, steps=2, save_every=2), teacher=room / "teacher")
    other = fit(room, f"other{kind}", student_recipe(stage, steps=2, save_every=2, **change), teacher=room / "teacher")
    assert losses(own.folder) != losses(other.folder)


def test_accumulation_is_a_larger_batch(room):
    whole = fit(room, "whole", teacher_recipe(batch=8, clip=0.1))
    parts = fit(room, "parts", teacher_recipe(batch=8, micro=2, clip=0.1, steps=6))
    assert np.allclose(losses(whole.folder, "arm")[:1], losses(parts.folder, "arm")[:1], rtol=0.05)
    with pytest.raises(VvlaError, match="does not divide"):
        fit(room, "odd", teacher_recipe(batch=8, micro=3))


def test_bfloat16_learns(room):
    result = fit(room, "half", teacher_recipe(bf16=True, storage="bfloat16", steps=20, log_every=10, save_every=20))
    assert losses(result.folder)[-1] < losses(result.folder)[0]
    assert read_tensors(result.folder)["action_decoder.0.weight"].dtype == torch.bfloat16
    load_policy("teacher", checkpoint=str(result.folder))


@pytest.mark.parametrize("stage", ["align", "only-ft"])
def test_bfloat16_teaches_students(room, stage):
    half = fit(room, f"half-{stage}", student_recipe(stage, bf16=True, steps=2, save_every=2), teacher=room / "teacher")
    whole = fit(room, f"whole-{stage}", student_recipe(stage, steps=2, save_every=2), teacher=room / "teacher")
    assert losses(half.folder) != losses(whole.folder)
    assert np.allclose(losses(half.folder), losses(whole.folder), rtol=0.05)


def test_states_turn_alike_where_blocks_are_compiled():
    def joined(states):
        return torch.cat((-states[..., 4:], states[..., :4]), dim=-1)  # as rotary embeddings are mostly written

    found = []
    for turn in (joined, compilation._rotated_half):
        states = torch.randn((2, 3, 5, 8), generator=torch.manual_seed(0), requires_grad=True)
        turned = turn(states)
        (turned * torch.arange(8.0)).sum().backward()
        found.append((turned, states.grad))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_compiled_blocks_learn_the_same(room, monkeypatch):
    plain = fit(room, "plain-ft", student_recipe("only-ft", holdout=1), teacher=room / "teacher")
    compiled = fit(room, "compiled-ft", student_recipe("only-ft", holdout=1, compile=True), teacher=room / "teacher")
    assert np.allclose(losses(compiled.folder), losses(plain.folder), rtol=1e-3)
    assert np.allclose(losses(compiled.folder, "eval_loss"), losses(plain.folder, "eval_loss"), rtol=1e-3)
    assert read_tensors(compiled.folder).keys() == read_tensors(plain.folder).keys()
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(VvlaError, match="no C\\+\\+ compiler 'no-such-compiler' here"):
        fit(room, "no-compiler", teacher_recipe(compile=True))


RUN = """
import sys
from tests.distill.test_train import request
from tests.distill.small import teacher_recipe
from vvla_policies.distill.train import train
import torch, pathlib, time
room, out, pause = pathlib.Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
recipe = teacher_recipe(config={**teacher_recipe().config, "dropout": 0.1}, steps=12, ema=0.9, shift_image=2, micro=2)
train(request(room, out, recipe), line=lambda *_: time.sleep(pause))
"""


def test_a_killed_training_resumed_is_the_same_to_the_bit(room):
    command = [sys.executable, "-c", RUN, str(room)]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    subprocess.run([*command, "through", "0"], check=True, env=env)
    child = subprocess.Popen([*command, "cut", "0.4"], env=env)
    deadline = time.monotonic() + 120
    while last_checkpoint(room / "cut/training") is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(np.random.default_rng().uniform(0, 1))
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (room / "cut/model.safetensors").exists()
    subprocess.run([*command, "cut", "0"], check=True, env=env)
    assert losses(room / "cut") == losses(room / "through")
    one, two = read_tensors(room / "cut"), read_tensors(room / "through")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_time_runs_out_and_training_goes_on(room):
    recipe = teacher_recipe(steps=8, seed=1)
    whole = fit(room, "long", recipe)
    part = train(dataclasses.replace(request(room, "short", recipe), minutes=1e-9))
    assert (part.step, part.finished) == (2, False)
    load_policy("teacher", checkpoint=str(part.folder))
    rest = fit(room, "short", recipe)
    assert rest.finished
    assert losses(rest.folder) == losses(whole.folder)
    before = (rest.folder / "model.safetensors").stat().st_mtime_ns
    assert fit(room, "short", recipe).finished
    assert (rest.folder / "model.safetensors").stat().st_mtime_ns == before


def test_rollouts_leave_the_training_as_it_is(room, monkeypatch):
    def harness(given):
        np.random.rand()  # noqa: NPY002
        torch.rand(3)
        assert load_policy(given.policy, **given.policy_options).card.name == "teacher"
        return SimpleNamespace(records=[SimpleNamespace(success=k == 0) for k in range(4)])

    monkeypatch.setattr(rollouts, "evaluate", harness)
    recipe = teacher_recipe(config={**TEACHER, "dropout": 0.1}, steps=6)
    plain = fit(room, "plain", recipe)
    asked = dataclasses.replace(request(room, "asked", recipe), rollouts=rollouts.Rollouts(every=3))
    result = train(asked)
    assert losses(result.folder, "success_rate") == [0.25, 0.25]
    assert losses(result.folder) == losses(plain.folder)


def test_what_the_user_can_mend_is_one_line(room, tmp_path):
    with pytest.raises(VvlaError, match="needs the teacher whose features"):
        fit(room, "x", student_recipe("align"))
    with pytest.raises(VvlaError, match="begins from an aligned student"):
        fit(room, "x", student_recipe("finetune"))
    with pytest.raises(VvlaError, match="no checkpoint at"):
        fit(room, "x", student_recipe("align"), teacher=tmp_path / "absent")
    with pytest.raises(VvlaError, match="is a student, not a teacher"):
        fit(room, "x", student_recipe("align"), teacher=room / "aligned")
    longer = student_recipe("align", config={**STUDENT, "action_tokens": 4})
    with pytest.raises(VvlaError, match="predicted actions 3, not 4"):
        fit(room, "x", longer, teacher=room / "teacher")
    with pytest.raises(RecordError, match="belongs to a training with another recipe"):
        fit(room, "teacher", teacher_recipe(lr=0.5))
    with pytest.raises(RecordError, match="there are no demonstrations"):
        train(dataclasses.replace(request(room, "x", teacher_recipe()), data=[tmp_path]))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "card.json").write_text((room / "teacher/card.json").read_text())
    (broken / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(VvlaError, match="truncated or no safetensors"):
        fit(room, "x", student_recipe("align"), teacher=broken)
    with pytest.raises(VvlaError, match="config of the recipe"):
        fit(room, "x", teacher_recipe(config={"widht": 3}))
    assert json.loads((room / "teacher/training/request.json").read_text())["finished"]
