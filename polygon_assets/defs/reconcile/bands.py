"""How far the stream's day may be from the official bar: pure, and documented by its names.

They are never equal. The stream's bars hold no auction prints, odd lots set no price, and late
trades reach the official bar only. Bands follow what was measured on real minute bars of MSFT
over 18 sessions: 64.7 to 92.4 % of the official volume, highs and lows equal on nine days in ten,
the open and the close seldom (they are the auctions').
"""

from dataclasses import dataclass

VOLUME_SHARE = (0.55, 1.0)
"""Stream volume as a share of the official volume."""

HIGH_LOW_BAND = 0.005
"""Relative difference of high and low."""

OPEN_CLOSE_BAND = 0.02
"""Relative difference of open and close."""

ROUNDING = 1e-9

VERDICTS = ("ok", "outside_bands", "only_official", "only_stream")


@dataclass(frozen=True)
class Bar:
    """One symbol's day: prices in USD, volume in shares."""

    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True)
class Comparison:
    """A symbol's day in the stream against its official bar.

    Attributes:
        symbol: Ticker.
        verdict: ``ok``, ``outside_bands``, ``only_official`` or ``only_stream``.
        open_difference: Stream relative to official, minus one; the same for the others.
        volume_share: Stream volume by official volume.
    """

    symbol: str
    verdict: str
    open_difference: float | None = None
    high_difference: float | None = None
    low_difference: float | None = None
    close_difference: float | None = None
    volume_share: float | None = None


def compare(symbol: str, stream: Bar | None, official: Bar | None) -> Comparison:
    """Compare one symbol's day."""
    if stream is None or official is None:
        return Comparison(symbol, "only_official" if stream is None else "only_stream")
    opened = _relative(stream.open, official.open)
    high = _relative(stream.high, official.high)
    low = _relative(stream.low, official.low)
    close = _relative(stream.close, official.close)
    share = stream.volume / official.volume if official.volume else 0.0
    lowest, highest = VOLUME_SHARE
    inside = (
        max(abs(opened), abs(close)) <= OPEN_CLOSE_BAND
        and max(abs(high), abs(low)) <= HIGH_LOW_BAND
        and lowest <= share <= highest + ROUNDING
    )
    verdict = "ok" if inside else "outside_bands"
    return Comparison(symbol, verdict, opened, high, low, close, share)


def _relative(value: float, reference: float) -> float:
    return value / reference - 1.0
