"""How primitive assets are drawn: same physics, nearly the same pictures, a fraction of the triangles and samples."""

import numpy as np
import pytest
import vvla_policies.envs
from vvla_policies.envs.libero.primitive.drawing import FOLDER, drawn_lightly, simplified, write_quality

pytestmark = pytest.mark.libero


def triangles(model) -> int:
    import mujoco

    seen = (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH) & (model.geom_group == 1)
    return int(model.mesh_facenum[model.geom_dataid[seen]].sum())


def test_only_the_pictures_change_and_they_hardly(monkeypatch):
    seen = []
    for _ in range(2):
        env = vvla_policies.envs.make("libero_goal", task=3, assets="primitive", protocol="vita_vla")
        env.start(3, 0, 0)
        env.run(np.random.default_rng(0).uniform(-1, 1, (25, 7)))
        seen.append((env.simulator.state(), env.observe(), triangles(env.simulator.model)))
        env.close()
        monkeypatch.setattr("vvla_policies.envs.libero.problem.drawn_lightly", lambda xml, _: xml)
    (state, light, few), (same, full, many) = seen
    assert np.array_equal(state, same)
    assert few < many / 10
    for camera in ("image", "wrist_image"):
        assert np.abs(light[camera].astype(float) - full[camera]).mean() < 4


def test_environments_use_it_from_the_first_episode_on():
    env = vvla_policies.envs.make("libero_object", task=0, assets="primitive", protocol="vita_vla")
    assert (env.settings.assets.path / FOLDER).is_dir()
    env.start(0, 0, 0)
    assert triangles(env.simulator.model) < 15_000
    assert env.simulator.model.vis.quality.offsamples == 0
    env.close()


def test_without_the_folder_nothing_changes(tmp_path):
    xml = '<mesh file="/x/robosuite/models/assets/robots/panda/obj_meshes/link1_vis/link1_vis.obj"/>'
    assert drawn_lightly(xml, tmp_path) == xml
    light = tmp_path / FOLDER / "robots/panda/obj_meshes/link1_vis/link1_vis.stl"
    light.parent.mkdir(parents=True)
    light.touch()
    assert drawn_lightly(xml, tmp_path) == f'<mesh file="{light}"/>'


def test_the_quality_is_part_of_the_assets(tmp_path):
    write_quality(tmp_path)
    assert drawn_lightly("<mujoco></mujoco>", tmp_path) == (
        '<mujoco><visual><quality offsamples="0"/></visual>\n</mujoco>'
    )


@pytest.mark.parametrize("cell", [0.3, 0.1])
def test_a_sphere_stays_a_sphere(cell):
    angles = np.linspace(0, np.pi, 60), np.linspace(0, 2 * np.pi, 60)
    up, around = np.meshgrid(*angles, indexing="ij")
    grid = np.stack([np.sin(up) * np.cos(around), np.sin(up) * np.sin(around), np.cos(up)], axis=-1)
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    whole = np.concatenate([np.stack(t, axis=-2).reshape(-1, 3, 3) for t in ((a, b, c), (a, c, d))])
    light = simplified(whole, cell)
    assert 0 < len(light) < len(whole) / 2
    assert np.abs(np.linalg.norm(light, axis=-1) - 1).max() < cell
    outwards = np.cross(light[:, 1] - light[:, 0], light[:, 2] - light[:, 0])
    assert ((outwards * light.mean(axis=1)).sum(axis=1) > 0).mean() > 0.97
