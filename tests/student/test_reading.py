"""Reading several dialogs at once, whole or after what was read before, gives what reading each alone gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.student.small import tiny_student
from vvla_policies.student.network import Student
from vvla_policies.student.reading import Passage, Past, in_lanes, read


@pytest.fixture(scope="module")
def student() -> Student:
    return tiny_student()


def dialog(length: int, seed: int) -> Tensor:
    return torch.randn(length, 32, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def alone(student: Student, embeddings: Tensor) -> Tensor:
    return student.language(inputs_embeds=embeddings[None]).last_hidden_state[0]


@torch.no_grad()
def test_passages_of_different_lengths_do_not_disturb_each_other(student: Student) -> None:
    dialogs = [dialog(length, seed=length) for length in (5, 11, 8)]
    for embeddings, (hidden, past) in zip(dialogs, read(student.language, [Passage(d) for d in dialogs]), strict=True):
        assert torch.allclose(hidden, alone(student, embeddings), atol=1e-5)
        assert past is None


@torch.no_grad()
@pytest.mark.parametrize("pad_to", [(0, 0), (16, 32)])
def test_reading_on_equals_reading_everything(student: Student, pad_to: tuple[int, int]) -> None:
    dialogs, cuts = [dialog(12, 1), dialog(17, 2), dialog(9, 3)], (4, 11, 0)
    pasts: list[Past | None] = []
    for embeddings, cut in zip(dialogs, cuts, strict=True):
        first = read(student.language, [Passage(embeddings[:cut], keep=cut)])[0][1] if cut else None
        pasts.append(first)
    rest = [Passage(d[cut:], past) for d, cut, past in zip(dialogs, cuts, pasts, strict=True)]
    for embeddings, cut, (hidden, _) in zip(dialogs, cuts, read(student.language, rest, pad_to), strict=True):
        assert torch.allclose(hidden, alone(student, embeddings)[cut:], atol=1e-5)


@torch.no_grad()
def test_what_is_not_kept_leaves_no_trace(student: Student) -> None:
    embeddings, guess = dialog(8, 1), dialog(4, 2)
    (_, first), (_, mate) = read(
        student.language, [Passage(torch.cat([embeddings[:5], guess]), keep=5), Passage(dialog(12, 3), keep=12)]
    )
    assert first is not None
    assert mate is not None
    assert (len(first), len(mate)) == (5, 12)
    (hidden, longer), _ = read(student.language, [Passage(embeddings[5:], first, keep=3), Passage(dialog(2, 4), mate)])
    assert torch.allclose(hidden, alone(student, embeddings)[5:], atol=1e-5)
    assert longer is not None
    assert len(longer) == 8


def test_lanes_keep_order_and_shape() -> None:
    sizes: list[int] = []

    def compute(group: object) -> list[int]:
        sizes.append(len(list(group)))  # type: ignore[call-overload]
        return [10 * item for item in group]  # type: ignore[attr-defined]

    assert in_lanes([3, 1, 4, 1, 5], 2, lambda item: item % 2, compute) == [30, 10, 40, 10, 50]
    assert set(sizes) == {2}
    assert in_lanes([3, 1, 4], 0, lambda item: item, compute) == [30, 10, 40]
    assert sizes[-1] == 3
