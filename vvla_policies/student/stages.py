"""Which parameters each stage of distillation trains, by name (VITA-VLA, arXiv 2510.09607).

Frozen at every stage but the first and the last: vision tower and projector.
"""

from __future__ import annotations

from vvla_policies.errors import UnknownNameError
from vvla_policies.student.network import Student

INTERFACE = ("action_token", "state_encoder.", "mapper.")
"""What a student adds to its vision-language model: 31.50 M parameters beside Seer-Large, 27.4 M beside Seer."""
DECODER = ("decoder.",)
LANGUAGE = ("language.",)
PERCEPTION = ("vision.", "projector.")

STAGES: dict[str, tuple[str, ...]] = {
    "pretrain": LANGUAGE + PERCEPTION,
    "align": INTERFACE,
    "finetune": INTERFACE + DECODER + LANGUAGE,
    "only-ft": INTERFACE + DECODER + LANGUAGE,
    "freeze-vlm": INTERFACE + DECODER,
    "scratch": INTERFACE + DECODER + LANGUAGE + PERCEPTION,
}
"""Stage to the prefixes of what it trains.

`pretrain` makes a vision-language model of a mini student, by questions about pictures; published ones come with it.
`align` compares features with the teacher's; `finetune` follows it on actions; `only-ft` is the same without alignment
before, `freeze-vlm` without touching the language model (the paper's controls). `scratch` trains everything, for a
student such as `vita-mini` whose vision-language model was never trained.
"""


def trained_names(student: Student, stage: str) -> list[str]:
    """Names of the parameters that a stage trains.

    Raises:
        UnknownNameError: no such stage.
    """
    if stage not in STAGES:
        raise UnknownNameError("stage", stage, list(STAGES))
    return [name for name, _ in student.named_parameters() if name.startswith(STAGES[stage])]


def set_stage(student: Student, stage: str) -> list[str]:
    """Lets exactly the parameters of a stage have gradients; returns their names. Call `student.train()` after it."""
    names = trained_names(student, stage)
    trained = set(names)
    for name, parameter in student.named_parameters():
        parameter.requires_grad_(name in trained)
    return names
