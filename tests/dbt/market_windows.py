"""The made-up market built in windows out of order: the tables before and after what comes late.

The last weeks are built first, then the months before. A split, sectors, entries that cannot be
used, and one bar become known after that.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import made_up_market as market
import pandas as pd
from dbt_warehouse import WITHOUT_VIEWS, Warehouse, warehouse
from real_market_data import real_actions

MONTHS_BEFORE = (market.FIRST, "2005-02-11")
LAST_WEEKS = ("2005-02-22", market.LAST)
WEEK_BETWEEN = ("2005-02-14", "2005-02-18")
SPLIT_ON = "2005-02-28"
LATE_BAR = ("2005-03-10", "SYN02")
KEYS = {
    "int_daily_signals": ["session_date", "symbol"],
    "fct_market_breadth": ["session_date"],
    "fct_sector_performance": ["session_date", "sector"],
    "fct_movers": ["session_date", "category", "rank"],
    "fct_data_quality": ["session_date"],
    "fct_daily_filled": ["session_date", "security_id"],
}
UPSTREAM = {
    f"fct_daily_{name}": ["session_date", "symbol"]
    for name in ("adjusted", "indicators", "extremes", "liquidity")
}
SELECTION = ("--select", " ".join(f"+{name}" for name in KEYS))

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class History:
    """The tables before and after the late rows, and what dbt's own tests say."""

    before_late_rows: Tables
    by_window: Tables
    tested: dict[str, str]
    securities: pd.DataFrame
    raw: pd.DataFrame
    statements: dict[str, str]


def build_history(folder: Path) -> History:
    """Build the market in a warehouse of its own."""
    with warehouse(folder) as wh:
        everything = market.bars()
        late = [row for row in everything if (row["_SESSION"], row["TICKER"]) == LATE_BAR]
        splits, dividends = real_actions()
        assert len(late) == 1
        wh.insert("DAILY_BARS", [row for row in everything if row not in late])
        wh.insert("TICKERS", market.snapshots())
        wh.insert("DIVIDENDS", [d for d in dividends if d["EX_DIVIDEND_DATE"] <= market.LAST])
        wh.run_dbt("seed")
        built(wh.run_dbt("run", *SELECTION, window=LAST_WEEKS))
        again = (*SELECTION, *WITHOUT_VIEWS)
        built(wh.run_dbt("run", *again, window=MONTHS_BEFORE))
        before_late_rows = tables(wh)

        wh.insert("TICKER_DETAILS", market.details())
        wh.insert("SPLITS", [s for s in splits if s["EXECUTION_DATE"] <= market.LAST])
        wh.insert("SPLITS", [{"ID": "unusable", "TICKER": "IBM", "EXECUTION_DATE": "2005-03-05"}])
        twice = {"TICKER": "SYN01", "EX_DIVIDEND_DATE": market.NEW_ON, "CASH_AMOUNT": 0.125}
        wh.insert("DIVIDENDS", [{**twice, "ID": number} for number in ("once", "again")])
        built(wh.run_dbt("run", *again, window=WEEK_BETWEEN))
        wh.insert("DAILY_BARS", late)
        built(wh.run_dbt("run", *again, window=(LATE_BAR[0], LATE_BAR[0])))
        by_window = tables(wh)
        statements = {
            path.name: path.read_text()
            for path in (folder / "target" / "run").rglob("*.sql")
            if path.stem in KEYS
        }
        tested = wh.run_dbt("test", "--select", *KEYS, "--exclude", "resource_type:unit_test")
        return History(
            before_late_rows,
            by_window,
            tested,
            frame(wh, "MARTS.dim_security"),
            raw_frame(wh),
            statements,
        )


def built(statuses: dict[str, str]) -> None:
    assert set(statuses.values()) == {"success"}


def frame(wh: Warehouse, table: str, keys: list[str] | None = None) -> pd.DataFrame:
    """A table in the order of its key, numbers as numbers and dates as text."""
    cursor = wh.connection.cursor()
    cursor.execute(f"select * from {table}")
    names = [column.name.lower() for column in cursor.description]
    rows = pd.DataFrame([tuple(row) for row in cursor.fetchall()], columns=names)
    for name in rows:
        if rows[name].map(lambda value: type(value) is date).any():
            rows[name] = rows[name].map(lambda value: None if value is None else str(value))
    return rows.sort_values(keys, ignore_index=True) if keys else rows


def tables(wh: Warehouse) -> Tables:
    """The models under test, and those that they are made of."""
    return {
        name: frame(wh, f"{'INTERMEDIATE' if name.startswith('int_') else 'MARTS'}.{name}", keys)
        for name, keys in (KEYS | UPSTREAM).items()
    }


def raw_frame(wh: Warehouse) -> pd.DataFrame:
    """The official bars, with the security that each belongs to."""
    rows = frame(wh, "MARTS.fct_daily_bars", ["session_date", "symbol"])
    assert len(rows) == len(market.bars())
    return rows[["session_date", "symbol", "security_id", "open", "close", "volume"]]
