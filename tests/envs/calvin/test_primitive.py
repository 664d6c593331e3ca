"""Primitive assets: the same links, joints and sizes as the official ones, and states that hold."""

import numpy as np
import pytest
from vvla_policies.envs.calvin import assets
from vvla_policies.envs.calvin.chains import ROBOT_OBS, chains, scene_obs, starts
from vvla_policies.envs.calvin.primitive.build import build
from vvla_policies.envs.calvin.scenes import SCENES

from vvla_policies.errors import AssetsError

pytestmark = pytest.mark.calvin


@pytest.fixture(scope="module")
def primitive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("primitive")
    build(folder)
    return folder


def world_of(name, folder):
    from vvla_policies.envs.calvin.world import World

    return World(SCENES[name], folder)


def parts(world, body):
    """Name, kind, limits, link, axis and parent of each joint; mass and frame of each link."""
    rows = []
    for i in range(world.bullet.getNumJoints(body)):
        row = world.bullet.getJointInfo(body, i)
        limits = row[8:10] if row[2] != world.bullet.JOINT_FIXED else ()
        rows.append((row[1], row[2], limits, row[12], row[16]))
    return rows


def masses(world, body):
    return [world.bullet.getDynamicsInfo(body, i)[0] for i in range(-1, world.bullet.getNumJoints(body))]


@pytest.mark.official
@pytest.mark.parametrize("name", ["A", "B", "C", "D"])
def test_links_and_joints_are_those_of_the_official_models(name, primitive, calvin_assets):
    ours, theirs = world_of(name, primitive), world_of(name, calvin_assets)
    for body in ("table", "robot"):
        mine, other = (w.table if body == "table" else w.robot.body for w in (ours, theirs))
        assert parts(ours, mine) == parts(theirs, other)
        np.testing.assert_allclose(masses(ours, mine), masses(theirs, other), atol=1e-6)
        for link in range(-1, ours.bullet.getNumJoints(mine)):
            if ours.bullet.getCollisionShapeData(mine, link) and theirs.bullet.getCollisionShapeData(other, link):
                boxes = [np.array(w.bullet.getAABB(b, link)) for w, b in ((ours, mine), (theirs, other))]
                np.testing.assert_allclose(*boxes, atol=0.02, err_msg=f"{body}, link {link}")
    for robot_frame in ("tcp", "gripper_cam"):
        for got, wanted in zip(ours.robot.pose(robot_frame), theirs.robot.pose(robot_frame), strict=True):
            np.testing.assert_allclose(got, wanted, atol=2e-5)
    for block, uid in ours.blocks.items():
        shape, wanted = (w.bullet.getCollisionShapeData(w.blocks[block], -1)[0][3] for w in (ours, theirs))
        np.testing.assert_allclose(shape, wanted, err_msg=f"{block} {uid}")
    for world in (ours, theirs):
        world.close()


def test_they_are_made_the_same_every_time(primitive, tmp_path):
    build(tmp_path)
    names = sorted(path.relative_to(primitive) for path in primitive.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((primitive / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)


@pytest.mark.official
def test_blocks_touch_at_the_start_what_they_touch_in_the_official_world(primitive, calvin_assets):
    """Tasks are judged by contacts, so those of the first moment matter."""
    ours, theirs = world_of("D", primitive), world_of("D", calvin_assets)
    for chain in chains()[:3]:
        for world in (ours, theirs):
            world.reset(*chain.state())
        for block in ours.blocks:
            mine, other = (w.look().blocks[block].contacts for w in (ours, theirs))
            assert mine == other
            assert mine
    for world in (ours, theirs):
        world.close()


def settles(world, start, fresh):
    """Whether nothing moves by more than a centimetre when the world is left alone for a second."""
    wanted = scene_obs(start)
    if not fresh:
        world.load()
    world.reset(np.array(ROBOT_OBS), wanted)
    for _ in range(240):
        world.bullet.stepSimulation()
    got = world.scene_obs()
    assert np.abs(got[:4] - wanted[:4]).max() < 0.005
    for k in range(6, 24, 6):
        assert np.abs(got[k : k + 3] - wanted[k : k + 3]).max() < 0.01


def test_starts_hold(primitive):
    world = world_of("D", primitive)
    for number, chain in enumerate(chains()[:4]):
        settles(world, chain.start, fresh=number == 0)
    world.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["primitive", "official"])
def test_all_starts_hold(kind, request):
    """The 1000 chains begin in 192 different states."""
    assert {tuple(chain.start.values()) for chain in chains()} == {tuple(start.values()) for start in starts()}
    folder = request.getfixturevalue("primitive" if kind == "primitive" else "calvin_assets")
    world = world_of("D", folder)
    for number, start in enumerate(starts()):
        settles(world, start, fresh=number == 0)
    world.close()


def test_assets_are_made_when_needed_and_official_ones_are_asked_for(cache):
    found = assets.find("auto")
    assert found.name == "primitive"
    assert found == assets.find("primitive")
    with pytest.raises(AssetsError, match="vvla assets fetch calvin"):
        assets.find("official")


@pytest.mark.official
def test_import_checks_every_file(tmp_path, calvin_assets, monkeypatch):
    from vvla_policies.envs import store

    monkeypatch.setenv("VVLA_CACHE", str(tmp_path / "cache"))
    with pytest.raises(AssetsError, match="is no CALVIN asset folder"):
        assets.import_official(tmp_path)
    found = assets.import_official(calvin_assets.parent)
    assert (found.fingerprint, found.source) == (assets.FINGERPRINT, "imported")
    copy = found.path.parent / "copy"
    found.path.rename(copy)
    (copy / store.MANIFEST).unlink()
    (copy / "blocks" / "block_red.urdf").write_text("<robot/>")
    with pytest.raises(AssetsError, match="are not those of github mees/calvin_env"):
        assets.import_official(copy)


def test_fetching_without_a_network(cache, monkeypatch):
    monkeypatch.setattr(assets, "URL", "http://127.0.0.1:9/none.tar.gz")
    with pytest.raises(AssetsError, match="vvla assets import calvin FOLDER"):
        assets.fetch_official()


@pytest.mark.official
def test_fetching(tmp_path, calvin_assets, monkeypatch):
    """From an archive as the repository's server makes it, without a network."""
    import tarfile

    monkeypatch.setenv("VVLA_CACHE", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "archive.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(calvin_assets, "calvin_env-797142c/data")
    monkeypatch.setattr(assets, "URL", (tmp_path / "archive.tar.gz").as_uri())
    found = assets.fetch_official()
    assert found.fingerprint == assets.FINGERPRINT
    assert found.source == "github 797142c"
    assert assets.find("official") == found
