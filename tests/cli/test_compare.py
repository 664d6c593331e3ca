"""`vvla compare` and `vvla plan`."""

import pytest
from typer.testing import CliRunner

from tests.fakes import SUITE_ADDRESS
from vvla_policies.cli.main import app
from vvla_policies.evaluation.rollouts.evaluate import Request, evaluate

runner = CliRunner()


def call(*arguments, code=0):
    result = runner.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    for name, noise in (("steady", 0.1), ("shaky", 3.0)):
        request = Request(
            "tests.fakes:Expert", (SUITE_ADDRESS,), {"noise": noise}, assets="primitive", workers=0, out=root / name
        )
        evaluate(request)
    return root / "shaky", root / "steady"


def test_compare_finds_the_better_policy(folders):
    said = call("compare", *folders).stdout
    assert "fake: steady is better than shaky" in said
    assert "A: shaky, B: steady" in said


def test_compare_needs_two_runs(folders):
    assert "two or more" in call("compare", folders[0], folders[0], code=1).stderr


def test_plan_says_how_many_episodes():
    said = call("plan", "--difference", 5, "--power", 0.8).stdout
    assert "show 5 points" in said
    assert "1606 (161; 41)" in said  # 50 against 55 %, independent outcomes; Connor's approximation: 1567


def test_plan_says_which_difference():
    said = call("plan", "--episodes", 500, "--rate", 90).stdout
    assert "Points that 500 episodes show" in said
    assert "4.8" in said


def test_plan_for_several_policies_shares_the_level():
    assert (
        "at the level 0.01667, shared by the 3 pairs of 3 policies"
        in call("plan", "--difference", 10, "--policies", 3).stdout
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "name one of"), (("--difference", 5, "--episodes", 5), "name one of"),
     (("--difference", 5, "--rate", 97), "more than 100 %"), (("--difference", 60), "more than 100 %")],
)  # fmt: skip
def test_plan_refuses_what_cannot_be(arguments, said):
    assert said in call("plan", *arguments, code=1).stderr
