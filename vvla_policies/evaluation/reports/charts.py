"""Charts as inline SVG: they take their colours from the page, light or dark, and scale with its width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vvla_policies.evaluation.records.runs import EpisodeRecord

COLOURS = 8
WIDTH, HEIGHT = 520, 270
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 44
TICKS = 4


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Attributes:
        label: in the legend.
        points: (step, share) where the share changes, the last one at the right end.
        colour: number of the page's colour.
    """

    label: str
    points: Sequence[tuple[int, float]]
    colour: int


def success_over_steps(label: str, records: Sequence[EpisodeRecord], colour: int, last: int) -> Curve:
    """The share of all episodes that had succeeded by each step.

    Args:
        label: in the legend.
        records: at least one.
        colour: number of the page's colour.
        last: the right end, such as the protocol's step limit.
    """
    ends = sorted(record.steps for record in records if record.success)
    points = [(step, (k + 1) / len(records)) for k, step in enumerate(ends)]
    return Curve(label, [(0, 0.0), *points, (last, len(ends) / len(records))], colour % COLOURS)


def line_chart(curves: Sequence[Curve], last: int) -> str:
    """An SVG element: steps from 0 to `last` against percent, one stepped line for each curve."""
    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Success over steps">']
    for k in range(TICKS + 1):
        y, x = _y(k / TICKS), _x(last * k / TICKS, last)
        anchor = "end" if k == TICKS else "middle"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{100 * k // TICKS}</text>')
        parts.append(
            f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="{anchor}">{round(last * k / TICKS)}</text>'
        )
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 6}" text-anchor="start">% of episodes, by step</text>')
    lines = [f'<path class="line c{curve.colour}" d="{_path(curve, last)}"/>' for curve in curves]
    return "".join([*parts, *lines, "</svg>"])


def _path(curve: Curve, last: int) -> str:
    (step, share), *rest = curve.points
    return f"M{_x(step, last)} {_y(share)}" + "".join(f"H{_x(x, last)}V{_y(y)}" for x, y in rest)


def _x(step: float, last: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, step / max(1, last)), 1)


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)
