"""Painted labels of the groceries: our own drawings in the colours of the products that LIBERO shows.

Labels of round things are wrapped once around (so the front is painted twice); those of packets have the picture in the
upper two thirds and the edge strip in the lower third; those of drink cartons have the side in the lower 70 % and the
roof above.
"""

from __future__ import annotations

from .paint import Canvas, Colour, Pixels, plain

WHITE = plain((226, 226, 226))
METAL = plain((150, 152, 156))
CAP_GREEN = plain((22, 132, 62))
CAP_BROWN = plain((170, 62, 12))

PAPER: Colour = (240, 238, 232)
RED: Colour = (206, 34, 22)
GREEN: Colour = (44, 140, 50)
YELLOW: Colour = (246, 206, 52)
ORANGE: Colour = (244, 136, 20)
BLUE: Colour = (70, 130, 210)
BLACK: Colour = (24, 22, 24)


def _twice(canvas: Canvas, word: str, low: float, high: float, colour: Colour, margin: float = 0.05) -> Canvas:
    """The same word on both halves of a wrapped label."""
    for start in (0.0, 0.5):
        canvas.word(word, start + margin, low, start + 0.5 - margin, high, colour)
    return canvas


def alphabet_soup() -> Pixels:
    """Sky blue, yellow letters, orange bowl."""
    c = Canvas(128, 64, (78, 142, 214)).band(0, 0.34, ORANGE).band(0.34, 0.38, YELLOW).band(0.94, 1, METAL_BAND)
    _twice(_twice(c, "ALPHABET", 0.7, 0.9, YELLOW), "SOUP", 0.42, 0.68, YELLOW, 0.1)
    for i, letter in enumerate("ABCSUPXO"):
        c.word(letter, 0.03 + i * 0.125, 0.08, 0.08 + i * 0.125, 0.26, YELLOW)
    return c.pixels()


METAL_BAND: Colour = (150, 152, 156)


def tomato_sauce() -> Pixels:
    """Tomato red with a green band and tomatoes below."""
    c = Canvas(128, 64, (196, 44, 20)).band(0.3, 0.62, GREEN).band(0, 0.3, (232, 196, 160)).band(0.94, 1, METAL_BAND)
    _twice(_twice(c, "TOMATO", 0.66, 0.92, PAPER), "SAUCE", 0.34, 0.58, PAPER, 0.1)
    for i in range(6):
        c.disc(0.083 + i / 6, 0.13, 0.075, 0.14, (214, 40, 20)).rect(0.07 + i / 6, 0.22, 0.1 + i / 6, 0.28, GREEN)
    return c.pixels()


def ketchup() -> Pixels:
    """Orange-red bottle with a pale shield."""
    c = Canvas(128, 64, (228, 66, 8))
    for x in (0.25, 0.75):
        c.disc(x, 0.38, 0.11, 0.3, (240, 226, 200)).disc(x, 0.26, 0.06, 0.12, RED)
        c.word("KETCHUP", x - 0.095, 0.42, x + 0.095, 0.56, (150, 20, 10))
    return c.pixels()


def bbq_sauce() -> Pixels:
    """Dark brown with an orange flame."""
    c = Canvas(128, 64, (112, 40, 12))
    for x in (0.25, 0.75):
        c.disc(x, 0.36, 0.11, 0.3, (60, 18, 8)).polygon([(x - 0.07, 0.1), (x + 0.07, 0.1), (x, 0.4)], ORANGE)
        c.word("BBQ", x - 0.08, 0.36, x + 0.08, 0.6, (246, 190, 80))
    return c.pixels()


def dressing() -> Pixels:
    """White with a small green and yellow label."""
    c = Canvas(128, 64, (224, 224, 220))
    for x in (0.25, 0.75):
        c.disc(x, 0.36, 0.13, 0.27, (40, 120, 40)).disc(x, 0.34, 0.1, 0.2, (244, 240, 214)).disc(
            x, 0.22, 0.05, 0.09, (150, 190, 50)
        )
        c.word("SALAD", x - 0.085, 0.32, x + 0.085, 0.46, (30, 90, 36))
    return c.pixels()


def milk() -> Pixels:
    """Red above, sky and a cow below, big white letters."""
    c = (
        Canvas(64, 128, (206, 50, 34))
        .band(0, 0.3, (150, 196, 232))
        .band(0, 0.08, (60, 140, 60))
        .band(0.7, 1, (204, 46, 32))
    )
    c.polygon([(0, 0.3), (1, 0.42), (1, 0.3)], (150, 196, 232))
    c.word("MILK", 0.06, 0.44, 0.94, 0.64, (250, 250, 250)).word("MILK", 0.1, 0.76, 0.9, 0.88, (250, 250, 250))
    c.band(0.68, 0.72, (236, 236, 236)).disc(0.6, 0.16, 0.26, 0.07, (245, 245, 245)).disc(0.5, 0.17, 0.1, 0.04, BLACK)
    return c.disc(0.8, 0.15, 0.07, 0.04, BLACK).band(0.93, 1.0, (236, 232, 228)).pixels()


