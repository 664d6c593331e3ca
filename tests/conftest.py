"""What all tests share: where reference data lies, and a cache folder that is not the user's."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
MARK_NEEDS = {"libero": "libero", "calvin": "pybullet"}
"""Mark of a test to the package without which it is skipped."""


def pytest_configure() -> None:
    """Lets Ctrl-C reach the runs that tests start: a shell that starts pytest in the background has it ignored."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def reference_folder() -> Path | None:
    """The folder with LIBERO's official assets and golden files: `VVLA_REFERENCE`, else `../shared`; None if absent."""
    folder = Path(os.environ.get("VVLA_REFERENCE") or REPOSITORY.parent / "shared")
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def reference() -> Path:
    """The reference folder; skips the test where it is absent."""
    folder = reference_folder()
    if folder is None:
        pytest.skip("no reference folder: set VVLA_REFERENCE to one with libero-assets/ (official assets) in it")
    return folder


@pytest.fixture(scope="session")
def official_assets(reference: Path) -> Path:
    """LIBERO's official asset folder; skips the test where it is absent."""
    folder = reference / "libero-assets"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: it should hold LIBERO's official assets")
    return folder


@pytest.fixture(scope="session")
def calvin_assets(reference: Path) -> Path:
    """CALVIN's official asset folder; skips the test where it is absent."""
    folder = reference / "calvin" / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: it should hold CALVIN's official assets")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for this session, for this process and its children (`VVLA_TEST_CACHE` keeps one)."""
    kept = os.environ.get("VVLA_TEST_CACHE")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("cache")
    os.environ["VVLA_CACHE"] = str(folder)
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves slow tests to `-m slow`, and says what a missing simulator costs."""
    import importlib.util

    chosen = config.getoption("-m")
    absent = {mark for mark, package in MARK_NEEDS.items() if importlib.util.find_spec(package) is None}
    for item in items:
        if "slow" in item.keywords and not chosen:
            item.add_marker(pytest.mark.skip(reason="slow: run with -m slow"))
        for mark in absent & set(item.keywords):
            item.add_marker(pytest.mark.skip(reason=f"the {mark} extra is not installed"))
