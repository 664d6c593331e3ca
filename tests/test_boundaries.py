"""What may be imported by whom: the core must load without simulators and networks, and fast."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import vvla_policies

HEAVY = ("torch", "transformers", "mujoco", "robosuite", "libero", "pybullet", "ray", "imageio", "matplotlib", "typer")

BLOCK = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {HEAVY!r}:
            raise ImportError('blocked: ' + name)
sys.meta_path.insert(0, Block())
"""

KNOWS = {"records": set(), "analysis": {"records"}, "reports": {"analysis", "records"}, "rollouts": {"records"}}
"""Packages of `vvla_policies.evaluation`, and which of the others each may import."""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["vvla_policies", "vvla_policies.envs", "vvla_policies.evaluation.rollouts.plan"])
def test_core_imports_without_heavy_packages(module):
    run(f"{BLOCK}\nimport {module}")


@pytest.mark.parametrize("package", KNOWS)
def test_packages_of_evaluation_know_only_those_below(package):
    files = Path(vvla_policies.__file__).parent.glob(f"evaluation/{package}/**/*.py")
    known = {name for file in files for name in re.findall(r"vvla_policies\.evaluation\.(\w+)", file.read_text())}
    assert known <= {package, *KNOWS[package]}


def test_policies_by_name_without_heavy_packages():
    run(f"{BLOCK}\nimport vvla_policies as v; v.check_policy(v.load_policy('random'))")


def test_import_is_fast():
    """0.3 s is the promise; numpy's own import, which nobody can avoid, is taken off."""
    code = "import numpy, time; t = time.process_time(); import vvla_policies; print(time.process_time() - t)"
    assert min(float(run(code)) for _ in range(3)) < 0.3


def test_importing_the_package_changes_no_environment_variable():
    code = (
        "import os, gymnasium; before = dict(os.environ)\n"
        "import vvla_policies, vvla_policies.envs; print(before == dict(os.environ))"
    )
    assert run(code).strip() == "True"
