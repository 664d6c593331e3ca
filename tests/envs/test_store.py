from __future__ import annotations

import os
import subprocess
import sys

import pytest
from vvla_policies.envs import store
from vvla_policies.envs.libero import assets

from vvla_policies.errors import AssetsError, UnknownNameError


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VVLA_CACHE", str(tmp_path))
    store._verified.cache_clear()
    yield tmp_path
    store._verified.cache_clear()


def fill(folder):
    (folder / "scenes").mkdir()
    (folder / "scenes" / "a.xml").write_text("<mujoco/>")
    (folder / "b.png").write_bytes(b"\x89PNG")


def test_installed_assets_can_be_opened_and_have_a_fingerprint(empty_cache):
    place = store.Place("libero", "official")
    installed = place.install(fill, "imported")
    assert installed == place.open()
    assert len(installed.fingerprint) == 12
    assert place.install(fill, "again").fingerprint == installed.fingerprint


@pytest.mark.parametrize("harm", ["change", "remove", "add", "manifest"])
def test_damage_is_found(empty_cache, harm):
    place = store.Place("libero", "official")
    place.install(fill, "imported")
    target = place.folder / "b.png"
    if harm == "remove":
        target.unlink()
    elif harm == "manifest":
        (place.folder / store.MANIFEST).write_text("{")
    else:
        (target if harm == "change" else place.folder / "c.png").write_bytes(b"x")
    store._verified.cache_clear()
    with pytest.raises(AssetsError, match=r"damaged|cannot be read"):
        place.open()


def test_a_failed_install_keeps_what_was_there(empty_cache):
    place = store.Place("libero", "official")
    place.install(fill, "imported")

    def fail(folder):
        fill(folder)
        raise AssetsError("the source ended")

    with pytest.raises(AssetsError, match="the source ended"):
        place.install(fail, "hub")
    assert place.open().source == "imported"
    assert [p.name for p in place.folder.parent.iterdir()] == ["official"]


def test_a_full_disk_is_one_line(empty_cache):
    def full(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(AssetsError, match="No space left on device; free space or set VVLA_CACHE"):
        store.Place("libero", "official").install(full, "x")


def test_an_unwritable_cache_is_one_line(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("VVLA_CACHE", str(blocked))
    with pytest.raises(AssetsError, match="set VVLA_CACHE"):
        store.Place("libero", "official").install(fill, "x")


def test_missing_official_assets_name_the_commands(empty_cache):
    with pytest.raises(AssetsError, match="vvla assets fetch libero"):
        assets.find("official")
    with pytest.raises(AssetsError, match="vvla assets fetch libero"):
        assets.find("auto", trained_on="official")
    with pytest.raises(UnknownNameError, match="Did you mean 'primitive'"):
        assets.find("primitve")


def test_importing_the_wrong_folder(empty_cache, tmp_path):
    with pytest.raises(AssetsError, match="is no LIBERO asset folder"):
        assets.import_official(tmp_path)


def test_importing_a_folder_with_a_missing_mesh(empty_cache, tmp_path):
    root = tmp_path / "given"
    for name in assets.FOLDERS:
        (root / name).mkdir(parents=True)
    (root / "scenes" / "table.xml").write_text('<mujoco><asset><mesh file="gone.msh"/></asset></mujoco>')
    with pytest.raises(AssetsError, match=r"1 files .* missing, first: scenes/table.xml -> gone.msh"):
        assets.import_official(root)
    assert not assets.OFFICIAL.present


def test_fetching_without_a_network(empty_cache):
    """The real library against an address where nobody listens."""
    pytest.importorskip("huggingface_hub")
    code = "from vvla_policies.cli.main import app; app(['assets', 'fetch', 'libero'])"
    env = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(empty_cache)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "vvla assets import libero FOLDER" in done.stderr
    assert "Traceback" not in done.stderr


def test_fetching_from_the_hub(empty_cache, monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    snapshot = tmp_path / "snapshots" / "0123abc"
    for name in assets.FOLDERS:
        (snapshot / name).mkdir(parents=True)
        (snapshot / name / "file.txt").write_text(name)
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: str(snapshot))
    fetched = assets.fetch_official()
    assert fetched.source == "hub 0123abc"
    assert assets.find("official") == fetched


def test_auto_takes_official_if_present_else_primitive(empty_cache, monkeypatch):
    monkeypatch.setattr(assets, "_primitive_source", lambda: "generated x")
    assets.PRIMITIVE.install(fill, "generated x")
    assert assets.find("auto").name == "primitive"
    assets.OFFICIAL.install(fill, "imported")
    assert assets.find("auto").name == "official"
    assert assets.find("auto", trained_on="primitive").name == "primitive"
    assert [s.problem for s in assets.status()] == ["", ""]
