"""The candle chart in the terminal."""

from polygon_assets.cli.candles import Candle, render


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
