"""The folder where assets live, and how they get there whole or not at all.

Assets lie in the user's cache folder (`VVLA_CACHE` overrides it) as `<benchmark>/<name>/`, beside a manifest with the
hash of every file. They are made in a temporary folder and moved into place, so an interrupted command leaves nothing.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from vvla_policies.envs.suite import AssetSet

from vvla_policies.errors import AssetsError

MANIFEST = "vvla-manifest.json"


def cache_root() -> Path:
    """Where this package keeps what it makes and fetches."""
    return Path(os.environ.get("VVLA_CACHE") or platformdirs.user_cache_dir("vvla-policies"))


@dataclass(frozen=True)
class Place:
    """Where one set of assets belongs.

    Attributes:
        benchmark: "libero", "calvin".
        name: "official" or "primitive".
    """

    benchmark: str
    name: str

    @property
    def folder(self) -> Path:
        """The folder of the assets; exists only when they are whole."""
        return cache_root() / "assets" / self.benchmark / self.name

    @property
    def present(self) -> bool:
        """Whether they are there (not: whether they are intact)."""
        return (self.folder / MANIFEST).is_file()

    def install(self, fill: Callable[[Path], None], source: str) -> AssetSet:
        """Makes the assets and moves them into place, replacing what was there.

        Args:
            fill: writes the assets into the empty folder it is given; raises to give up.
            source: where they come from, for the records ("generated", "imported", "hub <revision>").

        Raises:
            AssetsError: the cache folder cannot be written.
        """
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=f".{self.name}-", dir=self.folder.parent))
        except OSError as error:
            raise AssetsError(f"cannot write {self.folder.parent} ({error.strerror}); set VVLA_CACHE") from error
        try:
            content = work / "content"
            content.mkdir()
            fill(content)
            _write_manifest(content, source)
            if self.folder.exists():
                self.folder.rename(work / "old")
            content.rename(self.folder)
        except OSError as error:
            raise AssetsError(
                f"cannot write {work}: {error.strerror or error}; free space or set VVLA_CACHE"
            ) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
        _verified.cache_clear()
        return self.open()

    def open(self) -> AssetSet:
        """The assets, after checking every file against the manifest (once per process).

        Raises:
            AssetsError: absent, or a file is missing, changed or unreadable.
        """
        fingerprint, source = _verified(self.folder)
        return AssetSet(self.name, self.folder, fingerprint, source)


def file_hashes(folder: Path) -> dict[str, str]:
    """Relative path to SHA-256 of every file below `folder`, the manifest left out, in sorted order."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def fingerprint_of(hashes: dict[str, str]) -> str:
    """Twelve hexadecimal digits that stand for all the files."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()[:12]


def _write_manifest(folder: Path, source: str) -> None:
    hashes = file_hashes(folder)
    content = {"fingerprint": fingerprint_of(hashes), "source": source, "files": hashes}
    (folder / MANIFEST).write_text(json.dumps(content, indent=0, sort_keys=True))


@functools.cache
def _verified(folder: Path) -> tuple[str, str]:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise AssetsError(f"there are no assets in {folder}")
    try:
        told = json.loads(manifest.read_text())
        expected, fingerprint, source = told["files"], told["fingerprint"], told["source"]
        seen = file_hashes(folder)
    except (OSError, ValueError, KeyError) as error:
        raise AssetsError(f"the assets in {folder} cannot be read ({error})") from error
    wrong = sorted(p for p in {*expected, *seen} if expected.get(p) != seen.get(p))
    if wrong:
        raise AssetsError(f"the assets in {folder} are damaged ({len(wrong)} files differ, first: {wrong[0]})")
    return fingerprint, source
