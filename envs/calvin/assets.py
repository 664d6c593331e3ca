"""CALVIN's assets on this machine: official ones fetched or imported, primitive ones made by this package."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

from vvla_policies.envs import store
from vvla_policies.envs.sets import AssetSets
from vvla_policies.envs.suite import AssetSet

from vvla_policies.errors import AssetsError

COMMIT = "797142c588c21e76717268b7b430958dbd13bf48"
URL = f"https://codeload.github.com/mees/calvin_env/tar.gz/{COMMIT}"
FINGERPRINT = "24e7620fd596"
"""Of the 200 files below `data/` of github mees/calvin_env at that commit."""

FOLDERS = ("blocks", "calvin_table_A", "calvin_table_B", "calvin_table_C", "calvin_table_D", "franka_panda", "plane")
LARGEST_DOWNLOAD = 200_000_000
SECONDS = 60
ELSEWHERE = "vvla assets import calvin FOLDER, or use --assets primitive"


def _fill(folder: Path) -> None:
    from vvla_policies.envs.calvin.primitive.build import build

    build(folder)


def _primitive_source() -> str:
    """Changes whenever the code that makes the primitive assets does, or PyBullet, whose arm they hold."""
    code = Path(__file__).parent
    shared = [code.parent / "libero" / "primitive" / f"{name}.py" for name in ("meshes", "mjcf", "paint", "rotations")]
    files = [*sorted((code / "primitive").glob("*.py")), *shared]
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return f"generated {store.fingerprint_of({**hashes, 'pybullet': _pybullet()})}"


def _pybullet() -> str:
    """Its version, "" if it is not installed."""
    try:
        return metadata.version("pybullet")
    except metadata.PackageNotFoundError:
        return ""


SETS = AssetSets("calvin", "CALVIN", _fill, lambda: _primitive_source())
OFFICIAL, PRIMITIVE = SETS.official, SETS.primitive
find, status, build_primitive = SETS.find, SETS.status, SETS.build


def import_official(folder: Path) -> AssetSet:
    """Copies CALVIN's official assets into the cache.

    Args:
        folder: the folder with `calvin_table_A`, `blocks`, ... in it, or its parent, where it is named `data`.

    Raises:
        AssetsError: it is not such a folder, or its files are not those of the public repository.
    """
    root = next((place for place in (folder, folder / "data") if _looks_right(place)), None)
    if root is None:
        raise AssetsError(f"{folder} is no CALVIN asset folder: it needs {', '.join(FOLDERS)}")
    return OFFICIAL.install(lambda target: _copy(root, target), "imported")


def fetch_official() -> AssetSet:
    """Downloads the official assets from the public repository, at one commit, and checks them file by file.

    Raises:
        AssetsError: it cannot be reached, or what came is not what was there when this was written.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        try:
            _download(work / "archive.tar.gz")
            with tarfile.open(work / "archive.tar.gz") as archive:
                archive.extractall(work / "content", filter="data")
        except (OSError, urllib.error.URLError, tarfile.TarError) as error:
            raise AssetsError(f"cannot get {URL} ({error}); try again, or: {ELSEWHERE}") from error
        roots = [place for place in (work / "content").glob("*/data") if _looks_right(place)]
        if not roots:
            raise AssetsError(f"{URL} holds no assets; {ELSEWHERE}")
        return OFFICIAL.install(lambda target: _copy(roots[0], target), f"github {COMMIT[:7]}")


def _download(target: Path) -> None:
    with urllib.request.urlopen(URL, timeout=SECONDS) as response, target.open("wb") as file:
        while block := response.read(1 << 20):
            file.write(block)
            if file.tell() > LARGEST_DOWNLOAD:
                raise AssetsError(f"{URL} is larger than {LARGEST_DOWNLOAD} bytes; {ELSEWHERE}")


def _looks_right(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in FOLDERS)


def _copy(root: Path, target: Path) -> None:
    for name in FOLDERS:
        shutil.copytree(root / name, target / name)
    found = store.fingerprint_of(store.file_hashes(target))
    if found != FINGERPRINT:
        raise AssetsError(
            f"the files in {root} ({found}) are not those of github mees/calvin_env at {COMMIT[:7]} ({FINGERPRINT}); "
            "run: vvla assets fetch calvin"
        )
