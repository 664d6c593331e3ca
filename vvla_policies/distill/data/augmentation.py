"""Windows made a little different each time they are learnt from: shifted, in another light, or elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue look (ITU-R BT.601)."""
POINTS = frozenset({"things", "goals"})
"""Entries of batches that are places in pictures: (B, n, 2, 2), third-person first, in edges."""


def shifted(frames: NDArray[np.uint8], pad: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Each frame shifted by its own draw of up to `pad` pixels in both directions, its edges repeated.

    Args:
        frames: (..., H, W, 3).
        pad: px.
        rng: drawn from.

    Returns:
        A new array of the same shape.
    """
    count = int(np.prod(frames.shape[:-3]))
    return shifted_by(frames, rng.integers(-pad, pad + 1, (2, count)))


def shifted_by(frames: NDArray[np.uint8], draws: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Frames (..., H, W, 3), place k of which shows what was draws (2, frames) px below and to the right of it."""
    moved = frames.reshape(-1, *frames.shape[-3:])
    for axis, draw in zip((1, 2), draws, strict=True):
        out = np.empty_like(moved)
        for by in np.unique(draw):
            same = np.flatnonzero(draw == by)
            out[same] = _moved(moved[same], int(by), axis)
        moved = out
    return moved.reshape(frames.shape)


def jittered(pictures: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Pictures in another light: contrast, saturation, red, green, blue and brightness change, each by its own draw.

    Args:
        pictures: (B, S, C, h, w, 3); all S frames of a window and camera change alike.
        strength: factors are drawn from 1 - strength to 1 + strength, what is added from -127 to 127 times strength.
        rng: drawn from.

    Returns:
        A new array of the same shape.
    """
    windows, frames, cameras = pictures.shape[:3]
    factors = 1 + strength * rng.uniform(-1, 1, (windows, 1, cameras, 1, 5))
    added = 127 * strength * rng.uniform(-1, 1, (windows, 1, cameras, 1, 1))
    contrast, saturation, gains = factors[..., :1], factors[..., 1:2], factors[..., 2:]
    mixed = saturation * np.eye(3) + (1 - saturation) * np.array(LUMA)[:, None]  # rows are what a colour is mixed into
    turned = (contrast * mixed * gains).astype(np.float32)
    flat = pictures.reshape(windows, frames, cameras, -1, 3).astype(np.float32)
    out = flat @ turned + (127 * (1 - contrast) + added).astype(np.float32)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8).reshape(pictures.shape)


def roamed(
    batch: Mapping[str, NDArray[Any]],
    prefix: str,
    draws: NDArray[np.int64],
    camera: NDArray[np.float64],
) -> dict[str, NDArray[Any]]:
    """Windows as if what the third-person camera sees, and the hand, stood elsewhere; the wrist's camera comes along.

    Args:
        batch: see `CachedWindows.__getitems__`.
        prefix: before the keys of what the network reads.
        draws: pixels to the left, one number for each window.
        camera: (3, 4), of the states' positions (m) to places in pictures, homogeneous; see `CachedWindows.camera`.

    Returns:
        The entries that change.
    """
    steps, _, edge = batch[prefix + "pictures"].shape[1:4]
    across = draws.repeat(steps)
    found: dict[str, NDArray[Any]] = {}
    for name in {prefix + "pictures", prefix + "pictures_ahead"} & batch.keys():
        found[name] = batch[name].copy()
        found[name][:, :, 0] = shifted_by(batch[name][:, :, 0], np.stack([np.zeros_like(across), across]))
    moved = -draws / edge
    state = batch[prefix + "state"].copy()
    state[..., :2] += _displaced(state[..., :3], moved[:, None], camera)
    found[prefix + "state"] = state
    for name in POINTS & batch.keys() if not prefix else ():  # they are in the learner's pictures
        points = batch[name].astype(np.float32)
        points[:, :, 0, 0] += moved[:, None]
        points[((points < 0) | (points >= 1)).any(axis=-1)] = np.nan
        found[name] = points
    return found


def _displaced(
    places: NDArray[np.float32], across: NDArray[np.float64], camera: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far, in x and y, places (..., 3) are from where they are seen `across` (...) edges further right, as high."""
    seen = np.concatenate([places, np.ones_like(places[..., :1])], axis=-1) @ camera.T
    right, down = seen[..., 0] / seen[..., 2] + across, seen[..., 1] / seen[..., 2]
    slopes = camera[:2, :2] - np.stack([right, down], axis=-1)[..., None] * camera[2, :2]
    missing = np.stack([right, down], axis=-1) * seen[..., 2:] - seen[..., :2]
    found: NDArray[np.floating[Any]] = np.linalg.solve(slopes, missing[..., None])[..., 0]
    return found.astype(np.float64)


def _moved(frames: NDArray[np.uint8], by: int, axis: int) -> NDArray[np.uint8]:
    """Frames moved along an axis so that place k shows what was at k + by, as far as there is such a place."""
    if not by:
        return frames
    edge = frames.shape[axis]
    cut, last = (slice(by, None), edge - 1) if by > 0 else (slice(None, by), 0)
    kept = frames[(slice(None),) * axis + (cut,)]
    rim = np.repeat(frames[(slice(None),) * axis + (slice(last, last + 1),)], abs(by), axis=axis)
    return np.concatenate([kept, rim] if by > 0 else [rim, kept], axis=axis)
