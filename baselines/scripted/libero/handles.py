"""How moving parts are moved, by category of their owner. Lengths in m, in the frame of the moving body."""

from __future__ import annotations

from dataclasses import dataclass

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Handle:
    """A handle, and how far its joint must go.

    Attributes:
        on: the joint's position that counts as open or on, with room to spare (m or rad).
        off: that which counts as closed or off, with room to spare.
        kind: "bar" (grasped from the front; the box that sticks out furthest), "post" or "knob" (grasped from above).
        point: where the grip site goes (post, knob).
        closing: the direction in which the fingers close (post, knob).
        push: where closed fingers push it shut.
        face: the way that place looks.
    """

    on: float
    off: float
    kind: str = "bar"
    point: Vector = (0.0, 0.0, 0.0)
    closing: Vector = (1.0, 0.0, 0.0)
    push: Vector | None = None
    face: Vector = (0.0, -1.0, 0.0)


DRAWER = Handle(on=-0.152, off=0.003)
HANDLES: dict[str, Handle] = {
    "wooden_cabinet": DRAWER,
    "white_cabinet": DRAWER,
    "short_cabinet": Handle(on=0.13, off=-0.003),
    "microwave": Handle(
        on=-1.42,
        off=0.002,
        kind="post",
        point=(0.2375, -0.054, 0.066),
        push=(0.2375, -0.064, 0.055),
        closing=(1.0, 0.0, 0.0),
    ),
    "flat_stove": Handle(on=0.75, off=-0.003, kind="knob", point=(0.0013, 0.013, 0.036)),
}
