"""The analytics built as production does, window by window, are those of a full rebuild.

Fifteen months in three windows. The last window comes before the newest one in time: its bars were
missing until then, and a split and a dividend become known with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from analytics_series import RANDOM_SERIES, random_bars
from dbt_warehouse import Warehouse, assert_same_rows, warehouse
from real_market_data import Row, bars_between, four_pm
from support.sql_guard import findings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("dbt_analytics_windows"),
    pytest.mark.timeout(1200),
]

FIRST, LAST = "2011-12-01", "2013-03-01"
OLD = (FIRST, "2012-10-31")
MISSING = ("2012-11-01", "2012-12-31")
NEWEST = ("2013-01-02", LAST)
TABLES = {
    "int_market_returns": "INTERMEDIATE",
    "fct_daily_extremes": "MARTS",
    "fct_daily_indicators": "MARTS",
    "fct_daily_liquidity": "MARTS",
    "fct_daily_risk": "MARTS",
    "fct_daily_volatility": "MARTS",
}

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Windows:
    """The tables after all windows, after one of them was repeated, and after a full rebuild."""

    by_window: Rows
    repeated: Rows
    full_refresh: Rows
    statuses: list[str]
    compiled: dict[str, str]


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    folder = tmp_path_factory.mktemp("windows")
    with warehouse(folder) as wh:
        bars = [bar.as_raw() for bar in bars_between(FIRST, LAST)]
        bars += [bar for series in RANDOM_SERIES for bar in random_bars(series)]
        selection = " ".join(f"+{table}" for table in TABLES)
        statuses: list[str] = []

        def run(*options: str, window: tuple[str, str] | None = None) -> None:
            nodes = wh.run_dbt(*options, "--select", selection, window=window)
            statuses.extend(nodes.values())

        statuses += wh.run_dbt("seed").values()
        wh.insert("DAILY_BARS", _between(bars, *OLD) + _between(bars, *NEWEST))
        run("run", window=OLD)
        run("run", window=NEWEST)
        wh.insert("DAILY_BARS", _between(bars, *MISSING))
        wh.insert("SPLITS", [_split("IBM", "2012-11-15")])
        wh.insert("DIVIDENDS", [_dividend("MSFT", "2012-11-13")])
        run("run", window=MISSING)
        by_window = _rows(wh)
        run("run", window=NEWEST)
        repeated = _rows(wh)
        run("run", "--full-refresh")
        full_refresh = _rows(wh)
        compiled = {
            path.name: path.read_text() for path in (folder / "target" / "compiled").rglob("*.sql")
        }
        yield Windows(by_window, repeated, full_refresh, statuses, compiled)


def test_every_run_succeeds(windows: Windows) -> None:
    assert set(windows.statuses) == {"success"}


@pytest.mark.parametrize("table", TABLES)
def test_windows_equal_a_full_rebuild(windows: Windows, table: str) -> None:
    found, expected = windows.by_window[table], windows.full_refresh[table]
    assert_same_rows([row[:-1] for row in found], [row[:-1] for row in expected])


@pytest.mark.parametrize("table", TABLES)
def test_a_repeated_window_writes_nothing(windows: Windows, table: str) -> None:
    assert windows.repeated[table] == windows.by_window[table]


def test_compiled_sql_is_snowflakes(windows: Windows) -> None:
    assert {f"{table}.sql" for table in TABLES} <= set(windows.compiled)
    found = {name: findings(sql) for name, sql in windows.compiled.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}


def _between(bars: list[Row], first: str, last: str) -> list[Row]:
    return [bar for bar in bars if four_pm(first) <= bar["T"] <= four_pm(last)]


def _split(symbol: str, day: str) -> Row:
    ratio = {"SPLIT_FROM": 1.0, "SPLIT_TO": 3.0}
    return {"ID": f"{symbol}-{day}", "TICKER": symbol, "EXECUTION_DATE": day, **ratio}


def _dividend(symbol: str, day: str) -> Row:
    cash = {"CASH_AMOUNT": 0.23, "CURRENCY": "USD"}
    return {"ID": f"{symbol}-{day}", "TICKER": symbol, "EX_DIVIDEND_DATE": day, **cash}


def _rows(wh: Warehouse) -> Rows:
    """The rows of each table, changed_at in the last place."""
    return {
        table: wh.query(f"select * from {schema}.{table} order by 1, 2")
        for table, schema in TABLES.items()
    }
