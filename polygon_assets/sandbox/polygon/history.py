"""Daily history of one symbol: data for the real ones, a factor model for the synthetic ones."""

import csv
import gzip
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.bars import PRICE_SCALE, Ints, Volumes
from polygon_assets.sandbox.polygon.randomness import generator
from polygon_assets.sandbox.polygon.security import Model, Security
from polygon_assets.sandbox.polygon.universe import REAL, SECTORS
from polygon_assets.sandbox.polygon.volume_profile import weighted_mean

DATA = Path(__file__).parent / "data"
REAL_SHARES_PER_TRADE = 280.0
OPEN_AUCTION_SHARE, CLOSE_AUCTION_SHARE = 0.05, 0.08
"""Shares of the day's volume in the auctions, as they enter the day's VWAP."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """Official daily bars, one row per session, ascending, unadjusted.

    Attributes:
        day: Proleptic ordinal of the New York date (``date.toordinal``).
        open: Prices in ten-thousandths of a dollar; likewise high, low, close and vwap.
        volume: Shares of the whole day, auctions and odd lots included.
        trades: Number of trades.
        high_at: When the high was traded, as a fraction of the session; likewise ``low_at``.
    """

    day: npt.NDArray[np.int32]
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    vwap: Ints
    volume: Volumes
    trades: Ints
    high_at: Floats
    low_at: Floats

    def row(self, day: date) -> int | None:
        """The row of this date; None where the symbol has no bar."""
        found = int(np.searchsorted(self.day, day.toordinal()))
        return found if found < len(self.day) and self.day[found] == day.toordinal() else None


def history(
    security: Security, seed: int, first: date = date.min, last: date = date.max
) -> History:
    """The daily bars of a security, under all its tickers, from ``first`` to ``last`` (included).

    A bar is the same whichever span it is asked for in; a short span is computed faster.
    """
    span = first.toordinal(), last.toordinal()
    if security.model is None:
        return _real(security.ticker, seed, span)
    return _synthetic(security, security.model, seed, span)


def _rows(day: npt.NDArray[np.int32], span: tuple[int, int]) -> slice:
    """The rows between two ordinals, both included."""
    return slice(int(day.searchsorted(span[0])), int(day.searchsorted(span[1], side="right")))


def _real(ticker: str, seed: int, span: tuple[int, int]) -> History:
    day, prices, volume = _source_columns(ticker)
    rows, count = _rows(day, span), len(day)
    prices = [column[rows] for column in prices]
    return _complete(
        ticker, seed, count, rows, day[rows], prices, volume[rows], REAL_SHARES_PER_TRADE
    )


@lru_cache(maxsize=len(REAL))
def _source_columns(ticker: str) -> tuple[npt.NDArray[np.int32], list[Ints], Volumes]:
    rows = source_rows()[ticker]
    day = np.array([date.fromisoformat(row["Date"]).toordinal() for row in rows], dtype=np.int32)
    prices = [
        _units(np.array([float(row[name]) for row in rows]))
        for name in ("Open", "High", "Low", "Close")
    ]
    return day, prices, np.array([int(row["Volume"]) for row in rows], dtype=np.int64)


@lru_cache(maxsize=1)
def source_rows() -> dict[str, list[dict[str, str]]]:
    """The rows of ``stocks.csv.gz`` by ticker, ascending by date, as text."""
    found: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    with gzip.open(DATA / "stocks.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            found[row["Ticker"]].append(row)
    return dict(found)


@lru_cache(maxsize=4)
def _factor_returns(seed: int) -> tuple[Floats, Floats]:
    """Daily returns of the market, and of each sector beside it (one row per sector)."""
    count = len(sessions.all_sessions())
    calm_or_not = np.exp(np.cumsum(generator(seed, "turbulence").normal(0, 0.02, count)))
    level = np.clip(calm_or_not / np.median(calm_or_not), 0.6, 3.0)
    market = generator(seed, "market").normal(0.0002, 0.009, count) * level
    return market, generator(seed, "sectors").normal(0, 0.005, (len(SECTORS), count))


def _synthetic(security: Security, model: Model, seed: int, span: tuple[int, int]) -> History:
    days = sessions.all_sessions()
    first = np.searchsorted(_session_ordinals(), security.list_date.toordinal())
    end = security.delisting_date or date.max
    last = np.searchsorted(_session_ordinals(), end.toordinal())
    day = _session_ordinals()[first:last]
    market, sector = (returns[..., first:last] for returns in _factor_returns(seed))
    # The whole walk is drawn in any case, so that a bar does not depend on the span.
    count, random = len(day), generator(seed, "daily", security.identity)
    own, overnight = random.normal(0, model.volatility, count), random.normal(0, 0.003, count)
    beyond, turnover = random.normal(0, 0.6, (2, count)), random.normal(0, 0.35, count)

    returns = model.beta * market + sector[model.sector] + own
    walk = np.cumsum(returns)
    growth = model.log_growth * count / len(days)
    walk += np.linspace(0, 1, count) * (growth - walk[-1])  # keeps prices within reason for decades
    before = np.r_[model.first_price, model.first_price * np.exp(walk)]

    rows = _rows(day, span)
    day, previous, close = day[rows], before[:-1][rows], before[1:][rows]
    opening = previous * np.exp(0.4 * np.log(close / previous) + overnight[rows])
    swing = model.volatility * np.abs(beyond[:, rows])
    high = np.maximum(opening, close) * np.exp(swing[0])
    low = np.minimum(opening, close) * np.exp(-swing[1])

    ratio = _later_shares(model, day)
    shares = model.shares_per_day * np.exp(turnover[rows] + 8 * np.abs(returns[rows]))
    raw = np.maximum(shares / ratio, 500.0)
    volume = np.round(raw, 6) if model.fractional else np.rint(raw).astype(np.int64)
    prices = _ticks(opening * ratio, high * ratio, low * ratio, close * ratio)
    return _complete(
        security.identity, seed, count, rows, day, prices, volume, model.shares_per_trade
    )


@lru_cache(maxsize=1)
def _session_ordinals() -> npt.NDArray[np.int32]:
    return np.array([day.toordinal() for day in sessions.all_sessions()], dtype=np.int32)


def _later_shares(model: Model, day: npt.NDArray[np.int32]) -> Floats:
    """How many of today's shares one share of each day became by later splits."""
    ratio = np.ones(len(day))
    for split in model.splits:
        ratio[day < split.execution_date.toordinal()] /= split.price_factor
    return ratio


