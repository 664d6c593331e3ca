"""A LIBERO suite whose episodes end after a few steps: most of the time goes into the simulator's resets."""

from __future__ import annotations

from dataclasses import replace

from vvla_policies.envs.libero.suites import LiberoSuite
from vvla_policies.envs.protocol import Protocol


class ShortSuite(LiberoSuite):
    """The suite under a protocol of ten steps."""

    def protocol(self, name: str | None = None) -> Protocol:
        return replace(super().protocol(name), name="ten steps", max_steps={self.name: 10})


SUITE = ShortSuite("libero_spatial")
