"""What the charts of the daily dashboard must show, computed from the marts in plain Python."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from polygon_assets.resources.snowflake import Warehouse

Row = dict[str, Any]

QUALITY = (
    *("session_date", "status", "score", "expected_symbols", "bars", "missing_bars"),
    *("provisional_bars", "ohlc_violations", "suspicious_returns"),
    *("unadjusted_split_suspects", "unconfirmed_splits", "rejected_actions"),
)
RECONCILED = (
    *("session_date", "symbol", "verdict", "open_difference", "high_difference"),
    *("low_difference", "close_difference", "volume_share"),
)
MOVERS = (
    *("session_date", "category", "rank", "symbol"),
    *("simple_return", "close", "dollar_volume", "volume_ratio"),
)


@dataclass(frozen=True)
class DailyFigures:
    """The figures of every loaded session, from the marts."""

    snowflake: Warehouse

    def mart(self, name: str) -> list[Row]:
        """Every row of a mart, by session and symbol where it has them."""
        with self.snowflake.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {self.snowflake.database}.MARTS.{name.upper()}")
            columns = [one.name.lower() for one in cursor.description or []]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        keys = [name for name in ("session_date", "symbol") if name in columns]
        return sorted(rows, key=lambda row: tuple(row[key] for key in keys))

    @cached_property
    def securities(self) -> dict[str, list[Row]]:
        """Symbol -> its sessions, with the columns of every mart of securities."""
        found: defaultdict[tuple[date, str], Row] = defaultdict(dict)
        for name in ("adjusted", "indicators", "returns", "extremes", "risk", "volatility"):
            for row in self.mart(f"fct_daily_{name}"):
                found[row["session_date"], row["symbol"]] |= row
        for row in self.mart("fct_daily_liquidity"):
            found[row["session_date"], row["symbol"]]["dollar_volume"] = row["dollar_volume"]
        sessions: defaultdict[str, list[Row]] = defaultdict(list)
        for (session, symbol), row in sorted(found.items()):
            if "close" in row:
                sessions[symbol].append(row | self.listing(symbol, session))
        return dict(sessions)

    @cached_property
    def listings(self) -> list[Row]:
        return self.mart("dim_security")

    def listing(self, symbol: str, session: date) -> Row:
        """Name and sector of what a symbol stood for on a day."""
        [found] = [
            one
            for one in self.listings
            if one["symbol"] == symbol and one["valid_from"] <= session < one["valid_before"]
        ]
        return {"name": found["name"], "sector": found["sector"]}

    def candles(self, symbol: str, period: Callable[[date], date]) -> list[Row]:
        """The candles of a security, newest first."""
        grouped = _grouped(self.securities[symbol], lambda row: period(row["session_date"]))
        return [
            {
                "session_date": _milliseconds(start),
                "symbol": symbol,
                "open": rows[0]["open"],
                "high": max(row["high"] for row in rows),
                "low": min(row["low"] for row in rows),
                "close": rows[-1]["close"],
                "volume": math.fsum(row["volume"] for row in rows),
                "sma_20": rows[-1]["sma_20"],
                "sma_50": rows[-1]["sma_50"],
            }
            for start, rows in grouped[::-1]
        ]

    def securities_table(self) -> list[Row]:
        """Every listing over all sessions, by dollars; links are looked at apart."""
        listings = _grouped(
            (row for rows in self.securities.values() for row in rows),
            lambda row: (row["symbol"], row["name"], row["sector"]),
        )
        found = [
            {
                "name": rows[-1]["name"],
                "sector": rows[-1]["sector"],
                "last_close": rows[-1]["close"],
                "return": _compounded(row["simple_return"] for row in rows),
                "total_return": _compounded(row["total_return"] for row in rows),
                "drawdown": _least(row["drawdown"] for row in rows),
                "volatility": rows[-1]["yang_zhang_volatility"],
                "beta": rows[-1]["beta_52w"],
                "correlation": rows[-1]["correlation_52w"],
                "dollars": math.fsum(row["dollar_volume"] for row in rows),
            }
            for _, rows in listings
        ]
        return sorted(found, key=lambda row: -row["dollars"])

    def actions(self, symbol: str) -> list[Row]:
        """The splits and dividends of a security, newest first."""
        return [
            {
                "session_date": _milliseconds(row["session_date"]),
                "symbol": symbol,
                "action": "split" if row["split_ratio"] != 1 else "dividend",
                "split_ratio": row["split_ratio"],
                "cash_dividend": row["cash_dividend"],
                "dividend_yield": row["cash_dividend"] / row["previous_close"],
            }
            for row in self.securities[symbol][::-1]
            if row["split_ratio"] not in (1, None) or (row["cash_dividend"] or 0) > 0
        ]

    def sectors(self) -> list[Row]:
        grouped = _grouped(self.mart("fct_sector_performance"), lambda row: row["sector"])
        return [
            {
                "sector": sector,
                "equal_weighted": _compounded(row["equal_weighted_return"] for row in rows),
                "dollar_weighted": _compounded(row["dollar_weighted_return"] for row in rows),
            }
            for sector, rows in grouped
        ]

    def sector_history(self) -> list[Row]:
        grouped = _grouped(
            self.mart("fct_sector_performance"),
            lambda row: (week(row["session_date"]), row["sector"]),
        )
        return [
            {
                "session_date": _milliseconds(start),
                "sector": sector,
                "equal_weighted": _compounded(row["equal_weighted_return"] for row in rows),
            }
            for (start, sector), rows in grouped
        ]

    def correlations(self) -> list[Row]:
        """Every pair of the twelve most traded securities of the newest session."""
        newest = max(row["session_date"] for rows in self.securities.values() for row in rows)
        traded = [
            (row["dollar_volume"], symbol)
            for symbol, rows in self.securities.items()
            for row in rows
            if row["session_date"] == newest
        ]
        leaders = [symbol for _, symbol in sorted(traded, key=lambda one: -one[0])[:12]]
        return [
            {"symbol": one, "other_symbol": other, "correlation": self.correlation(one, other)}
            for one in leaders
            for other in leaders
        ]

    def correlation(self, one: str, other: str) -> float | None:
        first, second = (
            {row["session_date"]: row["simple_return"] for row in self.securities[symbol]}
            for symbol in (one, other)
        )
        days = first.keys() & second.keys()
        pairs = [(first[day], second[day]) for day in sorted(days)]
        known = [pair for pair in pairs if None not in pair]
        return statistics.correlation(*zip(*known, strict=True)) if len(pairs) >= 5 else None

    def of_charts(self, symbol: str) -> dict[str, list[Row]]:
        """Chart -> its rows; those of a table in its order."""
        own = self.securities[symbol]
        breadth = self.mart("fct_market_breadth")
        quality = self.mart("fct_data_quality")
        reconciled = self.mart("fct_stream_reconciliation")
        both = [row for row in reconciled if row["volume_share"] is not None]
        official = math.fsum(row["official_volume"] for row in both)
        stream = math.fsum(row["official_volume"] * row["volume_share"] for row in both)
        good = [row["verdict"] == "ok" for row in reconciled]
        return {
            "daily_candles": self.candles(symbol, lambda day: day),
            "daily_candles_weekly": self.candles(symbol, week),
            "daily_returns": _series(own, **{"return": "simple_return"}),
            "daily_drawdown": _series(own, drawdown="drawdown"),
            "daily_securities": self.securities_table(),
            "daily_actions": self.actions(symbol),
            "daily_sectors": self.sectors(),
            "daily_sector_history": self.sector_history(),
            "daily_breadth": [
                row | {"decliners": -row["decliners"]}
                for row in _series(breadth, advancers="advancers", decliners="decliners")
            ],
            "daily_above_sma": _series(breadth, above_sma_50="share_above_sma_50"),
            "daily_correlation": self.correlations(),
            "daily_movers": sorted(
                _table(self.mart("fct_movers"), MOVERS),
                key=lambda row: (-row["session_date"], row["category"], row["rank"]),
            )[:40],
            "quality_score": _series(quality, score="score"),
            "quality_reconciled": [{"ok": sum(good) / len(good)}],
            "quality_volume_share": [{"volume_share": stream / official}],
            "quality_sessions": _table(quality[::-1], QUALITY),
            "quality_reconciliation": sorted(
                _table(reconciled, RECONCILED), key=lambda row: row["verdict"], reverse=True
            ),
        }


def week(day: date) -> date:
    """Its Monday."""
    return day - timedelta(days=day.weekday())


def month(day: date) -> date:
    """Its first day."""
    return day.replace(day=1)


def _grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> list[tuple[Any, list[Row]]]:
    found: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return sorted(found.items())


def _compounded(returns: Iterable[float | None]) -> float | None:
    known = [one for one in returns if one is not None]
    return math.prod(1 + one for one in known) - 1 if known else None


def _least(values: Iterable[float | None]) -> float | None:
    return min((one for one in values if one is not None), default=None)


def _series(rows: Sequence[Row], **columns: str) -> list[Row]:
    return [
        {"session_date": _milliseconds(row["session_date"])}
        | {label: row[column] for label, column in columns.items()}
        for row in rows
    ]


def _table(rows: Sequence[Row], columns: Sequence[str]) -> list[Row]:
    found = [{column: row[column] for column in columns} for row in rows]
    return [row | {"session_date": _milliseconds(row["session_date"])} for row in found]


def _milliseconds(day: date) -> int:
    """As Superset sends a date: midnight UTC, in milliseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
