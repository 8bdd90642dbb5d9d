"""Trades and quotes of one symbol and session, made so that they agree with its second bars.

The sizes of a second's trades sum to its bar's volume; the first trade is at the bar's open, the
last at its close; the high and the low are traded where a second has four trades or more. The
auctions are outside the second bars, and so they are outside the trades.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polygon_assets.sandbox.polygon.bars import PRICE_SCALE, Bars
from polygon_assets.sandbox.polygon.randomness import generator

ODD_LOT, ODD_LOT_CONDITION = 100, 37
REPORTING_FACILITY = 4
"""The exchange identifier of trades off the exchanges, which carry a ``trf_id``."""

TRF_ID = 202
TAPES = {"XNYS": 1, "XNAS": 3}
OTHER_TAPE = 2
"""The tape of each listing exchange, and of all others."""

_EXCHANGES = np.array([REPORTING_FACILITY, 8, 10, 11, 12, 19])
_EXCHANGE_SHARES = (0.3, 0.1, 0.15, 0.15, 0.2, 0.1)
_LATEST_NS = 999_000_000
"""Trades happen before this moment of their second, so that the tape carries them in it."""
_MICRO_UNITS = 1_000_000
_FIRST_SEQUENCE = 1000

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trades:
    """Trades in the order of the tape.

    Attributes:
        sip: When the tape carried the trade, UTC epoch nanoseconds; ``participant`` is when it
            happened at the exchange.
        price: In ten-thousandths of a dollar.
        size: Shares; with fractions where the symbol trades them.
        sequence: Ascending, with gaps, unique in the session.
        exchange: The vendor's identifier.
        sets_price: Whether the bar's open, high, low or close comes from this trade.
    """

    sip: Longs
    participant: Longs
    price: npt.NDArray[np.int32]
    size: npt.NDArray[np.int64 | np.float64]
    sequence: Longs
    exchange: Longs
    sets_price: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Quotes:
    """The best bid and offer at the start of every second that has a trade."""

    sip: Longs
    participant: Longs
    bid: npt.NDArray[np.int32]
    ask: npt.NDArray[np.int32]
    bid_size: Longs
    ask_size: Longs
    sequence: Longs


def trades_of(symbol: str, bars: Bars, seed: int) -> Trades:
    """The trades of one session's second bars."""
    random = generator(seed, "trades", symbol, int(bars.start[0]) if len(bars) else 0)
    whole = bars.volume.dtype.kind != "f"
    units = bars.volume if whole else np.rint(bars.volume * _MICRO_UNITS)
    units = units.astype(np.int64)
    count = np.minimum(bars.trades, units).astype(np.int64)  # a trade has one share at least
    bar = np.repeat(np.arange(len(bars)), count)
    rank = np.arange(len(bar)) - np.repeat(np.cumsum(count) - count, count)
    size = _sizes(units, count, bar, rank, random)
    price, sets_price = _prices(bars, count, bar, rank, random)
    within = ((rank + random.random(len(bar))) / count[bar] * _LATEST_NS).astype(np.int64)
    participant = bars.start[bar] * 1_000_000 + within
    delay = random.integers(20_000, 500_000, len(bar))
    return Trades(
        sip=np.maximum.accumulate(participant + delay) if len(bar) else participant,
        participant=participant,
        price=price,
        size=size if whole else size / _MICRO_UNITS,
        sequence=_FIRST_SEQUENCE + np.cumsum(random.integers(1, 9, len(bar))),
        exchange=random.choice(_EXCHANGES, len(bar), p=_EXCHANGE_SHARES),
        sets_price=sets_price,
    )


def _sizes(
    units: Longs, count: Longs, bar: Longs, rank: Longs, random: np.random.Generator
) -> Longs:
    """Sizes of at least one that sum to each bar's volume: gaps between rounded shares of it."""
    weight = random.exponential(1, len(bar)) + 0.05
    total = np.cumsum(weight)
    first = np.cumsum(count) - count
    before = np.r_[0.0, total][first]
    share = (total - before[bar]) / (np.r_[0.0, total][first + count] - before)[bar]
    edge = np.floor(share * (units - count)[bar]).astype(np.int64)
    edge = np.where(rank == count[bar] - 1, (units - count)[bar], edge)
    previous = np.where(rank == 0, 0, np.r_[0, edge[:-1]] if len(edge) else edge)
    return edge - previous + 1


def _prices(
    bars: Bars, count: Longs, bar: Longs, rank: Longs, random: np.random.Generator
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    low, high = bars.low[bar], bars.high[bar]
    tick = np.where(low >= PRICE_SCALE, PRICE_SCALE // 100, 1)
    inside = np.rint((low + random.random(len(bar)) * (high - low)) / tick) * tick
    price = np.clip(inside, low, high)
    many = count[bar] >= 4
    high_first = (random.random(len(bars)) < 0.5)[bar]
    for condition, column in (
        (many & (rank == np.where(high_first, 1, 2)), bars.high),
        (many & (rank == np.where(high_first, 2, 1)), bars.low),
        (rank == 0, bars.open),
        (rank == count[bar] - 1, bars.close),
    ):
        price = np.where(condition, column[bar], price)
    sets_price = (rank == 0) | (rank == count[bar] - 1) | (many & (rank <= 2))
    return price.astype(np.int32), sets_price


def quotes_of(symbol: str, bars: Bars, seed: int) -> Quotes:
    """Quotes around the first price of each second, one tick or a few wide."""
    random = generator(seed, "quotes", symbol, int(bars.start[0]) if len(bars) else 0)
    tick = np.where(bars.low >= PRICE_SCALE, PRICE_SCALE // 100, 1)
    away = tick * random.integers(1, 3, len(bars))
    delay = random.integers(20_000, 500_000, len(bars))
    participant = bars.start * 1_000_000
    return Quotes(
        sip=participant + delay,
        participant=participant,
        bid=np.maximum(bars.open - away, 1).astype(np.int32),
        ask=(bars.open + away).astype(np.int32),
        bid_size=random.integers(1, 40, len(bars)) * 100,
        ask_size=random.integers(1, 40, len(bars)) * 100,
        sequence=_FIRST_SEQUENCE + np.cumsum(random.integers(1, 9, len(bars))),
    )
