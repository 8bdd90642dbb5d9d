"""A line of values over time, small, for Dagster's UI."""

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from polygon_assets.candles import AXIS, embedded
from polygon_assets.foreign_text import one_line

WIDTH, HEIGHT, MARGIN = 460, 120, 8
TOP, BOTTOM = 30, 22
LINE = "#2563eb"


class Point(NamedTuple):
    """One value: the label of its time, and the value."""

    label: str
    value: float


def markdown_line(title: str, points: Sequence[Point]) -> str:
    """The line as an image inside markdown; empty below two values, which are no line."""
    shown = [point for point in points if math.isfinite(point.value)]
    return embedded(title, svg(title, shown)) if len(shown) > 1 else ""


def svg(title: str, points: Sequence[Point]) -> str:
    """The line with its lowest, highest and last value, as an SVG document.

    Args:
        title: Shown above the line.
        points: In the order of time, at least two; the distances between them are equal.
    """
    values = [point.value for point in points]
    bottom, top = min(values), max(values)
    span = top - bottom or 1.0
    step = (WIDTH - 2 * MARGIN) / (len(values) - 1)
    places = " ".join(
        f"{MARGIN + number * step:.1f},{TOP + (top - value) / span * (HEIGHT - TOP - BOTTOM):.1f}"
        for number, value in enumerate(values)
    )
    figures = f"{_short(bottom)} to {_short(top)}, last {_short(values[-1])}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        f'<text x="{MARGIN}" y="18" font-size="13" fill="#0f172a">{escape(one_line(title))}</text>'
        f'<text x="{WIDTH - MARGIN}" y="18" text-anchor="end" fill="{AXIS}">{figures}</text>'
        f'<polyline points="{places}" fill="none" stroke="{LINE}" stroke-width="1.5"/>'
        f'<text x="{MARGIN}" y="{HEIGHT - 6}" fill="{AXIS}">{escape(points[0].label)}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 6}" text-anchor="end" fill="{AXIS}">'
        f"{escape(points[-1].label)}</text></svg>"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.2f}"
