"""Tickers, names and codes that hold SQL, Jinja or odd characters stay text, raw table to mart."""

from collections.abc import Iterator

import pytest
from dbt_warehouse import Warehouse, warehouse
from market_history import dividend, sessions_of, split
from support.hostile import TICKERS
from trap_market import bar, ticker

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_hostile"), pytest.mark.timeout(1200)]

SESSIONS = sessions_of("2005-02-14", "2005-02-16")
MARTS = ("fct_daily_bars", "fct_daily_adjusted", "dim_security")
FINE = {"success", "pass", "warn"}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    first, last = SESSIONS[0], SESSIONS[-1]
    with warehouse(tmp_path_factory.mktemp("hostile")) as wh:
        wh.insert("DAILY_BARS", [bar(name, day, 10.0) for name in TICKERS for day in SESSIONS])
        wh.insert(
            "TICKERS",
            [
                ticker(name, day, None, TYPE=name, PRIMARY_EXCHANGE=name, CIK=name)
                for name in TICKERS
                for day in SESSIONS
            ],
        )
        details = [{"SIC_CODE": name, "SIC_DESCRIPTION": name, "TICKER": name} for name in TICKERS]
        wh.insert("TICKER_DETAILS", [{**one, "SESSION_DATE": first} for one in details])
        wh.insert("EXCHANGES", [
            {"SESSION_DATE": last, "ID": number, "NAME": name, "MIC": name}
            for number, name in enumerate(TICKERS)
        ])  # fmt: skip
        wh.insert("SPLITS", [split(name, SESSIONS[1], 2) for name in TICKERS])
        wh.insert("DIVIDENDS", [dividend(name, SESSIONS[2], 1.0) for name in TICKERS])
        wh.run_dbt("seed")
        chosen = [f"+{mart}" for mart in MARTS]
        statuses = wh.run_dbt("run", "--select", *chosen, window=(first, last))
        tests = (
            "--select",
            *MARTS,
            "--exclude",
            "test_type:unit",
            "--indirect-selection",
            "cautious",
        )
        statuses |= wh.run_dbt("test", *tests, window=(first, last))
        assert {name: one for name, one in statuses.items() if one not in FINE} == {}
        yield wh


@pytest.mark.parametrize("mart", MARTS)
def test_every_ticker_arrives_as_it_is(market: Warehouse, mart: str) -> None:
    found = market.query(f"select distinct symbol from MARTS.{mart}")
    assert {symbol for (symbol,) in found} == set(TICKERS)


def test_every_ticker_has_its_own_split_and_dividend(market: Warehouse) -> None:
    rows = market.query(
        "select symbol, close, adjusted_close from MARTS.fct_daily_adjusted "
        f"where session_date = '{SESSIONS[0]}'"
    )
    assert len(rows) == len(TICKERS)
    assert {float(close) for _, close, _ in rows} == {5.0}  # each is split once
    assert len({float(adjusted) for *_, adjusted in rows}) == 1
