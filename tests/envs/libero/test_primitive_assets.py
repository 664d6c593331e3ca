"""The primitive assets of LIBERO: they compile, weigh and measure as the official ones; every build is the same."""

import importlib.util
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from vvla_policies.envs.libero.primitive.build import build
from vvla_policies.envs.libero.primitive.catalogue import CATALOGUE

mujoco = pytest.importorskip("mujoco")

MAX_TRIANGLES = 400
FOLDERS = ("stable_hope_objects", "stable_scanned_objects", "turbosquid_objects")
MOVABLES = [path for path in CATALOGUE if path.startswith(FOLDERS)]

# Mass (kg) and size of the bounding box along x, y, z (m), measured on the official collision geometry.
FACTS = {
    "ketchup": (0.02322, (0.0563, 0.1456, 0.0367)),
    "bbq_sauce": (0.01218, (0.0470, 0.0292, 0.1071)),
    "butter": (0.00525, (0.0762, 0.0396, 0.0174)),
    "milk": (0.03167, (0.0530, 0.1312, 0.0526)),
    "alphabet_soup": (0.02585, (0.0624, 0.0762, 0.0624)),
    "cream_cheese": (0.00619, (0.0812, 0.0426, 0.0178)),
    "akita_black_bowl": (0.00559, (0.1072, 0.1070, 0.0505)),
    "white_bowl": (0.00209, (0.0813, 0.0812, 0.0345)),
    "plate": (0.01152, (0.1376, 0.1375, 0.0189)),
    "glazed_rim_porcelain_ramekin": (0.00966, (0.0894, 0.0891, 0.0420)),
    "chefmate_8_frypan": (0.05025, (0.3561, 0.2043, 0.0579)),
    "basket": (0.13611, (0.1695, 0.1573, 0.1415)),
    "red_coffee_mug": (0.02935, (0.1229, 0.0932, 0.1326)),
    "porcelain_mug": (0.01646, (0.1247, 0.0963, 0.1061)),
    "white_yellow_mug": (0.03091, (0.1397, 0.1061, 0.1032)),
    "moka_pot": (0.06824, (0.0814, 0.1475, 0.1518)),
    "wine_bottle": (0.01539, (0.0426, 0.0442, 0.1569)),
    "wine_rack": (0.15275, (0.2688, 0.2539, 0.3304)),
    "desk_caddy": (0.27796, (0.1510, 0.4338, 0.1669)),
    "wooden_tray": (0.05715, (0.2971, 0.1665, 0.0819)),
    "wooden_two_layer_shelf": (0.20633, (0.3515, 0.1909, 0.2104)),
    "black_book": (0.04255, (0.0287, 0.1103, 0.1344)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A freshly built asset folder."""
    made = tmp_path_factory.mktemp("primitive")
    build(made)
    return made


def tree(path: Path) -> ET.Element:
    """An object's MJCF with absolute file names and robosuite's compiler settings."""
    root = ET.parse(path).getroot()
    for element in root.iter():
        if element.get("file"):
            element.set("file", str((path.parent / element.get("file", "")).resolve()))
    compiler = root.find("compiler")
    if compiler is None:
        compiler = ET.SubElement(root, "compiler")
    compiler.set("angle", "radian")
    compiler.set("inertiagrouprange", "0 0")
    return root


def compiled(path: Path) -> "mujoco.MjModel":
    """The object's model as MuJoCo compiles it on its own."""
    return mujoco.MjModel.from_xml_string(ET.tostring(tree(path), encoding="unicode"))


def extent(model: "mujoco.MjModel") -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner (m) of the box around the collision geoms."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    corners = []
    for i in np.flatnonzero(model.geom_group == 0):
        centre, half = model.geom_aabb[i][:3], model.geom_aabb[i][3:]
        turn = data.geom_xmat[i].reshape(3, 3)
        middle, reach = data.geom_xpos[i] + turn @ centre, np.abs(turn) @ half
        corners += [middle - reach, middle + reach]
    return np.min(corners, axis=0), np.max(corners, axis=0)


@pytest.mark.parametrize("path", MOVABLES)
def test_movable_is_sound(path: str, folder: Path) -> None:
    model = compiled(folder / path)
    body = ET.parse(folder / path).find("./worldbody/body/body[@name='object']")
    assert body is not None
    sites = {model.site(i).name for i in range(model.nsite)}
    assert {"bottom_site", "top_site", "horizontal_radius_site"} <= sites
    visual = model.geom_group == 1
    assert 0 < visual.sum() < model.ngeom
    assert not (model.geom_contype | model.geom_conaffinity)[visual].any()
    triangles = sum(int(model.mesh_facenum[model.geom_dataid[i]]) for i in np.flatnonzero(visual))
    assert triangles <= MAX_TRIANGLES


@pytest.mark.parametrize("name", FACTS)
def test_mass_and_size_are_those_of_libero(name: str, folder: Path) -> None:
    path = next(p for p in MOVABLES if p.endswith(f"/{name}.xml"))
    model = compiled(folder / path)
    mass, size = FACTS[name]
    low, high = extent(model)
    assert model.body_mass.sum() == pytest.approx(mass, rel=0.02)
    assert np.abs((high - low) - size).max() < 0.006


def test_building_twice_gives_the_same_bytes_in_seconds(folder: Path, tmp_path: Path) -> None:
    start = time.process_time()
    build(tmp_path)
    assert time.process_time() - start < 20
    first = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    again = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert first == again


@pytest.mark.libero
@pytest.mark.skipif(importlib.util.find_spec("robosuite") is None, reason="the libero extra is not installed")
@pytest.mark.parametrize("name", ["ketchup", "akita_black_bowl", "new_salad_dressing"])
def test_two_of_a_kind_share_a_scene(name: str, folder: Path) -> None:
    from robosuite.models.base import MujocoXML
    from robosuite.models.objects import MujocoXMLObject
    from robosuite.utils.mjcf_utils import xml_path_completion

    path = next(p for p in MOVABLES if p.endswith(f"/{name}.xml"))
    world = MujocoXML(xml_path_completion("base.xml"))
    for instance in ("one", "two"):
        joints = [{"type": "free", "damping": "0.0005"}]
        thing = MujocoXMLObject(str(folder / path), instance, joints, "all", duplicate_collision_geoms=False)
        world.merge_assets(thing)
        world.worldbody.append(thing.get_obj())
    model = mujoco.MjModel.from_xml_string(world.get_xml())
    assert model.njnt == 2


@pytest.mark.official
@pytest.mark.parametrize("path", MOVABLES)
def test_movable_agrees_with_the_official_one(path: str, folder: Path, official_assets: Path) -> None:
    ours, theirs = (_collision_only(base / path) for base in (folder, official_assets))
    assert {ours.body(i).name for i in range(ours.nbody)} == {theirs.body(i).name for i in range(theirs.nbody)}
    assert _sites(ours) == _sites(theirs)
    assert ours.body_mass == pytest.approx(theirs.body_mass, rel=0.02, abs=1e-5)
    for a, b in zip(extent(ours), extent(theirs), strict=True):
        assert np.abs(a - b).max() < 0.006
    for field in ("geom_friction", "geom_solref", "geom_solimp", "geom_condim", "geom_margin"):
        assert _values(ours, field) == _values(theirs, field)


def _collision_only(path: Path) -> "mujoco.MjModel":
    """The model without looks (some official textures are named by paths of another machine)."""
    root = tree(path)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {"texture", "material", "mesh"} or (child.tag == "geom" and child.get("group") == "1"):
                parent.remove(child)
            child.attrib.pop("material", None)
    return mujoco.MjModel.from_xml_string(ET.tostring(root, encoding="unicode"))


def _sites(model: "mujoco.MjModel") -> dict[str, tuple[float, ...]]:
    numbers = {}
    for i in range(model.nsite):
        values = [*model.site_pos[i], *model.site_size[i], *model.site_quat[i]]
        numbers[model.site(i).name] = tuple(round(float(v), 4) + 0.0 for v in values)
    return numbers


def _values(model: "mujoco.MjModel", field: str) -> set[tuple[float, ...]]:
    rows = np.atleast_2d(np.asarray(getattr(model, field), dtype=float).reshape(model.ngeom, -1))
    return {tuple(np.round(row, 5).tolist()) for row in rows}
