"""LIBERO's assets on this machine: official ones fetched or imported, primitive ones made by this package."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from vvla_policies.envs.store import Place
from vvla_policies.envs.suite import AssetSet

from vvla_policies.errors import AssetsError, MissingExtraError, UnknownNameError

OFFICIAL = Place("libero", "official")
PRIMITIVE = Place("libero", "primitive")
HUB_REPOSITORY = "lerobot/libero-assets"  # the one that hf-libero names
GET_OFFICIAL = "run: vvla assets fetch libero (or: vvla assets import libero FOLDER)"
BUILD_PRIMITIVE = "run: vvla assets build primitive"
FOLDERS = ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects", "turbosquid_objects")
SHARED_FOLDERS = ("textures",)


@dataclass(frozen=True)
class Status:
    """One set of assets as `vvla assets status` shows it; `assets` is None if it cannot be used, for `problem`."""

    name: str
    folder: Path
    assets: AssetSet | None
    problem: str


def find(requested: str = "auto", trained_on: str | None = None) -> AssetSet:
    """The assets to use; primitive ones are made on the spot (seconds) if they are missing or out of date.

    Args:
        requested: "official", "primitive" or "auto": what the policy was trained on, else official if present, else
            primitive.
        trained_on: `PolicyCard.trained_on`.

    Raises:
        AssetsError: official assets are asked for and absent, or damaged.
    """
    if requested not in ("auto", "official", "primitive"):
        raise UnknownNameError("set of assets", requested, ["auto", "official", "primitive"])
    wanted = requested
    if requested == "auto":
        wanted = trained_on or ("official" if OFFICIAL.present else "primitive")
    if wanted == "primitive":
        return _current_primitive()
    if not OFFICIAL.present:
        raise AssetsError(
            f"LIBERO's official assets are not on this machine; {GET_OFFICIAL}, or use --assets primitive"
        )
    return _open(OFFICIAL, GET_OFFICIAL)


def status() -> list[Status]:
    """Both sets, checked file by file."""
    found = []
    for place, remedy in ((OFFICIAL, GET_OFFICIAL), (PRIMITIVE, BUILD_PRIMITIVE)):
        if not place.present:
            found.append(Status(place.name, place.folder, None, f"absent; {remedy}"))
            continue
        try:
            found.append(Status(place.name, place.folder, _open(place, remedy), ""))
        except AssetsError as error:
            found.append(Status(place.name, place.folder, None, str(error)))
    return found


def build_primitive() -> AssetSet:
    """Makes the primitive assets, replacing what was there; seconds, no network."""
    from vvla_policies.envs.libero.primitive.build import build
    from vvla_policies.envs.libero.primitive.robot import write_robot

    def fill(folder: Path) -> None:
        build(folder)
        write_robot(folder)

    return PRIMITIVE.install(fill, _primitive_source())


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


def _open(place: Place, remedy: str) -> AssetSet:
    try:
        return place.open()
    except AssetsError as error:
        raise AssetsError(f"{error}; {remedy}") from error


def _current_primitive() -> AssetSet:
    if PRIMITIVE.present:
        assets = _open(PRIMITIVE, BUILD_PRIMITIVE)
        if assets.source == _primitive_source():
            return assets
    return build_primitive()


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
