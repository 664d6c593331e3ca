"""Questions and answers agree with the truths they are made of."""

import numpy as np

from vvla_policies.distill.questions import NOTHING, NOWHERE, PLACES, Examiner, Question
from vvla_policies.distill.truths import GRIPPER, Truths
from vvla_policies.student.config import get_preset
from vvla_policies.student.tokens import IMAGE, ChatLayout, instruction_tokenizer

THINGS = ("plate_1", "akita_black_bowl_1", "akita_black_bowl_2", "wooden_cabinet_1", GRIPPER)
CATEGORIES = ("plate", "akita_black_bowl", "akita_black_bowl", "wooden_cabinet", GRIPPER)


def truths() -> Truths:
    points = np.full((2, len(THINGS), 2, 2), np.nan, dtype=np.float32)
    points[:, 0, 0] = 0.5, 0.25
    points[:, 1, 0] = 0.0, 0.99
    points[:, 0, 1] = 0.75, 0.5
    openness = np.array([[0.0], [0.95]], dtype=np.float32)
    joints = ("wooden_cabinet_1_top_level",)
    return Truths(THINGS, CATEGORIES, points, np.array([-1, 1]), joints, openness, ("akita_black_bowl_1", "plate_1"))


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
