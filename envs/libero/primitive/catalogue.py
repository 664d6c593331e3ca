"""The list of all primitive assets: relative path of the MJCF -> function giving the files for that path's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import appliances, arenas, cabinets, fittings, groceries, holders, markers, surfaces, tableware
from .mjcf import Files

Maker = Callable[[], Files]

CATALOGUE: Mapping[str, Maker] = {
    **groceries.CATALOGUE,
    **tableware.CATALOGUE,
    **holders.CATALOGUE,
    **cabinets.CATALOGUE,
    **appliances.CATALOGUE,
    **fittings.CATALOGUE,
    **arenas.CATALOGUE,
    **surfaces.CATALOGUE,
    **markers.CATALOGUE,
}
