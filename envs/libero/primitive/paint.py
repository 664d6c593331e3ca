"""Painted textures: uint8 arrays (height, width, 3), row 0 on top. Everything is a pure function of its arguments."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]


def png(pixels: Pixels) -> bytes:
    """PNG bytes of (height, width, 3) or (height, width, 4) uint8."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=False, compress_level=6)
    return buffer.getvalue()


def plain(colour: Colour, size: int = 8) -> Pixels:
    """One colour."""
    return np.full((size, size, 3), colour, dtype=np.uint8)


def grain(colour: Colour, amount: float, seed: int, size: tuple[int, int] = (64, 64)) -> Pixels:
    """One colour with random brightness per pixel (deviation `amount`, grey levels); size is (height, width)."""
    noise = np.random.default_rng(seed).normal(0.0, amount, size)[..., None]
    return _bytes(np.asarray(colour, dtype=float) + noise)


def clouds(low: Colour, high: Colour, seed: int, size: int = 128, cells: int = 8, octaves: int = 3) -> Pixels:
    """Soft seamless noise between two colours: marble, plaster, leather, cloth."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size, size))
    for octave in range(octaves):
        grid = rng.random((cells * 2**octave, cells * 2**octave))
        total += _stretched(grid, size) / 2**octave
    return blend(low, high, _unit(total))


def wood(
    light: Colour, dark: Colour, seed: int, size: tuple[int, int] = (128, 128), rings: float = 9.0, knots: float = 0.35
) -> Pixels:
    """Wood with its grain along u (the rows); size is (height, width)."""
    rng = np.random.default_rng(seed)
    height, width = size
    wobble = _stretched(rng.random((6, 3)), max(size))[:height, :width]
    v = np.linspace(0, rings, height)[:, None]
    lines = 0.5 + 0.5 * np.sin(2 * np.pi * (v + knots * 4 * wobble))
    streaks = np.repeat(rng.random((height, 1)), width, axis=1)
    return blend(light, dark, np.clip(0.55 * lines**2 + 0.45 * streaks, 0, 1))


def planks(light: Colour, dark: Colour, seed: int, boards: int = 4, size: int = 128) -> Pixels:
    """Parallel boards of wood with dark seams."""
    tall = size // boards
    rows = []
    for i in range(boards):
        board = wood(light, dark, seed + i, (tall, size), rings=3.0).astype(float) * (0.88 + 0.06 * (i % 3))
        board[0] *= 0.45
        rows.append(board)
    return _bytes(np.concatenate(rows))


def weave(light: Colour, dark: Colour, cells: int = 12, size: int = 128) -> Pixels:
    """Basket weave: alternating over and under strands."""
    y, x = np.mgrid[0:size, 0:size] * (cells / size)
    over = (x.astype(int) + y.astype(int)) % 2
    bump = np.where(over, np.sin(np.pi * (y % 1)), np.sin(np.pi * (x % 1)))
    return blend(dark, light, np.clip(0.25 + 0.75 * bump, 0, 1))


def tiles(colours: tuple[Colour, Colour], joint: Colour, cells: int = 4, size: int = 128, gap: int = 2) -> Pixels:
    """Square tiles in two alternating colours with joints of `gap` pixels."""
    y, x = np.mgrid[0:size, 0:size]
    step = size // cells
    parity = ((x // step) + (y // step)) % 2
    picture = np.where(parity[..., None] == 0, np.asarray(colours[0]), np.asarray(colours[1]))
    picture = np.where(((x % step < gap) | (y % step < gap))[..., None], np.asarray(joint), picture)
    return picture.astype(np.uint8)


def blend(low: Colour, high: Colour, share: NDArray[np.float64]) -> Pixels:
    """Colours between `low` (share 0) and `high` (share 1)."""
    a, b = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    return _bytes(a + (b - a) * share[..., None])


def _bytes(values: NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    return shares


def _stretched(grid: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Periodic bilinear enlargement of a small grid to (size, size)."""
    rows, columns = grid.shape
    y, x = np.arange(size) * rows / size, np.arange(size) * columns / size
    top, left = y.astype(int), x.astype(int)
    fy, fx = (y - top)[:, None], (x - left)[None, :]
    below, right = (top + 1) % rows, (left + 1) % columns
    upper = grid[top][:, left] * (1 - fx) + grid[top][:, right] * fx
    lower = grid[below][:, left] * (1 - fx) + grid[below][:, right] * fx
    enlarged: NDArray[np.float64] = upper * (1 - fy) + lower * fy
    return enlarged


@dataclass
class Canvas:
    """A picture to paint on; coordinates are shares of its width and height, (0, 0) at the bottom left."""

    width: int
    height: int
    ground: Colour = (255, 255, 255)
    image: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", (self.width, self.height), self.ground)

    def _pixels(self, x0: float, y0: float, x1: float, y1: float) -> tuple[int, int, int, int]:
        left, right = round(x0 * self.width), round(x1 * self.width) - 1
        top, bottom = round((1 - y1) * self.height), round((1 - y0) * self.height) - 1
        return left, top, max(left, right), max(top, bottom)

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> Canvas:
        """Filled rectangle."""
        ImageDraw.Draw(self.image).rectangle(self._pixels(x0, y0, x1, y1), fill=colour)
        return self

    def band(self, low: float, high: float, colour: Colour) -> Canvas:
        """Horizontal band over the full width."""
        return self.rect(0.0, low, 1.0, high, colour)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> Canvas:
        """Filled ellipse."""
        ImageDraw.Draw(self.image).ellipse(self._pixels(x - rx, y - ry, x + rx, y + ry), fill=colour)
        return self

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> Canvas:
        """Filled polygon."""
        ImageDraw.Draw(self.image).polygon([(x * self.width, (1 - y) * self.height) for x, y in points], fill=colour)
        return self

    def word(self, letters: str, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> Canvas:
        """Letters stretched to fill the given rectangle."""
        left, top, right, bottom = self._pixels(x0, y0, x1, y1)
        mask = lettering(letters).resize((right - left + 1, bottom - top + 1), Image.Resampling.BOX)
        self.image.paste(colour, (left, top), mask)
        return self

    def paste(self, pixels: Pixels, x0: float, y0: float, x1: float, y1: float) -> Canvas:
        """Another picture, scaled into the given rectangle."""
        left, top, right, bottom = self._pixels(x0, y0, x1, y1)
        scaled = Image.fromarray(pixels).resize((right - left + 1, bottom - top + 1), Image.Resampling.BOX)
        self.image.paste(scaled, (left, top))
        return self

    def pixels(self) -> Pixels:
        """The finished picture."""
        return np.asarray(self.image, dtype=np.uint8).copy()


def lettering(letters: str) -> Image.Image:
    """Greyscale mask of a word in Pillow's built-in bitmap font, cropped to the letters."""
    font = ImageFont.load_default_imagefont()
    left, top, right, bottom = font.getbbox(letters)
    image = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4), 0)
    ImageDraw.Draw(image).text((2, 2), letters, fill=255, font=font)
    return image.crop(image.getbbox())
