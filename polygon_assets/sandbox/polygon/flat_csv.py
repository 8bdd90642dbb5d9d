"""The rows of a flat file: one dataset of one session, unadjusted, ordered by ticker and time.

Values are those of the REST API: an official bar for ``day_aggs_v1``, second bars aggregated to
minutes for ``minute_aggs_v1``.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np

from polygon_assets.sandbox.polygon.bars import PRICE_SCALE, Bars, Volumes
from polygon_assets.sandbox.polygon.market import DailyBar, Market
from polygon_assets.sandbox.polygon.randomness import generator
from polygon_assets.sandbox.polygon.ranges import day_bar, minute_bars
from polygon_assets.sandbox.polygon.synthesis import session_bars

DAYS, MINUTES = "day_aggs_v1", "minute_aggs_v1"
HEADER = "ticker,volume,open,close,high,low,window_start,transactions\n"

_LATE_SYMBOLS, _LEAST_KNOWN = 0.3, 0.97
"""Share of the symbols whose day is incomplete in an early edition, and what it has at least."""


def rows(market: Market, dataset: str, session: date, early: bool) -> Iterator[str]:
    """The text of the file, piece by piece.

    Args:
        market: Its symbols.
        dataset: ``DAYS`` or ``MINUTES``.
        session: A trading day; its bars come from the calendar's hours.
        early: Leave out some of the volume that is reported late, as a first edition does.
    """
    yield HEADER
    daily = market.session_bars(session)
    known = _known_shares(market, session, len(daily)) if early else [1.0] * len(daily)
    for bar, share in zip(daily, known, strict=True):
        is_minutes = dataset == MINUTES
        bars = _minutes(bar, market.seed, early) if is_minutes else _less(day_bar(bar), share)
        yield _text(bar.symbol, bars, counted=bar.symbol not in market.without_vwap)


def _known_shares(market: Market, session: date, count: int) -> list[float]:
    """How much of its day's volume each symbol has in an early edition."""
    random = generator(market.seed, "early", session)
    is_late = random.random(count) < _LATE_SYMBOLS
    is_late[:1] = True
    return np.where(is_late, random.uniform(_LEAST_KNOWN, 0.999, count), 1.0).tolist()


def _less(bars: Bars, share: float) -> Bars:
    """The same bars with a share of their volume and trades."""
    if share == 1.0:
        return bars
    trades = np.maximum((bars.trades * share).astype(np.int32), 1)
    if bars.volume.dtype.kind == "f":
        volume: Volumes = np.floor(bars.volume * share * 1e6) / 1e6
    else:
        volume = (bars.volume * share).astype(np.int64)
    return replace(bars, volume=volume, trades=trades)


def _minutes(bar: DailyBar, seed: int, early: bool) -> Bars:
    made = session_bars(bar, seed)
    return minute_bars(made.bars.replaced(made.revised, made.incomplete) if early else made.bars)


def _text(ticker: str, bars: Bars, counted: bool) -> str:
    """One line per bar. Numbers read as in the REST API's JSON; no trades: an empty field."""
    prices = (bars.open, bars.close, bars.high, bars.low)
    trades = bars.trades.tolist() if counted else [""] * len(bars)
    return "".join(
        f"{ticker},{volume},{open_},{close},{high},{low},{start}000000,{count}\n"
        for volume, open_, close, high, low, start, count in zip(
            bars.volume.tolist(),
            *((column / PRICE_SCALE).tolist() for column in prices),
            bars.start.tolist(),
            trades,
            strict=True,
        )
    )
