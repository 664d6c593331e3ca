"""What differs from object to object: where it is grasped and how. Lengths in m, in the object's own frame."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hold:
    """How an object of a category is grasped.

    Attributes:
        kind: "across" (fingers on two sides), "rim" (one finger inside, one outside) or "point" (a handle or knob).
        depth: how far below the object's top the grip site goes, at most (across, rim).
        centre: of the rim's circle (x, y).
        height: of the rim (rim).
        radius: of the rim's circle.
        point: the grip site (point).
        closing: the direction in which the fingers close (point); None for any.
        avoid: the heading of a handle on the rim, rad; None if there is none.
        handle: the grip site when it is taken by that handle.
        widest: what the fingers go round, at most (across).
        sides: of a rim with corners, the first at angle 0: it is grasped in the middle of one; 0 if it is round.
        rise: how much less deep it may be grasped where it is narrow (rim).
    """

    kind: str = "across"
    depth: float = 0.026
    centre: tuple[float, float] = (0.0, 0.0)
    height: float = 0.0
    radius: float = 0.0
    point: tuple[float, float, float] = (0.0, 0.0, 0.0)
    closing: tuple[float, float, float] | None = None
    avoid: float | None = None
    handle: tuple[float, float, float] | None = None
    widest: float = 0.070
    sides: int = 0
    rise: float = 0.007


ACROSS = Hold()
HOLDS: dict[str, Hold] = {
    "akita_black_bowl": Hold("rim", height=0.052, depth=0.014, radius=0.049),
    "white_bowl": Hold("rim", height=0.035, depth=0.010, radius=0.037),
    "red_bowl": Hold("rim", height=0.052, depth=0.014, radius=0.049),
    "glazed_rim_porcelain_ramekin": Hold("rim", height=0.043, depth=0.012, radius=0.042),
    "plate": Hold("rim", height=0.016, depth=0.006, radius=0.058, sides=8, rise=0.0),
    "porcelain_mug": Hold(
        "rim", height=0.108, depth=0.016, centre=(0.012, -0.001), radius=0.044, avoid=3.14, handle=(-0.052, 0.0, 0.078)
    ),
    "white_yellow_mug": Hold(
        "rim", height=0.103, depth=0.016, centre=(-0.018, 0.0), radius=0.048, avoid=0.0, handle=(0.056, 0.0, 0.068)
    ),
    "red_coffee_mug": Hold(
        "rim", height=0.131, depth=0.016, centre=(-0.015, 0.0), radius=0.043, avoid=0.0, handle=(0.050, 0.0, 0.100)
    ),
    "moka_pot": Hold("point", point=(0.0, -0.001, 0.075), closing=None),
    "chefmate8_frypan": Hold("point", point=(0.145, 0.0, 0.041), closing=(0.0, 1.0, 0.0)),
}


def hold_of(category: str) -> Hold:
    """How to grasp that category; unknown ones are taken across their narrow side."""
    return HOLDS.get(category, ACROSS)
