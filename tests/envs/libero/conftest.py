"""What the tests of LIBERO share."""

from __future__ import annotations

import pytest
from vvla_policies.envs.store import Place


@pytest.fixture(scope="session")
def official(official_assets):
    """LIBERO's official assets, imported; skips the test where they are absent."""
    from vvla_policies.envs.libero.assets import import_official

    place = Place("libero", "official")
    return place.open() if place.present else import_official(official_assets)