def orange_juice() -> Pixels:
    """Yellow with a white panel, green band and an orange."""
    c = Canvas(64, 128, (242, 196, 60)).rect(0.06, 0.3, 0.94, 0.66, (246, 240, 222)).band(0.7, 1, (238, 128, 24))
    c.word("ORANGE", 0.1, 0.5, 0.9, 0.62, (30, 90, 40)).word("JUICE", 0.14, 0.34, 0.86, 0.47, (30, 90, 40))
    c.disc(0.5, 0.15, 0.36, 0.14, (240, 130, 16)).disc(0.5, 0.15, 0.29, 0.11, (252, 190, 70))
    c.band(0.7, 0.74, (206, 60, 20)).disc(0.5, 0.84, 0.25, 0.07, (190, 44, 16)).word("OJ", 0.38, 0.8, 0.62, 0.87, PAPER)
    return c.band(0.93, 1.0, (236, 200, 90)).pixels()


def _packet(front: Colour, edge: Colour) -> Canvas:
    """Canvas of a packet: picture above, edge strip below."""
    return Canvas(128, 128, front).band(0, 0.33, edge)


def butter() -> Pixels:
    """Red and yellow above, sky with a cow."""
    c = _packet((206, 40, 24), (196, 30, 20))
    c.polygon([(0.35, 0.34), (1, 0.34), (1, 0.95)], (150, 204, 236)).band(0.33, 0.4, (96, 170, 70))
    c.word("BUTTER", 0.05, 0.7, 0.8, 0.94, (250, 216, 60)).disc(0.72, 0.5, 0.16, 0.09, (248, 248, 248))
    c.disc(0.66, 0.52, 0.06, 0.05, BLACK).disc(0.8, 0.48, 0.05, 0.04, BLACK).disc(0.9, 0.58, 0.06, 0.06, BLACK)
    return c.disc(0.5, 0.16, 0.3, 0.11, (244, 160, 60)).word("BUTTER", 0.3, 0.1, 0.7, 0.22, RED).pixels()


def chocolate_pudding() -> Pixels:
    """Dark brown, cream letters, pale blue corner."""
    c = _packet((72, 32, 20), (92, 40, 24)).polygon([(0, 0.34), (0.5, 0.34), (0, 0.55)], (160, 200, 226))
    c.rect(0.04, 0.78, 0.96, 0.97, (48, 18, 10)).word("CHOCOLATE", 0.06, 0.82, 0.94, 0.94, (240, 220, 190))
    c.word("PUDDING", 0.1, 0.56, 0.9, 0.74, (246, 236, 220)).disc(0.7, 0.45, 0.22, 0.08, (120, 60, 34))
    return c.band(0.26, 0.33, (160, 200, 226)).word("PUDDING", 0.12, 0.06, 0.88, 0.22, (240, 220, 190)).pixels()


def cookies() -> Pixels:
    """Cream white with biscuits, red letters and a red edge."""
    c = (
        _packet((238, 220, 206), (214, 60, 44))
        .band(0.8, 1, (206, 44, 34))
        .word("COOKIES", 0.06, 0.83, 0.94, 0.96, PAPER)
    )
    for i, (x, y) in enumerate(
        [(0.2, 0.66), (0.5, 0.7), (0.8, 0.64), (0.34, 0.5), (0.66, 0.5), (0.15, 0.43), (0.86, 0.44)]
    ):
        c.disc(x, y, 0.13, 0.09, (196, 142, 84)).disc(x + 0.03 * (i % 3 - 1), y + 0.01, 0.03, 0.02, (96, 52, 26))
    return c.word("COOKIES", 0.06, 0.05, 0.94, 0.28, (250, 240, 230)).pixels()


def cream_cheese() -> Pixels:
    """Silver blue with a dark blue oval."""
    c = (
        _packet((176, 190, 222), (190, 200, 226))
        .disc(0.5, 0.66, 0.42, 0.25, (236, 240, 250))
        .disc(0.5, 0.66, 0.38, 0.21, (84, 104, 178))
    )
    c.word("CREAM", 0.24, 0.67, 0.76, 0.8, (250, 250, 255)).word("CHEESE", 0.22, 0.52, 0.78, 0.64, (250, 250, 255))
    return c.disc(0.5, 0.16, 0.26, 0.1, (226, 96, 50)).word("CHEESE", 0.34, 0.11, 0.66, 0.21, PAPER).pixels()


def macaroni_and_cheese() -> Pixels:
    """Orange box with a yellow dish."""
    c = (
        _packet((240, 150, 20), (232, 96, 20))
        .band(0.84, 1, (214, 60, 20))
        .word("MACARONI", 0.06, 0.86, 0.94, 0.97, (250, 226, 120))
    )
    c.word("& CHEESE", 0.1, 0.68, 0.9, 0.8, (180, 30, 10)).disc(0.5, 0.5, 0.4, 0.13, (236, 236, 230)).disc(
        0.5, 0.52, 0.34, 0.1, (250, 206, 60)
    )
    return c.word("MAC & CHEESE", 0.05, 0.08, 0.95, 0.24, (250, 226, 120)).pixels()


def popcorn() -> Pixels:
    """Blue and yellow with white puffs."""
    c = _packet((60, 110, 196), (236, 210, 70)).polygon([(0, 0.34), (0.6, 0.34), (0, 0.8)], (244, 214, 60))
    for x, y in [(0.15, 0.88), (0.4, 0.9), (0.7, 0.42), (0.9, 0.5), (0.5, 0.45), (0.85, 0.85), (0.2, 0.5)]:
        c.disc(x, y, 0.09, 0.06, (250, 246, 226)).disc(x + 0.05, y + 0.03, 0.05, 0.035, (252, 250, 240))
    return (
        c.word("POPCORN", 0.08, 0.58, 0.92, 0.78, (206, 30, 24))
        .word("POPCORN", 0.1, 0.07, 0.9, 0.26, (40, 80, 170))
        .pixels()
    )
