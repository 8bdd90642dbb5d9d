"""Daily bars for the comparison with oracles: real ones, and random ones with awkward traits."""

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from real_market_data import Row, four_pm, real_actions, real_bars


@dataclass(frozen=True)
class Series:
    """A symbol made up by a seed; prices and volumes are in the share count of their day."""

    symbol: str
    first: str = "2004-01-01"
    last: str = "2013-03-01"
    share_of_sessions: float = 1.0
    deviation: float = 0.02
    splits: dict[str, float] = field(default_factory=dict)
    dividends: dict[str, float] = field(default_factory=dict)
    zero_volumes: float = 0.0
    halted: tuple[str, str] = ("", "")


RANDOM_SERIES = (
    Series("GAPPY", share_of_sessions=0.85, zero_volumes=0.02),
    Series("SPARSE", share_of_sessions=0.12, deviation=0.05),
    Series("FLAT", first="2006-03-01", last="2008-12-31", deviation=0.0),
    Series("LATE", first="2012-06-01", deviation=0.04),
    Series("BRIEF", first="2009-10-01", last="2009-11-20"),
    Series(
        "SPLIT",
        splits={"2005-06-01": 1.5, "2008-10-15": 0.1, "2011-03-01": 2.0, "2011-03-02": 3.0},
        dividends={f"{year}-03-01": 0.4 for year in range(2005, 2013)},
        deviation=0.03,
    ),
    Series("WILD", deviation=0.12, share_of_sessions=0.97),
    Series("HALTED", first="2010-01-01", halted=("2011-01-10", "2012-05-31")),
)


@cache
def sessions() -> tuple[str, ...]:
    """The sessions of the real data, from 2000-03-01 to 2013-03-01."""
    return tuple(bar.session for bar in real_bars() if bar.symbol == "AAPL")


def random_bars(series: Series) -> list[Row]:
    """Raw bars: a random walk whose opens jump, in whole cents where the price is high enough."""
    random = np.random.default_rng([ord(letter) for letter in series.symbol])
    price = 50.0
    rows: list[Row] = []
    for day in sessions():
        if not series.first <= day <= series.last or series.halted[0] <= day <= series.halted[1]:
            continue
        steps = random.normal(0, series.deviation, size=4)
        price /= series.splits.get(day, 1.0)
        open_ = price * math.exp(steps[0] / 2)
        price = open_ * math.exp(steps[1] - series.deviation**2 / 2)
        high = max(open_, price) * math.exp(abs(steps[2]) / 2)
        low = min(open_, price) * math.exp(-abs(steps[3]) / 2)
        volume = 1e6 if series.deviation == 0 else round(1e6 * random.lognormal(0, 0.8))
        if random.random() < series.zero_volumes:
            volume = 0.0
        if random.random() < series.share_of_sessions or day in series.splits:
            bar = {"O": open_, "H": high, "L": low, "C": price, "V": volume}
            rows.append({"TICKER": series.symbol, "T": four_pm(day), **bar})
    return rows


def raw_tables() -> dict[str, list[Row]]:
    """Bars and corporate actions of all series, as Airbyte writes them."""
    splits, dividends = real_actions()
    bars = [bar.as_raw() for bar in real_bars()]
    for series in RANDOM_SERIES:
        bars += random_bars(series)
        splits += [
            {
                "ID": f"split-{series.symbol}-{day}",
                "TICKER": series.symbol,
                "EXECUTION_DATE": day,
                "SPLIT_FROM": 1.0,
                "SPLIT_TO": ratio,
            }
            for day, ratio in series.splits.items()
        ]
        dividends += [
            {
                "ID": f"dividend-{series.symbol}-{day}",
                "TICKER": series.symbol,
                "EX_DIVIDEND_DATE": day,
                "CASH_AMOUNT": cash,
                "CURRENCY": "USD",
            }
            for day, cash in series.dividends.items()
        ]
    return {"DAILY_BARS": bars, "SPLITS": splits, "DIVIDENDS": dividends}
