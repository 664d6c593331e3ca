"""Observations come out of shared memory as they went in."""

import numpy as np
import pytest
from vvla_policies.envs.suite import EnvSettings

from tests import fakes
from vvla_policies.evaluation.rollouts.transport import Board, block_size, layout


@pytest.mark.parametrize("cameras", [(), ("image",), ("wrist_image", "image")])
def test_a_board_carries_observations(cameras: tuple[str, ...]) -> None:
    settings = EnvSettings(fakes.SUITE.protocol(), fakes.SUITE.assets(), cameras)
    env = fakes.SUITE.make_env(settings)
    env.start(0, 0, 0)
    shown = env.observe()
    board = Board(block_size([settings]))
    other = Board(name=board.name)
    try:
        other.write(shown, settings)
        seen = board.read(settings)
        other.write({key: np.zeros_like(value) for key, value in shown.items()}, settings)  # type: ignore[arg-type]
        assert set(seen) == set(shown) == {field.key for field in layout(settings)}
        for key, value in shown.items():
            np.testing.assert_array_equal(seen[key], value)  # type: ignore[literal-required]
            assert seen[key].dtype == value.dtype  # type: ignore[literal-required, attr-defined]
        with pytest.raises(ValueError, match=r"'state' is float32 \(3,\), but should be float32 \(8,\)"):
            other.write({**shown, "state": np.zeros(3, np.float32)}, settings)
    finally:
        other.close()
        board.close()
