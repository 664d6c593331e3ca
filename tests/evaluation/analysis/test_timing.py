"""Where the wall time went."""

import pytest

from tests.evaluation.made import record, run_of
from vvla_policies.evaluation.analysis.timing import closing_line, split


def test_wall_time_is_split_without_remainder():
    run = run_of("results/run", [record("libero_goal", 0, k, True) for k in range(3)])
    session = run.manifest.sessions[0]
    parts = split(run.records, session)
    assert sum(parts.values()) == pytest.approx(60.0)
    assert parts["physics"] == pytest.approx(3 * 4.0 / 2)
    line = closing_line(run.records, session)
    assert line.startswith("3 episodes in 1 min 00 s with 2 workers, 3.0 per minute: physics 10 % (6.0 s), drawing 5 %")
    assert "\n" not in line
