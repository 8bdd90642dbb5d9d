"""Thirteen years of four symbols against the data source's own adjusted close, in one build."""

from pathlib import Path

import pytest
from dbt_warehouse import warehouse
from real_market_data import bars_between, real_actions
from test_dbt_marts import (
    assert_adjusted_close_equals_the_source,
    assert_total_return_equals_the_source,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("dbt_long_history"),
    pytest.mark.timeout(1200),
]


def test_all_actions_of_thirteen_years(tmp_path: Path) -> None:
    splits, dividends = real_actions()
    paid = {
        symbol: round(sum(d["CASH_AMOUNT"] for d in dividends if d["TICKER"] == symbol), 2)
        for symbol in ("AAPL", "IBM", "MSFT")
    }
    assert paid == {"AAPL": 7.95, "IBM": 19.84, "MSFT": 7.77}

    with warehouse(tmp_path) as wh:
        wh.insert("DAILY_BARS", [bar.as_raw() for bar in bars_between("2000-01-01", "2013-12-31")])
        wh.insert("SPLITS", splits)
        wh.insert("DIVIDENDS", dividends)
        statuses = wh.run_dbt("build", "--exclude", "resource_type:unit_test")
        assert set(statuses.values()) <= {"success", "pass", "no-op"}
        assert_adjusted_close_equals_the_source(wh.rows("fct_daily_adjusted"))
        assert_total_return_equals_the_source(wh.rows("fct_daily_returns"))
