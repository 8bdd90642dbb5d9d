"""Trades, quotes and price bands of one session as the vendor's WebSocket sends them.

They are those of REST: they agree with the second bars. Columns are made when the first client
wants them, symbol by symbol: 64 bytes a trade. What happens within a second is sent at its end,
before the second's bar.
"""

from dataclasses import dataclass
from itertools import repeat

import msgspec
import numpy as np
import numpy.typing as npt

from polygon_assets.sandbox.polygon.bars import PRICE_SCALE, Bars
from polygon_assets.sandbox.polygon.randomness import fractions
from polygon_assets.sandbox.polygon.ticks import (
    ODD_LOT,
    ODD_LOT_CONDITION,
    REPORTING_FACILITY,
    TRF_ID,
    Quotes,
    Trades,
)

TRADES, QUOTES, BANDS = "T", "Q", "LULD"
HALT, RESUME = 17, 18
"""Indicators of a band event."""

BAND_PERCENT = 5
"""Half of the width of the bands, of the reference price: tier 1 above three dollars."""
_REFERENCE_MOVE = 100
"""A new reference price is one that is a hundredth away from the last one."""
_HALT_SECONDS = 300
_HALTED_SHARE = 0.5
"""Share of the symbols with a long enough pause of trading whose longest pause is a halt."""
_NS = 1_000_000
"""Nanoseconds in a millisecond."""

Longs = npt.NDArray[np.int64]


class TradeEvent(msgspec.Struct, omit_defaults=True, gc=False):
    """A trade, field by field as the vendor sends it; times in milliseconds."""

    ev: str
    sym: str
    x: int
    i: str
    z: int
    p: float
    s: int | float
    t: int
    q: int
    c: list[int] | None = None
    trfi: int | None = None
    trft: int | None = None


class QuoteEvent(msgspec.Struct, gc=False):
    """The best bid and offer; time in milliseconds."""

    ev: str
    sym: str
    bx: int
    bp: float
    bs: int
    ax: int
    ap: float
    asks: int = msgspec.field(name="as")
    c: int
    i: list[int]
    t: int
    q: int
    z: int


class BandEvent(msgspec.Struct, gc=False):
    """Limit up, limit down: the symbol is in ``T``, the time in microseconds."""

    ev: str
    T: str
    h: float
    l: float  # noqa: E741
    i: list[int]
    z: int
    t: int
    q: int


@dataclass(frozen=True)
class TradeTrack:
    """The trades of one symbol, ascending by the second in which they are sent."""

    symbol: str
    tape: int
    at: Longs
    trades: Trades

    def render(self, channel: str, rows: slice) -> list[bytes]:
        """These rows as JSON objects."""
        found = self.trades
        size, exchange = found.size[rows], found.exchange[rows]
        happened = (found.participant[rows] // _NS).tolist()
        odd = (size < ODD_LOT) & ~found.sets_price[rows]
        off = (exchange == REPORTING_FACILITY).tolist()
        events = map(
            TradeEvent,
            repeat(channel),
            repeat(self.symbol),
            exchange.tolist(),
            map(str, range(rows.start + 1, rows.stop + 1)),
            repeat(self.tape),
            (found.price[rows] / PRICE_SCALE).tolist(),
            size.tolist(),
            (found.sip[rows] // _NS).tolist(),
            found.sequence[rows].tolist(),
            ([ODD_LOT_CONDITION] if is_odd else None for is_odd in odd.tolist()),
            (TRF_ID if is_off else None for is_off in off),
            (time if is_off else None for time, is_off in zip(happened, off, strict=True)),
        )
        return list(map(msgspec.json.encode, events))


@dataclass(frozen=True)
class QuoteTrack:
    """The quotes of one symbol, ascending by the second in which they are sent."""

    symbol: str
    tape: int
    at: Longs
    quotes: Quotes

    def render(self, channel: str, rows: slice) -> list[bytes]:
        """These rows as JSON objects."""
        found = self.quotes
        events = map(
            QuoteEvent,
            repeat(channel),
            repeat(self.symbol),
            repeat(11),
            (found.bid[rows] / PRICE_SCALE).tolist(),
            found.bid_size[rows].tolist(),
            repeat(12),
            (found.ask[rows] / PRICE_SCALE).tolist(),
            found.ask_size[rows].tolist(),
            repeat(0),
            repeat(list[int]()),
            (found.sip[rows] // _NS).tolist(),
            found.sequence[rows].tolist(),
            repeat(self.tape),
        )
        return list(map(msgspec.json.encode, events))


@dataclass(frozen=True)
class BandTrack:
    """Price bands and halts of one symbol.

    Attributes:
        reference: Middle of the bands, in ten-thousandths of a dollar.
        indicator: 0, ``HALT`` or ``RESUME``.
        time: UTC epoch milliseconds.
    """

    symbol: str
    tape: int
    at: Longs
    reference: Longs
    indicator: Longs
    time: Longs

    def render(self, channel: str, rows: slice) -> list[bytes]:
        """These rows as JSON objects."""
        return [
            msgspec.json.encode(
                BandEvent(
                    channel,
                    self.symbol,
                    _cents(reference * (100 + BAND_PERCENT)),
                    _cents(reference * (100 - BAND_PERCENT)),
                    [indicator] if indicator else [],
                    self.tape,
                    time * 1000,
                    rows.start + number,
                )
            )
            for number, (reference, indicator, time) in enumerate(
                zip(
                    self.reference[rows].tolist(),
                    self.indicator[rows].tolist(),
                    self.time[rows].tolist(),
                    strict=True,
                ),
                start=1,
            )
        ]


def bands_of(
    symbol: str, tape: int, bars: Bars, official_open: int, open_ms: int, seed: int
) -> BandTrack:
    """A band at the open, a new one when the price has left its reference, and rarely a halt.

    Halts are where nobody traded for five minutes or more: no bar lies in one.
    """
    events: list[tuple[int, int, int]] = [(open_ms, official_open, 0)]
    reference = official_open
    for start, close in zip(bars.start.tolist(), bars.close.tolist(), strict=True):
        if abs(close - reference) * _REFERENCE_MOVE > reference:
            reference = close
            events.append((start + 1000, reference, 0))
    pauses = np.diff(bars.start)
    longest = int(pauses.argmax()) if len(pauses) else 0
    halted = fractions(1, seed, "halt", symbol, open_ms)[0] < _HALTED_SHARE
    if halted and len(pauses) and pauses[longest] > _HALT_SECONDS * 1000:
        began = int(bars.start[longest]) + 1000
        price = int(bars.close[longest])
        resumed = began + _HALT_SECONDS * 1000
        events += [
            (began, price, HALT),
            (min(resumed, int(bars.start[longest + 1])), price, RESUME),
        ]
    time, references, indicators = np.array(sorted(events), dtype=np.int64).T
    return BandTrack(
        symbol, tape, np.maximum((time - open_ms) // 1000, 0), references, indicators, time
    )


def sent_at(sip: Longs, open_ms: int) -> Longs:
    """The end of the second in which each tick happened, in seconds since the opening.

    Args:
        sip: UTC epoch nanoseconds.
        open_ms: The opening, UTC epoch milliseconds.
    """
    return (sip // _NS - open_ms) // 1000 + 1


def _cents(hundredths: int) -> float:
    """A price, given in ten-thousandths times a hundred, rounded to cents."""
    return round(hundredths / (PRICE_SCALE * 100), 2)
