"""Real daily bars of four symbols, and the corporate actions that their adjusted close implies.

Source: bokeh-sampledata (public domain), whose adjusted close reinvests each dividend at the close
of its ex-date: an oracle that this project had no part in.
"""

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import bokeh_sampledata

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
KNOWN_SPLITS = {
    ("AAPL", "2000-06-21"): 2.0,
    ("AAPL", "2005-02-28"): 2.0,
    ("MSFT", "2003-02-18"): 2.0,
}
_NUMBERS = ("Open", "High", "Low", "Close", "Volume", "Adj Close")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RealBar:
    """One daily bar of the data source: unadjusted prices, and its own adjusted close."""

    symbol: str
    session: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    adjusted_close: float

    def as_raw(self) -> Row:
        """The bar as Airbyte writes it."""
        return {
            "TICKER": self.symbol,
            "T": four_pm(self.session),
            "O": self.open,
            "H": self.high,
            "L": self.low,
            "C": self.close,
            "V": self.volume,
        }


def four_pm(day: str) -> int:
    """16:00 in New York in milliseconds, with which the vendor stamps a day's official bar."""
    moment = datetime.combine(date.fromisoformat(day), time(16), ZoneInfo("America/New_York"))
    return int(moment.timestamp() * 1000)


@cache
def real_bars() -> tuple[RealBar, ...]:
    """Every bar of SYMBOLS, by symbol and session."""
    path = Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz"
    with gzip.open(path, "rt") as file:
        return tuple(
            RealBar(row["Ticker"], row["Date"], *(float(row[c]) for c in _NUMBERS))
            for row in csv.DictReader(file)
            if row["Ticker"] in SYMBOLS
        )


def bars_between(first: str, last: str) -> list[RealBar]:
    """The bars of the sessions first..last, both included."""
    return [bar for bar in real_bars() if first <= bar.session <= last]


def real_actions() -> tuple[list[Row], list[Row]]:
    """Raw rows of the splits and dividends, solved from the source's adjusted close."""
    splits: list[Row] = []
    dividends: list[Row] = []
    bars = real_bars()
    for before, bar in pairwise(bars):
        if before.symbol != bar.symbol:
            continue
        key = f"{bar.symbol}-{bar.session}"
        ratio = KNOWN_SPLITS.get((bar.symbol, bar.session), 1.0)
        if ratio != 1.0:
            splits.append(
                {
                    "ID": f"split-{key}",
                    "TICKER": bar.symbol,
                    "EXECUTION_DATE": bar.session,
                    "SPLIT_FROM": 1.0,
                    "SPLIT_TO": ratio,
                }
            )
        total = bar.adjusted_close / before.adjusted_close
        cash = round(total * before.close - bar.close * ratio, 2)
        if cash:
            dividends.append(
                {
                    "ID": f"dividend-{key}",
                    "TICKER": bar.symbol,
                    "EX_DIVIDEND_DATE": bar.session,
                    "CASH_AMOUNT": cash,
                    "CURRENCY": "USD",
                }
            )
    return splits, dividends
