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


SCENE = """<mujoco><asset><material name="mirror" reflectance="0.5" rgba=".3 .3 .4 1"/></asset><worldbody>
<light pos="0 0 3" castshadow="false"/>{things}
<geom type="plane" size="2 2 .1" pos="0 0 -.5" group="1" rgba=".5 .4 .3 1"/>
<geom type="box" size=".4 .3 .1" euler="{tilt} 10 0" material="mirror" group="1"/>
<camera name="eye" pos="{eye}" xyaxes="{axes}" fovy="50"/></worldbody></mujoco>"""


@pytest.mark.parametrize("seed", range(8))
def test_mirrors_and_wide_pictures(seed, monkeypatch):
    from vvla_policies.envs import rendering

    rendering.choose()
    import mujoco
    from vvla_policies.envs.libero.drawing import Painter
    from vvla_policies.envs.libero.visibility import Visibility

    rng = np.random.default_rng(seed)
    things = "".join(
        f'<geom type="box" size=".08 .05 .1" group="1" pos="{x:.3f} {y:.3f} {z:.3f}" rgba="{r:.2f} {g:.2f} .5 1"/>'
        for x, y, z, r, g in rng.uniform((-1.5, -1.5, -0.3, 0, 0), (1.5, 1.5, 1.5, 1, 1), (40, 5))
    )
    eye = rng.uniform((-1.2, -1.2, 0.3), (1.2, 1.2, 1.2))
    back = eye - rng.uniform(-0.3, 0.3, 3)
    right = np.cross((0.0, 0.0, 1.0), back)
    axes = np.concatenate([right, np.cross(back, right)])
    told = {"things": things, "tilt": 15 * (seed % 3), "eye": _words(eye), "axes": _words(axes)}
    model = mujoco.MjModel.from_xml_string(SCENE.format(**told))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    painter = Painter(model, (64, 128))
    for size in ((64, 64), (48, 128)):
        (fast,) = painter.draw(data, ["eye"], size)
        unseen = painter._visibility.unseen(data, 0, size[1] / size[0])
        assert 5 < unseen.sum() < 40
        with monkeypatch.context() as patch:
            patch.setattr(Visibility, "unseen", lambda self, *rest: np.zeros(self._model.ngeom, bool))
            (whole,) = painter.draw(data, ["eye"], size)
        assert np.array_equal(fast, whole)
        assert fast.std() > 5
    painter.close()


def _words(numbers):
    return " ".join(f"{number:.4f}" for number in numbers)
