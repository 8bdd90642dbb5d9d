"""What the charts of the live dashboard must show: computed from second bars in plain Python."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from polygon_assets.resources.clickhouse import ClickHouse

Row = dict[str, Any]

SECONDS = """
SELECT symbol, toUnixTimestamp(bar_start), open, high, low, close, volume, day_open
FROM {ticks}.bars_1s FINAL WHERE session_date = {session:Date} ORDER BY symbol, bar_start
"""
RECEIPTS = """
SELECT kafka_partition, kafka_offset, toUnixTimestamp(bar_start),
    toUnixTimestamp64Milli(received_at)
FROM {ticks}.bars_1s WHERE session_date = {session:Date} ORDER BY kafka_partition, kafka_offset
"""
BATCHES = """
SELECT kafka_partition, first_offset, last_offset, toUnixTimestamp64Milli(queryable_at), lag
FROM {ticks}.sink_batches FINAL WHERE endsWith(topic, 'stocks.agg.1s')
ORDER BY kafka_partition, last_offset
"""


class Second(NamedTuple):
    """A second bar; ``start`` in seconds since 1970."""

    symbol: str
    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    day_open: float


@dataclass(frozen=True)
class LiveFigures:
    """The figures of one session, from ClickHouse's second bars."""

    clickhouse: ClickHouse
    session: date

    @cached_property
    def seconds(self) -> dict[str, list[Second]]:
        found: defaultdict[str, list[Second]] = defaultdict(list)
        for row in self.clickhouse.query(SECONDS, {"session": self.session}):
            found[row[0]].append(Second(*row))
        return dict(found)

    @cached_property
    def movers(self) -> list[Row]:
        """Every symbol with its last price and its change since the open, by symbol."""
        found: list[Row] = []
        for symbol, bars in self.seconds.items():
            day_open = bars[-1].day_open or bars[0].open
            last, volume = bars[-1].close, math.fsum(one.volume for one in bars)
            change = last / day_open - 1
            row = {"symbol": symbol, "last_price": last, "change_open": change, "volume": volume}
            found.append(row)
        return found

    @cached_property
    def staleness(self) -> list[Row]:
        """Every symbol with its silence."""
        clock = max(bars[-1].start for bars in self.seconds.values())
        found: list[Row] = []
        for symbol, bars in self.seconds.items():
            starts = [one.start for one in bars]
            gaps = sorted(after - before for before, after in pairwise(starts))
            usual = _quantile(gaps, 0.95) if len(gaps) >= 20 else None
            silence = clock - starts[-1]
            row: Row = {"symbol": symbol, "last_bar": starts[-1] * 1000, "silence": silence}
            row |= {"gap_p95": usual, "ratio_p95": silence / usual if usual else None}
            found.append(row)
        return found

    @cached_property
    def minutes(self) -> list[Row]:
        """Minutes of bars with their number, latency and lag."""
        found: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
        batches: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
        for partition, *batch in self.clickhouse.query(BATCHES):
            batches[partition].append(tuple(batch))
        ends = {partition: [one[1] for one in found] for partition, found in batches.items()}
        newest: defaultdict[int, int] = defaultdict(int)
        for partition, offset, start, received in self.clickhouse.query(
            RECEIPTS, {"session": self.session}
        ):
            newest[partition] = max(newest[partition], start)
            index = bisect_left(ends[partition], offset)
            first, _, queryable, lag = batches[partition][index]
            if newest[partition] - start < 600 and offset >= first:
                end = (start + 1) * 1000
                found[start // 60 * 60].append((received - end, queryable - end, lag))
        return [_minute(minute, rows) for minute, rows in sorted(found.items())]

    def candles(self, symbol: str, minutes: int) -> list[Row]:
        """The candles of a symbol."""
        width = minutes * 60
        found: defaultdict[int, list[Second]] = defaultdict(list)
        for one in self.seconds[symbol]:
            found[one.start // width * width].append(one)
        return [
            {
                "time": start * 1000,
                "symbol": symbol,
                "open": bars[0].open,
                "high": max(one.high for one in bars),
                "low": min(one.low for one in bars),
                "close": bars[-1].close,
                "volume": math.fsum(one.volume for one in bars),
            }
            for start, bars in sorted(found.items())
        ]

    def unusual_volume(self) -> list[Row]:
        """Volume up to the last whole five minutes; nothing is usual after one session."""
        clock = max(bars[-1].start for bars in self.seconds.values())
        until = clock // 300 * 300
        return [
            {
                "symbol": symbol,
                "volume": math.fsum(one.volume for one in bars if one.start < until),
                "usual_volume": None,
                "ratio": None,
            }
            for symbol, bars in self.seconds.items()
        ]

    def watchlist(self) -> list[Row]:
        """The symbols with the most dollars; links and pictures are looked at apart."""
        silent = {one["symbol"]: one["silence"] for one in self.staleness}
        rows = sorted(self.movers, key=lambda one: -one["last_price"] * one["volume"])[:25]
        return [
            {
                "last_price": one["last_price"],
                "move": one["change_open"],
                "volume": one["volume"],
                "silence": silent[one["symbol"]],
            }
            for one in rows
        ]

    def of_charts(self, symbol: str) -> dict[str, list[Row]]:
        """Chart -> its rows, in the order that it asks for."""
        movers, stale = self.movers, self.staleness
        rising = [one["change_open"] > 0 for one in movers]
        by_ratio = sorted(
            stale, key=lambda one: (-one["ratio_p95"], -one["silence"], one["symbol"])
        )
        return {
            "live_symbols": [{"symbols": len(movers)}],
            "live_advancing": [{"advancing": sum(rising) / len(rising)}],
            "live_dollars": [
                {"dollars": math.fsum(one["last_price"] * one["volume"] for one in movers)}
            ],
            "live_bars": [{"bars": sum(one["bars"] for one in self.minutes)}],
            "live_stale": [{"stale": sum((one["ratio_p95"] or 0) > 3 for one in stale)}],
            "live_halts": [{"halts": 0}],
            "live_candles_1m": self.candles(symbol, 1)[::-1],
            "live_candles_5m": self.candles(symbol, 5)[::-1],
            "live_watchlist": self.watchlist(),
            "live_gainers": sorted(movers, key=lambda one: -one["change_open"])[:10],
            "live_losers": sorted(movers, key=lambda one: one["change_open"])[:10],
            "live_unusual_volume": sorted(self.unusual_volume(), key=lambda one: -one["volume"])[
                :10
            ],
            "live_silent": by_ratio[:10],
            "live_halts_in_force": [],
            "live_latency": _columns(self.minutes, ("time", "p50", "p95", "p99")),
            "live_lag": _columns(self.minutes, ("time", "lag")),
            "live_throughput": _columns(self.minutes, ("time", "bars")),
        }


def _minute(start: int, rows: Sequence[tuple[int, int, int]]) -> Row:
    delay = min(received for received, _, _ in rows)
    queryable = sorted(one for _, one, _ in rows)
    shares = {f"p{level}": _quantile(queryable, level / 100) - delay for level in (50, 95, 99)}
    lag = max(one for _, _, one in rows)
    return {"time": start * 1000, "bars": len(rows), "lag": lag, **shares}


def _quantile(values: Sequence[int], level: float) -> int:
    """As ClickHouse's quantileExact: one of the values, without interpolation."""
    return values[min(int(level * len(values)), len(values) - 1)]


def _columns(rows: Iterable[Row], names: Sequence[str]) -> list[Row]:
    return [{name: row[name] for name in names} for row in rows]
