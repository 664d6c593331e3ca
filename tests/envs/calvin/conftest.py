"""CALVIN environments on official assets, one for all tests of this folder."""

from pathlib import Path

import pytest
from vvla_policies.envs.suite import AssetSet, EnvSettings, load_suite


@pytest.fixture(scope="session")
def official_set(calvin_assets: Path) -> AssetSet:
    return AssetSet("official", calvin_assets, "0123456789ab")


@pytest.fixture(scope="session")
def env(official_set):
    suite = load_suite("calvin_abc_d")
    made = suite.make_env(EnvSettings(suite.protocol(), official_set))
    yield made
    made.close()
