"""Candles of one symbol and session, and a picture of them for Dagster's UI."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from polygon_assets.foreign_text import markdown_title, one_line

WIDTH, HEIGHT, MARGIN = 460, 240, 44
RISING, FALLING, AXIS = "#16a34a", "#dc2626", "#64748b"
LABEL_EVERY = 12


@dataclass(frozen=True)
class Candle:
    """One bar: a label for its time, prices in USD."""

    label: str
    open: float
    high: float
    low: float
    close: float


def markdown_picture(title: str, candles: Sequence[Candle]) -> str:
    """The chart as an image inside markdown, which Dagster's UI shows without another server."""
    return embedded(title, svg(title, candles))


def embedded(title: str, picture: str) -> str:
    """An SVG document as an image inside markdown."""
    encoded = base64.b64encode(picture.encode()).decode()
    return f"![{markdown_title(title)}](data:image/svg+xml;base64,{encoded})"


def svg(title: str, candles: Sequence[Candle]) -> str:
    """A candle chart with a price axis, as an SVG document.

    Args:
        title: Shown above the chart.
        candles: Bars in the order of time, at least one.
    """
    top = max(candle.high for candle in candles)
    bottom = min(candle.low for candle in candles)
    span = top - bottom or 1.0
    step = (WIDTH - 2 * MARGIN) / len(candles)

    def y(price: float) -> float:
        return round(MARGIN + (top - price) / span * (HEIGHT - 2 * MARGIN), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="20" font-size="13" fill="#0f172a">{escape(one_line(title))}</text>',
    ]
    for number in range(5):
        price = bottom + span * number / 4
        parts.append(
            f'<path d="M{MARGIN} {y(price)}H{WIDTH - MARGIN}" stroke="#e2e8f0"/>'
            f'<text x="{MARGIN - 6}" y="{y(price) + 4}" text-anchor="end" fill="{AXIS}">'
            f"{price:.2f}</text>"
        )
    for number, candle in enumerate(candles):
        x = round(MARGIN + step * (number + 0.5), 1)
        parts.append(_candle(x, round(step * 0.6, 1), candle, y(candle.high), y(candle.low), y))
        if number % LABEL_EVERY == 0:
            parts.append(
                f'<text x="{x}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle" fill="{AXIS}">'
                f"{candle.label}</text>"
            )
    return "".join([*parts, "</svg>"])


def _candle(
    x: float, width: float, candle: Candle, high: float, low: float, y: Callable[[float], float]
) -> str:
    color = RISING if candle.close >= candle.open else FALLING
    edges = sorted((y(candle.open), y(candle.close)))
    height = max(round(edges[1] - edges[0], 1), 1.0)
    return (
        f'<path d="M{x} {high}V{low}" stroke="{color}"/>'
        f'<rect x="{round(x - width / 2, 1)}" y="{edges[0]}" width="{width}" height="{height}" '
        f'fill="{color}"/>'
    )
