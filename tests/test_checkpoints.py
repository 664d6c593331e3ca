"""The mini checkpoints that come with the package: small, whole, honest about where they come from, and the default."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
import vvla_policies.pretrained as pretrained
from vvla_policies import load_policy
from vvla_policies.pretrained import BUNDLED, bundled, load_card

NAMES = sorted(path.name for path in BUNDLED.iterdir()) if BUNDLED.is_dir() else []
MEGABYTES = 60


def test_there_is_a_teacher_and_a_student_for_each_benchmark():
    assert {f"{who}-mini-{where}" for who in ("teacher", "student") for where in ("libero", "calvin")} <= set(NAMES)


def test_together_they_are_small():
    assert sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file()) < MEGABYTES * 1e6


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_how_they_were_made(name):
    card = load_card(BUNDLED / name)
    assert f"{card.architecture}-mini-{card.benchmark}" == name
    assert card.trained_on == "primitive"
    assert card.data["demonstrations"] > 0
    assert card.data["seconds"] > 0
    assert card.data["recipe"]["stage"] == {"student": "finetune"}.get(card.architecture, card.architecture)
    assert card.data["machine"]["cpus"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_they_are_what_a_policy_without_a_checkpoint_opens(name):
    architecture, benchmark = name.split("-mini-")
    policy = load_policy(architecture, benchmark=benchmark)
    assert policy.card.notes["checkpoint"] == f"bundled {name}"
    assert policy.card.weights == load_policy(architecture, checkpoint=str(BUNDLED / name)).card.weights
    preset = {"teacher": "seer-mini", "student": "vita-mini"}.get(architecture, f"{architecture}-mini")
    assert load_policy(architecture, benchmark=benchmark, preset=preset).card.weights != policy.card.weights


def test_without_them_weights_are_random_and_a_warning_says_so(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(pretrained, "BUNDLED", tmp_path)
    assert bundled("teacher", "libero") is None
    assert load_policy("teacher").card.notes["checkpoint"] == "random weights"
    assert "random weights" in caplog.text
