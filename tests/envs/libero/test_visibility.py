"""Leaving out what a camera cannot see changes no pixel."""

import numpy as np
import pytest
import vvla_policies.envs

pytestmark = pytest.mark.libero


@pytest.mark.parametrize(("suite", "task"), [("libero_goal", 3), ("libero_long", 9)])
def test_pictures_are_the_same(suite, task, monkeypatch):
    same_pictures("primitive", suite, task, monkeypatch, least=5)


@pytest.mark.official
@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "task"), [("libero_goal", 3), ("libero_long", 2), ("libero_object", 1), ("libero_spatial", 7)]
)
def test_pictures_of_official_assets_are_the_same(official_assets, suite, task, monkeypatch):
    from vvla_policies.envs.libero import assets

    assets.import_official(official_assets)
    same_pictures("official", suite, task, monkeypatch, least=5)


def same_pictures(assets, suite, task, monkeypatch, least):
    from vvla_policies.envs.libero.visibility import Visibility

    env = vvla_policies.envs.make(suite, task=task, assets=assets, protocol="vita_vla")
    env.start(task, 0, 0)
    unseen = Visibility.unseen
    hidden = []
    for step in range(3):
        env.run(np.random.default_rng(step).uniform(-1, 1, (12, 7)))
        monkeypatch.setattr(Visibility, "unseen", lambda self, *rest: hidden.append(unseen(self, *rest)) or hidden[-1])
        fast = env.observe()
        monkeypatch.setattr(Visibility, "unseen", lambda self, *rest: np.zeros(self._model.ngeom, bool))
        whole = env.observe()
        assert all(np.array_equal(fast[camera], whole[camera]) for camera in ("image", "wrist_image"))
    groups = env.simulator.model.geom_group
    assert all((geoms & (groups == 1)).sum() >= least for geoms in hidden[1::2]), "the wrist sees little of the robot"
    env.close()
