"""What `vvla doctor` looks at; each check returns findings, and each failure says what to do."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vvla_policies import __version__

if TYPE_CHECKING:
    from packaging.requirements import Requirement

NEEDED_GB = 5.0
REFERENCE = {"mujoco": "3.3.2"}
"""Versions that published numbers of ours were made with, where the pin allows others too."""
EXTRAS = {
    "calvin": "CALVIN",
    "train": "teacher, student and what is taught",
    "serve": "policies behind a websocket",
    "ray": "clusters",
    "report": "reports and the leaderboard",
}
"""Beside LIBERO's, and what they are for."""


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        area: what was looked at.
        state: "ok", "note" (works, but know this) or "fail" (the main job cannot run).
        detail: what was found.
        remedy: what to do about it.
    """

    area: str
    state: Literal["ok", "note", "fail"]
    detail: str
    remedy: str = ""


def python() -> Iterator[Finding]:
    """This package and its interpreter."""
    yield Finding("vvla-policies", "ok", f"{__version__}, Python {platform.python_version()} ({sys.executable})")


def packages() -> Iterator[Finding]:
    """Installed versions against what this package asks for: LIBERO's, and extras; one line for all good."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        yield Finding("packages", "note", "versions are not compared without 'packaging'", "pip install packaging")
        return
    wanted = [Requirement(line) for line in requires("vvla-policies") or []]
    own = [requirement for requirement in wanted if requirement.name != "vvla-policies"]
    found = [_package(one, None) for one in own if _is_of(one, "")]
    found += [_package(one, "libero") for one in own if _is_of(one, "libero") and not _is_of(one, "")]
    yield from (finding for finding in found if finding.state != "ok")
    good = [finding for finding in found if finding.state == "ok"]
    for extra, purpose in EXTRAS.items():
        more = [_package(one, extra) for one in own if _is_of(one, extra) and not _is_of(one, "")]
        lacking = [finding for finding in more if finding.state == "fail"]
        if lacking:
            names = ", ".join(f"{finding.area} {finding.detail}" for finding in lacking)
            yield Finding(extra, "note", f"{names}; for {purpose}", f"pip install 'vvla-policies[{extra}]'")
        good += [finding for finding in more if finding.state == "ok" and finding not in good]
    yield Finding("packages", "ok", ", ".join(f"{finding.area} {finding.detail}" for finding in good))


def _is_of(requirement: Requirement, extra: str) -> bool:
    """Whether an extra ("" for none) brings a package."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _package(requirement: Requirement, extra: str | None) -> Finding:
    name, wanted = requirement.name, str(requirement.specifier)
    remedy = f"pip install 'vvla-policies[{extra}]'" if extra else f"pip install '{name}{wanted}'"
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "fail", f"not installed (needs {wanted or 'any version'})", remedy)
    if not requirement.specifier.contains(found, prereleases=True):
        return Finding(name, "fail", f"{found}, but {wanted} is needed", f"pip install '{name}{wanted}'")
    reference = REFERENCE.get(name)
    if reference and found != reference:
        return Finding(name, "note", f"{found}; the reference is {reference}", f"pip install '{name}=={reference}'")
    return Finding(name, "ok", found)


def machine(folder: Path) -> Iterator[Finding]:
    """Cores, the disk that a folder is (or will be) on, and GPU."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding("CPU", "ok", f"{cores} cores: start with --workers {cores}")
    place = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free / 1e9
    detail = f"{free:.0f} GB free at {place}"
    if free < NEEDED_GB:
        yield Finding("disk", "note", detail, f"official assets and videos want {NEEDED_GB:.0f} GB; make room there")
    else:
        yield Finding("disk", "ok", detail)
    yield _gpu()


def _gpu() -> Finding:
    tool = shutil.which("nvidia-smi")
    if not tool:
        return Finding("GPU", "ok", "none found: pictures are drawn in software, policies run on the CPU")
    command = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return Finding("GPU", "note", "nvidia-smi is there but fails", "run nvidia-smi; the driver may need a reboot")
    return Finding("GPU", "ok", "; ".join(said.stdout.strip().splitlines()) or "nvidia-smi lists none")


def writable(area: str, folder: Path, remedy: str) -> Finding:
    """Whether a folder can be written, or made where it is absent, and how much it holds; leaves nothing behind."""
    place = next((p for p in (folder, *folder.absolute().parents) if p.exists()), folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Finding(area, "fail", f"{folder}: {error.strerror or error}", remedy)
    return Finding(area, "ok", f"{folder} ({_size(folder) if folder.exists() else 'not made yet'})")


def _size(folder: Path) -> str:
    size = float(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()))
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
