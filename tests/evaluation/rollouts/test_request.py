"""What a request becomes before it runs."""

from vvla_policies.evaluation.rollouts.request import Request, fitted_options


def test_teacher_and_student_are_those_of_the_suites() -> None:
    assert fitted_options("student", {}, ["calvin_abc_d"]) == {"benchmark": "calvin"}
    assert fitted_options("student", {"device": "cpu"}, ["libero"]) == {"device": "cpu"}
    for policy, options in (("student", {"checkpoint": "mine"}), ("random", {})):
        assert fitted_options(policy, options, ["calvin_abc_d"]) == options


def test_a_request_keeps_all_else() -> None:
    request = Request("teacher", ("calvin_a", "calvin_b"), {"device": "cpu"}, episodes=3)
    assert request.fitted() == Request(
        "teacher", ("calvin_a", "calvin_b"), {"device": "cpu", "benchmark": "calvin"}, episodes=3
    )
