"""LIBERO's assets on this machine: official ones fetched or imported, primitive ones made by this package."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from importlib import metadata
from pathlib import Path

from vvla_policies.envs.sets import AssetSets
from vvla_policies.envs.suite import AssetSet

from vvla_policies.errors import AssetsError, MissingExtraError

HUB_REPOSITORY = "lerobot/libero-assets"  # the one that hf-libero names
FOLDERS = ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects", "turbosquid_objects")
SHARED_FOLDERS = ("textures",)


def _fill(folder: Path) -> None:
    from vvla_policies.envs.libero.primitive.build import build
    from vvla_policies.envs.libero.primitive.drawing import write_quality, write_robot

    build(folder)
    write_robot(folder)
    write_quality(folder)


SETS = AssetSets("libero", "LIBERO", _fill, lambda: _primitive_source())
OFFICIAL, PRIMITIVE = SETS.official, SETS.primitive
find, status, build_primitive = SETS.find, SETS.status, SETS.build


def import_official(folder: Path) -> AssetSet:
    """Copies LIBERO's official asset folder into the cache.

    Args:
        folder: the folder with `articulated_objects`, `scenes`, `textures` ... in it (or its parent, named `assets`).

    Raises:
        AssetsError: it is not such a folder, or files that its models name are missing.
    """
    root = next((place for place in (folder, folder / "assets") if _looks_right(place)), None)
    if root is None:
        raise AssetsError(f"{folder} is no LIBERO asset folder: it needs {', '.join(FOLDERS)}")

    def copy(target: Path) -> None:
        for name in (*FOLDERS, *SHARED_FOLDERS):
            if (root / name).is_dir():
                shutil.copytree(root / name, target / name)
        for model in root.glob("*.xml"):
            shutil.copy2(model, target / model.name)
        _check_references(target, root)

    return OFFICIAL.install(copy, "imported")


def fetch_official(revision: str | None = None) -> AssetSet:
    """Downloads the official assets from the hub repository that hf-libero names; an interrupted download resumes.

    The hub's library verifies every file it downloads; the commit stands in the records as the assets' source.

    Args:
        revision: a commit or branch; None for the newest.

    Raises:
        AssetsError: the hub cannot be reached, or the download is incomplete.
    """
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise MissingExtraError("libero", "huggingface_hub") from error
    try:
        folder = Path(huggingface_hub.snapshot_download(HUB_REPOSITORY, repo_type="dataset", revision=revision))
    except (OSError, ValueError, RuntimeError) as error:  # what the library makes of network, hub and disk failures
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise AssetsError(
            f"cannot get {HUB_REPOSITORY} from the model hub ({reason}); try again (a partial download resumes), "
            "or: vvla assets import libero FOLDER, or use --assets primitive"
        ) from error

    def copy(target: Path) -> None:
        shutil.copytree(folder, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))
        _check_references(target, folder)

    return OFFICIAL.install(copy, f"hub {folder.name}")


def _primitive_source() -> str:
    """Changes whenever what the primitive assets are made with does."""
    from vvla_policies.envs import store

    code = Path(__file__).parent / "primitive"
    hashes = {k: v for k, v in store.file_hashes(code).items() if k.endswith(".py")}
    hashes["robosuite"] = _robosuite()  # whose robot they hold
    return f"generated {store.fingerprint_of(hashes)}"


def _robosuite() -> str:
    """Its version, "" if it is not installed."""
    try:
        return metadata.version("robosuite")
    except metadata.PackageNotFoundError:
        return ""


def _looks_right(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in FOLDERS)


def _check_references(folder: Path, origin: Path) -> None:
    missing = []
    for model in sorted(folder.rglob("*.xml")):
        try:
            tree = ET.parse(model)  # noqa: S314 - asset files that the user chose
        except ET.ParseError as error:
            raise AssetsError(f"{origin / model.relative_to(folder)} is not valid XML ({error})") from error
        for element in tree.iter() if _is_loaded(model, folder) else ():
            name = element.get("file")
            if name and not Path(name).is_absolute() and not (model.parent / name).exists():
                missing.append(f"{model.relative_to(folder)} -> {name}")
    if missing:
        raise AssetsError(f"{origin}: {len(missing)} files that its models name are missing, first: {missing[0]}")


def _is_loaded(model: Path, folder: Path) -> bool:
    """Whether hf-libero opens this model: parts and leftovers inside an object's folder are never opened."""
    place = model.relative_to(folder)
    if place.parts[0] in ("articulated_objects", "scenes"):
        return len(place.parts) == 2
    return len(place.parts) == 3 and place.parts[1] == model.stem
