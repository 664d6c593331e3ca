"""The block mask against its rules, written out plainly."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")
from vvla_policies.teacher.config import SeerConfig, get_preset  # noqa: E402
from vvla_policies.teacher.mask import Masking, additive, block_mask, last_step_rows  # noqa: E402

CONFIG = get_preset("seer-mini", latents=3, foresight=4, chunk=3)
STEPS = 6


def kinds(config: SeerConfig) -> list[str]:
    """What each token of a step is, in order."""
    pictures = ["latent"] * (2 * config.latents) + ["cls"] * 2
    return ["text", "state", *pictures, *["foresight"] * (2 * config.foresight), *["action"] * config.chunk]


def allowed(row: str, i: int, column: str, j: int, masking: Masking) -> bool:
    """Whether a token of kind `row` in step i sees one of kind `column` in step j (nothing hidden at random)."""
    if row == "foresight" and column == "state" and masking.goal and j == i + masking.goal:
        return True
    if j > i:
        return False
    if column == "action":
        return False
    if column == "foresight":
        return row == "action" and i == j
    if row == "action" and masking.only_foresight:
        return i == j and (column in ("latent", "cls") or (column == "state" and masking.own_state))
    return True


def reference(config: SeerConfig, steps: int, masking: Masking) -> torch.Tensor:
    tokens = [(step, kind) for step in range(steps) for kind in kinds(config)]
    return torch.tensor([[allowed(row, i, column, j, masking) for j, column in tokens] for i, row in tokens])


@pytest.mark.parametrize(
    "masking",
    [Masking(only, state, goal) for only, state, goal in itertools.product((False, True), (False, True), (0, 2, 4))],
    ids=str,
)
def test_every_switch(masking: Masking) -> None:
    assert torch.equal(block_mask(CONFIG, STEPS, masking), reference(CONFIG, STEPS, masking))


def test_hidden_foresight_is_drawn_anew_within_its_share() -> None:
    masking, generator = Masking(hidden=0.5), torch.Generator().manual_seed(0)
    full = block_mask(CONFIG, STEPS)
    first, second = (block_mask(CONFIG, STEPS, masking, generator) for _ in range(2))
    assert not torch.equal(first, second)
    names = kinds(CONFIG) * STEPS
    actions = torch.tensor([name == "action" for name in names])
    foresight = torch.tensor([name == "foresight" for name in names])
    for mask in (first, second):
        changed = mask != full
        assert not changed[~actions].any()
        assert not changed[:, ~foresight].any()
        seen = mask[actions][:, foresight].reshape(STEPS, CONFIG.chunk, -1)
        assert (seen.sum(-1) == CONFIG.foresight).all()  # half of both cameras' tokens
        assert (seen == seen[:, :1]).all()  # the action tokens of a step share the draw
    again = block_mask(CONFIG, STEPS, masking, torch.Generator().manual_seed(0))
    assert torch.equal(first, again)


def test_no_row_is_blind() -> None:
    masking = Masking(only_foresight=True, hidden=1.0)
    assert block_mask(CONFIG, STEPS, masking).any(dim=1).all()


def test_additive() -> None:
    sees = torch.tensor([[True, False]])
    assert additive(sees).tolist() == [[0.0, float("-inf")]]
    assert additive(sees, torch.bfloat16).dtype == torch.bfloat16


def test_rows_of_the_last_step_see_nothing_that_is_left_out() -> None:
    mask = block_mask(CONFIG, STEPS)
    for step in range(STEPS):
        rows = last_step_rows(CONFIG, STEPS, step)
        left_out = torch.ones(len(mask), dtype=torch.bool)
        left_out[rows] = False
        assert not mask[rows][:, left_out].any()
        assert len(rows) == STEPS * CONFIG.conditions + CONFIG.queries