def _ticks(opening: Floats, high: Floats, low: Floats, close: Floats) -> list[Ints]:
    """Prices on the tick grid: a cent, or a hundredth of one below a dollar."""
    tick = np.where(low >= 1.0, PRICE_SCALE // 100, 1)
    scaled = [np.rint(price * PRICE_SCALE / tick) for price in (opening, high, low, close)]
    return [np.maximum(price * tick, tick).astype(np.int32) for price in scaled]


def _units(dollars: Floats) -> Ints:
    return np.rint(dollars * PRICE_SCALE).astype(np.int32)


def _complete(
    identity: str,
    seed: int,
    count: int,
    rows: slice,
    day: npt.NDArray[np.int32],
    prices: list[Ints],
    volume: Volumes,
    per_trade: float,
) -> History:
    """Add what no source holds: trades, the times of high and low, and the VWAP of that path.

    ``rows`` of the ``count`` bars of the whole history are given.
    """
    opening, high, low, close = prices
    random = generator(seed, "shape", identity)
    sizes, moments = random.normal(0, 0.15, count), random.uniform(0.001, 0.999, (2, count))
    chance = random.random(count)[rows]
    trades = volume / (per_trade * np.exp(sizes[rows]))
    early, late = np.sort(moments[:, rows], axis=0)
    late = np.maximum(late, early + 0.0005)  # never in one second, half days included
    low_first = chance < np.where(close >= opening, 0.7, 0.3)
    high_at, low_at = np.where(low_first, late, early), np.where(low_first, early, late)

    edge = np.zeros(len(day))
    times = np.stack([edge, early, late, edge + 1], axis=1)
    path = np.stack(
        [opening, np.where(low_first, low, high), np.where(low_first, high, low), close], axis=1
    )
    auctions = opening * OPEN_AUCTION_SHARE + close * CLOSE_AUCTION_SHARE
    mean = auctions + weighted_mean(times, path) * (1 - OPEN_AUCTION_SHARE - CLOSE_AUCTION_SHARE)
    return History(
        day=day, open=opening, high=high, low=low, close=close,
        vwap=np.clip(np.rint(mean), low, high).astype(np.int32),
        volume=volume,
        trades=np.clip(trades, 3, np.maximum(volume // 20, 3)).astype(np.int32),
        high_at=high_at, low_at=low_at,
    )  # fmt: skip
