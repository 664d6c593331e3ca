"""The examples in the docstrings of the core (nothing that needs an extra) do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest
import vvla_policies.baselines
import vvla_policies.envs
from vvla_policies.envs.libero import simulator

import vvla_policies
from vvla_policies.errors import MissingExtraError

PACKAGES = (vvla_policies, vvla_policies.envs, vvla_policies.baselines)
SCRIPTS = "vvla_policies.baselines.servers.serve_", "vvla_policies.baselines.servers.export_"  # run elsewhere
FOUND = {m.name for p in PACKAGES for m in pkgutil.walk_packages(p.__path__, f"{p.__name__}.")}
NAMES = sorted(name for name in FOUND if not name.startswith(SCRIPTS))


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    try:
        if name.startswith("vvla_policies.envs.libero."):
            simulator.load_libero()  # asks a question if it is imported in any other way
        module = importlib.import_module(name)
    except (ImportError, MissingExtraError) as error:
        pytest.skip(f"needs an extra: {error}")
    assert doctest.testmod(module).failed == 0
