"""Candle charts: in the terminal, and as a picture for Dagster's UI."""

import base64
from xml.etree import ElementTree

from polygon_assets.candles import FALLING, RISING, Candle, markdown_picture, svg
from polygon_assets.cli.candles import render


def test_rising_and_falling_candle() -> None:
    text = render([Candle("09:30", 10, 14, 9, 13), Candle("09:35", 13, 13, 8, 9)], height=4)
    lines = text.plain.splitlines()
    assert len(lines) == 6
    body = [line[10:12] for line in lines[:4]]
    assert body[0][0] in "│╷┃╽╻"
    assert body[3][1] in "┃╿╹│╵"
    assert "14.00" not in lines[1]
    styles = {str(span.style) for span in text.spans}
    assert {"green", "red"} <= styles


def test_flat_price_is_a_line_of_bodies() -> None:
    text = render([Candle("09:30", 10, 10, 10, 10)] * 13, height=3)
    assert "09:30" in text.plain
    assert text.plain.count("┬") == 2


def test_picture_has_a_body_and_a_wick_per_candle() -> None:
    candles = [Candle("09:30", 10, 14, 9, 13), Candle("09:35", 13, 13, 8, 9)]
    drawing = ElementTree.fromstring(svg("AAPL", candles))
    space = "{http://www.w3.org/2000/svg}"
    bodies = [one for one in drawing.iter(f"{space}rect") if one.get("fill") in (RISING, FALLING)]
    assert [one.get("fill") for one in bodies] == [RISING, FALLING]
    assert float(bodies[1].get("height") or 0) > float(bodies[0].get("height") or 0)
    assert "AAPL" in [one.text for one in drawing.iter(f"{space}text")]


def test_markdown_holds_the_picture_itself() -> None:
    text = markdown_picture("AAPL", [Candle("09:30", 10, 10, 10, 10)])
    encoded = text.removeprefix("![AAPL](data:image/svg+xml;base64,").removesuffix(")")
    assert base64.b64decode(encoded).startswith(b"<svg")
