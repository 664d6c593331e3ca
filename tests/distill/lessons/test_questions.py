"""Questions and answers agree with the truths they are made of."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.distill.small import long_truths, make_demos, truths
from tests.student.small import layout, tiny_student
from vvla_policies.distill.data.batches import CachedWindows, Reading
from vvla_policies.distill.data.cache import cached
from vvla_policies.distill.data.dataset import Windows
from vvla_policies.distill.demos.inspection import find_files
from vvla_policies.distill.lessons.dialogs import Lessons
from vvla_policies.distill.lessons.questions import NOTHING, NOWHERE, PLACES, Examiner, Question
from vvla_policies.distill.objectives import PretrainObjective
from vvla_policies.inputs import Inputs
from vvla_policies.student.config import get_preset
from vvla_policies.student.stages import set_stage
from vvla_policies.student.tokens import IMAGE, PAD, ChatLayout, instruction_tokenizer


def asked(frame: int) -> dict[str, set[str]]:
    examiner = Examiner(truths(), "put the black bowl on the plate")
    answers: dict[str, set[str]] = {}
    for question, answer in examiner.ask(frame, 200, np.random.default_rng(0)):
        answers.setdefault(question, set()).add(answer)
    return answers


def test_answers_are_the_truths() -> None:
    assert asked(0) == {
        "where is the plate": {f"{PLACES // 2} {PLACES // 4}"},
        "where is the plate in the hand view": {f"{PLACES * 3 // 4} {PLACES // 2}"},
        "where is the cabinet in the hand view": {NOWHERE},
        "where is the gripper in the hand view": {NOWHERE},
        "where to begin to put the black bowl on the plate": {"0 63"},
        "where to end to put the black bowl on the plate": {"32 16"},
        "what is held": {NOTHING},
        "is the top drawer open": {"yes"},
    }


def test_answers_follow_the_frame() -> None:
    answers = asked(1)
    assert answers["what is held"] == {"black bowl"}
    assert answers["is the top drawer open"] == {"no"}


def test_what_is_there_twice_is_not_asked_for_by_name() -> None:
    assert not any("where is the black bowl" in question for question in asked(0))


def test_questions_are_drawn_from_the_generator_alone() -> None:
    examiner = Examiner(truths(), "put the black bowl on the plate")
    first, second, other = (examiner.ask(0, 20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == second != other


def test_a_lesson_asks_for_the_answers_alone() -> None:
    config = get_preset("vita-mini")
    tokenizer = instruction_tokenizer()
    questions: list[Question] = [("where is the plate", "32 16"), ("what is held", "nothing")]
    ids, said = ChatLayout(tokenizer, config).lesson(questions)
    assert len(ids) == len(said)
    assert ids.count(IMAGE) == 2 * config.visual_tokens
    words = tokenizer.decode([token for token, is_said in zip(ids, said, strict=True) if is_said])
    assert words == " 32 16<|im_end|> nothing<|im_end|>"


def test_lessons_of_a_batch_depend_on_its_items_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = cached(find_files(make_demos(tmp_path / "demos")), tmp_path / "cache")
    monkeypatch.setattr("vvla_policies.distill.data.sources.LiberoFile.truths", lambda *_: long_truths())
    config = get_preset("vita-mini")
    layout = ChatLayout(instruction_tokenizer(), config)
    windows = CachedWindows(files, Windows(), [Reading(Inputs(size=28))])
    windows.lessons = Lessons(files, windows, layout, count=3, seed=0)
    both = windows.__getitems__([(0, 3), (1, 17)])
    alone = windows.__getitems__([(1, 17)])
    length = alone["ids"].shape[1]
    assert np.array_equal(both["ids"][1, :length], alone["ids"][0])
    assert (both["ids"][1, length:] == PAD).all()
    assert np.array_equal(both["said"][1, :length], alone["said"][0])
    assert not np.array_equal(windows.__getitems__([(2, 17)])["ids"][0], alone["ids"][0])  # other epochs ask anew
    again = Lessons(files, windows, layout, count=3, seed=0)  # the truths are read from the cache now
    assert np.array_equal(again(np.array([[1, 17]]))["ids"], alone["ids"])


def test_the_language_model_learns_to_answer() -> None:
    torch.manual_seed(0)
    student = tiny_student()
    set_stage(student, "pretrain")
    ids, said = layout(student.config).lesson([("where is the plate", "32 16")])
    batch = {
        "ids": torch.tensor([ids]),
        "said": torch.tensor([said]),
        "pictures": torch.randint(0, 255, (1, 1, 2, 28, 28, 3), dtype=torch.uint8),
    }
    objective = PretrainObjective(student.train())
    optimiser = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(60):
        losses = objective(batch)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
    assert losses["right"] == 1
