"""A candle chart made of characters: one column per bar, half a row of vertical resolution."""

from collections.abc import Callable, Sequence

from rich.text import Text

from polygon_assets.candles import LABEL_EVERY, Candle

HEIGHT = 16
AXIS_WIDTH = 10

# What a cell shows: its upper and lower half each hold nothing, a wick or the body.
GLYPHS = {
    ("", ""): " ",
    ("wick", "wick"): "│",
    ("body", "body"): "┃",
    ("wick", "body"): "╽",
    ("body", "wick"): "╿",
    ("", "wick"): "╷",
    ("wick", ""): "╵",
    ("", "body"): "╻",
    ("body", ""): "╹",
}


def render(candles: Sequence[Candle], height: int = HEIGHT) -> Text:
    """The chart with a price axis on the left and times below.

    Args:
        candles: Bars in the order of time, at least one.
        height: Rows of the chart; each shows two price levels.
    """
    top = max(candle.high for candle in candles)
    bottom = min(candle.low for candle in candles)
    levels = 2 * height
    step = (top - bottom) / (levels - 1) or 1.0

    def level(price: float) -> int:
        return round((top - price) / step)

    chart = Text()
    for row in range(height):
        price = top - (2 * row + 0.5) * step
        axis = f"{price:>{AXIS_WIDTH - 2}.2f} " if row % 3 == 0 else " " * (AXIS_WIDTH - 1)
        chart.append(axis, style="dim").append("┤" if row % 3 == 0 else "│", style="dim")
        for candle in candles:
            upper, lower = (_part(candle, half, level) for half in (2 * row, 2 * row + 1))
            rising = candle.close >= candle.open
            chart.append(GLYPHS[upper, lower], style="green" if rising else "red")
        chart.append("\n")
    return chart.append(_time_axis(candles))


def _part(candle: Candle, half: int, level: Callable[[float], int]) -> str:
    if not level(candle.high) <= half <= level(candle.low):
        return ""
    body = sorted((level(candle.open), level(candle.close)))
    return "body" if body[0] <= half <= body[1] else "wick"


def _time_axis(candles: Sequence[Candle]) -> Text:
    marks, labels = "", ""
    for number, candle in enumerate(candles):
        marked = number % LABEL_EVERY == 0
        marks += "┬" if marked else "─"
        if marked:
            labels = labels.ljust(number) + candle.label
    margin = " " * (AXIS_WIDTH - 1)
    return Text(f"{margin}└{marks}\n{margin} {labels}", style="dim")
