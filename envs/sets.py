"""The official and the primitive assets of a benchmark: which of them to use, and in what state they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vvla_policies.envs.store import Place
from vvla_policies.envs.suite import AssetSet

from vvla_policies.errors import AssetsError, UnknownNameError


@dataclass(frozen=True)
class Status:
    """One set of assets as `vvla assets status` shows it; `assets` is None if it cannot be used, for `problem`."""

    name: str
    folder: Path
    assets: AssetSet | None
    problem: str


@dataclass(frozen=True)
class AssetSets:
    """Both sets of one benchmark.

    Attributes:
        benchmark: "libero", "calvin".
        title: the benchmark as people write it.
        fill: writes the primitive assets into an empty folder; takes seconds, needs no network.
        source: says what primitive assets would be made with now; changes whenever that does.
    """

    benchmark: str
    title: str
    fill: Callable[[Path], None]
    source: Callable[[], str]

    @property
    def official(self) -> Place:
        """Where official assets belong."""
        return Place(self.benchmark, "official")

    @property
    def primitive(self) -> Place:
        """Where primitive assets belong."""
        return Place(self.benchmark, "primitive")

    def find(self, requested: str = "auto", trained_on: str | None = None) -> AssetSet:
        """The assets to use; primitive ones are made on the spot (seconds) if they are missing or out of date.

        Args:
            requested: "official", "primitive" or "auto": what the policy was trained on, else official if present,
                else primitive.
            trained_on: `PolicyCard.trained_on`.

        Raises:
            AssetsError: official assets are asked for and absent, or damaged.
        """
        if requested not in ("auto", "official", "primitive"):
            raise UnknownNameError("set of assets", requested, ["auto", "official", "primitive"])
        wanted = requested
        if requested == "auto":
            wanted = trained_on or ("official" if self.official.present else "primitive")
        if wanted == "primitive":
            return self._current_primitive()
        if not self.official.present:
            raise AssetsError(
                f"{self.title}'s official assets are not on this machine; {self._get}, or use --assets primitive"
            )
        return self._open(self.official)

    def status(self) -> list[Status]:
        """Both sets, checked file by file."""
        found = []
        for place in (self.official, self.primitive):
            if not place.present:
                found.append(Status(place.name, place.folder, None, f"absent; {self._remedy(place)}"))
                continue
            try:
                found.append(Status(place.name, place.folder, self._open(place), ""))
            except AssetsError as error:
                found.append(Status(place.name, place.folder, None, str(error)))
        return found

    def build(self) -> AssetSet:
        """Makes the primitive assets, replacing what was there; seconds, no network."""
        return self.primitive.install(self.fill, self.source())

    @property
    def _get(self) -> str:
        return f"run: vvla assets fetch {self.benchmark} (or: vvla assets import {self.benchmark} FOLDER)"

    def _remedy(self, place: Place) -> str:
        return self._get if place.name == "official" else f"run: vvla assets build primitive {self.benchmark}"

    def _open(self, place: Place) -> AssetSet:
        try:
            return place.open()
        except AssetsError as error:
            raise AssetsError(f"{error}; {self._remedy(place)}") from error

    def _current_primitive(self) -> AssetSet:
        if self.primitive.present:
            assets = self._open(self.primitive)
            if assets.source == self.source():
                return assets
        return self.build()
