"""What networks are shown in training and in acting, and the sizes of the papers without their weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("h5py")
torch = pytest.importorskip("torch")
from tests.distill.small import STUDENT, TEACHER, make_demos, student_recipe  # noqa: E402
from vvla_policies.distill.data.batches import CachedWindows, Reading, tensors  # noqa: E402
from vvla_policies.distill.data.cache import cached  # noqa: E402
from vvla_policies.distill.data.dataset import DemoDataset, Windows  # noqa: E402
from vvla_policies.distill.demos.inspection import find_files  # noqa: E402
from vvla_policies.distill.objectives import ActionObjective, AlignObjective, TeacherObjective, teacher_features  # noqa: E402
from vvla_policies.distill.recipe import Recipe, load_recipe  # noqa: E402
from vvla_policies.inputs import Inputs  # noqa: E402
from vvla_policies.student.config import get_preset  # noqa: E402
from vvla_policies.student.network import build_student  # noqa: E402
from vvla_policies.student.policy import StudentPolicy  # noqa: E402
from vvla_policies.student.stages import set_stage  # noqa: E402
from vvla_policies.student.weights import make_card  # noqa: E402
from vvla_policies.teacher.config import get_preset as get_teacher  # noqa: E402
from vvla_policies.teacher.network import Seer  # noqa: E402
from vvla_policies.teacher.policy import SeerPolicy  # noqa: E402
from vvla_policies.teacher.weights import make_card as teacher_card  # noqa: E402

SPACING, HISTORY = 3, 2
FRAME = 5


@pytest.fixture
def shown(tmp_path):
    """A batch of one window for a size of pictures, the observations a policy would have had, and the instruction."""
    files = find_files(make_demos(tmp_path / "demos"))

    def read(inputs):
        reading = Reading(inputs, ahead=3)
        data = CachedWindows(cached(files, tmp_path / "cache"), Windows(HISTORY, 3), [reading], SPACING)
        item = DemoDataset(files, Windows(SPACING * (HISTORY - 1) + 1))[FRAME]
        keys = ("image", "wrist_image", "eef_pos", "eef_quat", "gripper_qpos", "gripper_command")
        seen = [{key: item[key][k] for key in keys} for k in range(0, SPACING * (HISTORY - 1) + 1, SPACING)]
        return tensors(data[FRAME]), seen, item["instruction"], data.instructions

    return read


def test_a_student_is_trained_on_what_it_sees_when_it_acts(shown, monkeypatch):
    config = get_preset("vita-mini", **STUDENT)
    student = build_student(config)
    card = make_card(config, "libero", execution={"history": HISTORY, "mode": "chunk"})
    policy = StudentPolicy.around(student, card, cache=False)
    batch, seen, instruction, instructions = shown(policy.inputs)
    calls = {"see": [], "feel": [], "embed": []}
    for name, kept in calls.items():
        method = getattr(student, name)
        monkeypatch.setattr(student, name, lambda *a, _m=method, _k=kept: (_k.append(a), _m(*a))[1])
    memory = policy.initial_memory(0)
    for obs in seen:
        (acted,) = policy.act_batch([obs], [instruction], [memory])
    acting = {name: list(kept) for name, kept in calls.items()}
    for kept in calls.values():
        kept.clear()
    with torch.no_grad():
        objective = ActionObjective(student, student_recipe("finetune"), instructions, HISTORY)
        trained = student.answer(*objective.inputs(batch))
    assert torch.equal(torch.cat([a[0] for a in acting["see"]]), calls["see"][0][0])
    assert torch.equal(torch.cat([a[0] for a in acting["feel"]]), calls["feel"][0][0])
    assert torch.equal(acting["embed"][-1][0], calls["embed"][0][0][0])
    assert np.allclose(acted[:, :6], trained.actions.arm[0, -1], atol=1e-5)


def test_a_teacher_is_trained_on_what_it_sees_when_it_acts(shown):
    seer = Seer(get_teacher("seer-mini", **TEACHER, history=HISTORY))
    card = teacher_card(seer, "seer-mini", "libero", execution={"history": HISTORY, "mode": "chunk"})
    policy = SeerPolicy(seer, card)
    batch, seen, instruction, instructions = shown(policy.inputs)
    memory = policy.initial_memory(0)
    for obs in seen:
        (acted,) = policy.act_batch([obs], [instruction], [memory])
    with torch.no_grad():
        actions = seer.decode(teacher_features(seer, batch, instructions).action)
    assert np.allclose(acted[:, :6], actions.arm[0, -1], atol=1e-5)


def test_features_learn_where_the_hand_goes(shown):
    seer = Seer(get_teacher("seer-mini", **TEACHER, history=HISTORY))
    batch, _, _, instructions = shown(Inputs(**teacher_card(seer, "seer-mini", "libero").inputs))
    recipe = Recipe("teacher", "seer-mini", waypoint_weight=1.0, foresight_weight=0.0)
    objective = TeacherObjective(seer, recipe, instructions)
    losses = []
    optimiser = torch.optim.Adam(objective.parameters(), lr=1e-2)
    for _ in range(30):
        said = objective(batch)
        assert torch.isclose(said["loss"], said["arm"] + recipe.gripper_weight * said["gripper"] + said["waypoint"])
        losses.append(float(said["waypoint"].detach()))
        optimiser.zero_grad()
        said["loss"].backward()
        optimiser.step()
    assert losses[-1] < losses[0] / 10
    assert set(objective.state_dict()) - {f"network.{name}" for name in seer.state_dict()} == {
        "waypoint.head.weight",
        "waypoint.head.bias",
    }


def test_foresight_of_a_share_is_that_of_the_first_windows(shown):
    seer = Seer(get_teacher("seer-mini", **TEACHER, history=HISTORY)).eval()
    one, _, _, instructions = shown(Inputs(**teacher_card(seer, "seer-mini", "libero").inputs))
    twice = {
        name: torch.cat([value, value.flip(-1) if name == "pictures_ahead" else value]) for name, value in one.items()
    }
    with torch.no_grad():
        whole, half, alone = (
            TeacherObjective(seer, Recipe("teacher", "seer-mini", foresight_share=share), instructions)(batch)[
                "foresight"
            ]
            for share, batch in ((1.0, twice), (0.5, twice), (1.0, one))
        )
    assert torch.isclose(half, alone)
    assert not torch.isclose(half, whole)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["align", "finetune", "only-ft", "freeze-vlm"])
def test_a_step_of_the_published_student(stage):
    """The paper's widths, one layer deep: one step of every stage moves what that stage trains, and nothing else."""
    full = get_preset("vita-1.5-7b", "libero")
    config = replace(
        full,
        vision={**full.vision, "num_hidden_layers": 1},
        language={**full.language, "num_hidden_layers": 1, "vocab_size": 768},
        tokenizer="instructions",
    )
    student = build_student(config, dtype=torch.bfloat16)
    trained = set(set_stage(student, stage))
    student.train()
    objective = _objective(student, stage)
    optimiser = torch.optim.SGD([p for p in student.parameters() if p.requires_grad], lr=1e-2)
    losses = objective(_published_batch())
    losses["loss"].backward()
    assert torch.isfinite(losses["loss"])
    pulled = {name for name, p in student.named_parameters() if p.grad is not None}
    assert pulled == trained
    optimiser.step()


def _objective(student, stage):
    recipe = replace(load_recipe("finetune", "libero-mini"), stage=stage)
    told = (student, recipe, ["put the bowl on the plate"], 1)
    return AlignObjective(*told, None) if stage == "align" else ActionObjective(*told)


def _published_batch():
    rng = torch.Generator().manual_seed(0)
    return {
        "task": torch.zeros(1, dtype=torch.int64),
        "pictures": torch.randint(0, 256, (1, 1, 2, 200, 200, 3), dtype=torch.uint8, generator=rng),
        "state": torch.randn(1, 1, 8, generator=rng),
        "actions": torch.rand(1, 1, 3, 7, generator=rng),
        "actions_valid": torch.ones(1, 1, 3, dtype=torch.bool),
        "features": torch.randn(1, 1, 3, 384, generator=rng),
    }
