"""Single solids of the asset folder's root: the serving region and the obstacle wall. Lengths in m."""

from __future__ import annotations

from collections.abc import Callable

from .fixture import PLAIN_CONTACT
from .mjcf import Body, Files, Look, Model, Site, Visual, bounds
from .parts import Box

BOUNDS = bounds(-0.3, 0.3, 0.3)


def serving_region() -> Files:
    """A site that marks where to serve."""
    site = Site("plate", (0.0, 0.0, 0.022), (1.0, 1.0, 0.05), None, "box", (1.0, 0.0, 0.0, 1.0))
    base = Body("base", sites=(site,), pos=(0.0, 0.0, 0.0))
    return Model("serving_region", Body(children=(base,)), BOUNDS).files()


def wall() -> Files:
    """A low blue obstacle."""
    block = Box((0.15, 0.01, 0.08), (0.0, 0.0, 0.022))
    look = Look("obstacle_blue", rgba=(0.1, 0.1, 0.9, 1.0))
    base = Body("base", (block,), (Visual("obstacle", block.mesh(), look),), pos=(0.0, 0.0, 0.0), contact=PLAIN_CONTACT)
    return Model("wall", Body(children=(base,)), BOUNDS).files()


CATALOGUE: dict[str, Callable[[], Files]] = {"serving_region.xml": serving_region, "wall.xml": wall}
