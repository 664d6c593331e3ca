"""Pictures for people: cameras side by side under a caption, the end framed in green or red, and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]

BAR, FRAME, GAP = 52, 6, 4
INK, QUIET, PAPER = (245, 245, 245), (165, 172, 184), (24, 27, 33)
GREEN, RED, AMBER = (46, 160, 67), (218, 54, 51), (210, 140, 20)
COLOURS = {"success": GREEN, "failure": RED, "error": AMBER}
THUMBNAIL = 132


@dataclass(frozen=True)
class Caption:
    """What stands over a picture.

    Attributes:
        instruction: the task in words.
        place: which episode.
        step: how far it is.
        outcome: "success", "failure", "error", or "" while the episode runs.
    """

    instruction: str
    place: str
    step: str
    outcome: str = ""


def compose(pictures: Sequence[Picture], caption: Caption) -> Picture:
    """Pictures side by side under a caption bar.

    Args:
        pictures: uint8 (H, W, 3) each, of one height.
        caption: the text; an outcome frames the pictures in its colour and stands in the bar.

    Returns:
        uint8 with even height and width, as video codecs want.
    """
    height = pictures[0].shape[0]
    width = sum(p.shape[1] for p in pictures) + GAP * (len(pictures) - 1)
    canvas = Image.new("RGB", (width + width % 2, height + height % 2 + BAR), PAPER)
    x = 0
    for picture in pictures:
        canvas.paste(Image.fromarray(picture), (x, BAR))
        x += picture.shape[1] + GAP
    draw = ImageDraw.Draw(canvas)
    _bar(draw, canvas.width, caption)
    if caption.outcome:
        box = (0, BAR, canvas.width - 1, canvas.height - 1)
        draw.rectangle(box, outline=COLOURS[caption.outcome], width=FRAME)
    return np.asarray(canvas)


def contact_sheet(title: str, rows: Sequence[tuple[Sequence[Picture], Caption]]) -> Image.Image:
    """One row for each episode: its pictures, then task and outcome.

    Args:
        title: above all rows.
        rows: pictures (first, middle, last) and caption of each episode.
    """
    pad, text_width, head = 12, 380, 44
    columns = max(len(pictures) for pictures, _ in rows)
    left = pad + columns * (THUMBNAIL + GAP) + pad
    row_height = THUMBNAIL + pad
    sheet = Image.new("RGB", (left + text_width + pad, head + len(rows) * row_height + pad), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((pad, head / 2), _clip(draw, title, 18, sheet.width - 2 * pad), INK, _font(18), anchor="lm")
    for number, (pictures, caption) in enumerate(rows):
        y = head + number * row_height
        for column, picture in enumerate(pictures):
            small = Image.fromarray(picture).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
            sheet.paste(small, (pad + column * (THUMBNAIL + GAP), y))
        _row_text(draw, (left, y), text_width, caption)
    return sheet


def _bar(draw: ImageDraw.ImageDraw, width: int, caption: Caption) -> None:
    pad = 10
    size = next((s for s in (17, 15, 13) if _length(draw, caption.instruction, s) <= width - 2 * pad), 13)
    draw.text((pad, 17), _clip(draw, caption.instruction, size, width - 2 * pad), INK, _font(size), anchor="lm")
    right: float = width - pad
    draw.text((right, 39), caption.step, QUIET, _font(13), anchor="rm")
    right -= _length(draw, caption.step, 13) + 12
    if caption.outcome:
        right = _badge(draw, right, 39, caption.outcome) - 12
    draw.text((pad, 39), _clip(draw, caption.place, 13, right - pad), QUIET, _font(13), anchor="lm")


def _badge(draw: ImageDraw.ImageDraw, right: float, middle: float, outcome: str) -> float:
    """A filled label that ends at `right`; returns where it begins."""
    left = right - _length(draw, outcome.upper(), 12) - 14
    draw.rounded_rectangle((left, middle - 9, right, middle + 9), 4, fill=COLOURS[outcome])
    draw.text(((left + right) / 2, middle), outcome.upper(), (255, 255, 255), _font(12), anchor="mm")
    return left


def _row_text(draw: ImageDraw.ImageDraw, corner: tuple[int, int], width: int, caption: Caption) -> None:
    x, y = corner
    if caption.outcome:
        right = x + _length(draw, caption.outcome.upper(), 12) + 14
        _badge(draw, right, y + 12, caption.outcome)
        draw.text((right + 10, y + 12), caption.step, QUIET, _font(13), anchor="lm")
    for line, text in enumerate(_broken(draw, caption.instruction, 15, width)[:3]):
        draw.text((x, y + 40 + 20 * line), text, INK, _font(15), anchor="lm")
    draw.text((x, y + THUMBNAIL - 10), _clip(draw, caption.place, 13, width), QUIET, _font(13), anchor="lm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _length(draw: ImageDraw.ImageDraw, text: str, size: int) -> float:
    return draw.textlength(text, _font(size))


def _clip(draw: ImageDraw.ImageDraw, text: str, size: int, width: float) -> str:
    """The text, its end replaced by "..." if it is wider than `width` px."""
    if _length(draw, text, size) <= width:
        return text
    while text and _length(draw, f"{text}...", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}..."


def _broken(draw: ImageDraw.ImageDraw, text: str, size: int, width: float) -> list[str]:
    """The text in lines of at most `width` px, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _length(draw, longer, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
