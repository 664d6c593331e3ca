"""What is installed: one import package with everything in it, from a wheel and in place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
ROOMS = {"vvla_policies": "vvla_policies", "envs": "vvla_policies/envs", "baselines": "vvla_policies/baselines"}
DATA = {".json", ".txt", ".typed", ".safetensors", ".yaml", ".html", ".css", ".js"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    shutil.rmtree(REPOSITORY / "build", ignore_errors=True)  # setuptools would pack what an older build left there
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, REPOSITORY]
    subprocess.run(list(map(str, command)), check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_and_nothing_else(wheel):
    expected = {
        f"{inside}/{path.relative_to(REPOSITORY / room).as_posix()}"
        for room, inside in ROOMS.items()
        for path in (REPOSITORY / room).rglob("*")
        if path.suffix in {".py", *DATA} and "__pycache__" not in path.parts
    }
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == expected


def test_the_installed_wheel_is_one_package(wheel, tmp_path):
    target = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    code = (
        f"import sys; sys.path.insert(0, {str(target)!r})\n"
        "import vvla_policies, vvla_policies.envs, vvla_policies.baselines\n"
        "assert all(p.__file__.startswith(sys.path[0]) for p in (vvla_policies.envs, vvla_policies.baselines))\n"
        "vvla_policies.load_policy('vvla_policies.baselines.noop:NoopPolicy')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_scripts_and_entry_points(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (points,) = [n for n in archive.namelist() if n.endswith("entry_points.txt")]
        text = archive.read(points).decode()
    assert "vvla-eval = vvla_policies.cli.evaluate:main" in text
    assert "vvla = vvla_policies.cli.main:app" in text


def test_an_outside_package_offers_a_policy_by_name(tmp_path):
    """A third party's package with an entry point, installed beside ours, is found and evaluated by its name."""
    site = tmp_path / "site"
    info = site / "tiny_vla-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-vla\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[vvla_policies.policies]\ntiny = tiny_vla:Tiny\n")
    (site / "tiny_vla.py").write_text(
        "import numpy as np\n"
        "from vvla_policies import Policy, PolicyCard\n"
        "class Tiny(Policy):\n"
        "    card = PolicyCard(name='tiny', reads=('state',))\n"
        "    def act(self, obs, instruction):\n"
        "        return np.zeros(7)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(REPOSITORY)])}
    command = [sys.executable, "-c", "from vvla_policies.cli.evaluate import main; main()"]
    command += ["--policy", "tiny", "--suite", "tests.fakes:SUITE"]
    command += ["--episodes", "1", "--workers", "0", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "tiny" in done.stdout
