"""Bars that are final by the vendor's clock hold no provisional row."""

from collections.abc import Mapping
from datetime import datetime

import pytest
from checks_support import MONDAY, TUESDAY, QuietVendor, one_session, run_checks, sessions
from checks_warehouse_cases import execute
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from polygon_assets.defs.marts.checks import bars_final, last_final_day
from polygon_assets.resources.snowflake import Warehouse

pytestmark = pytest.mark.xdist_group("checks_snowflake")

TABLE = "{database}.MARTS.FCT_DAILY_BARS"
BOTH = sessions(MONDAY, TUESDAY)
"""2005-02-28 and the day after it; the second has a provisional bar."""

BEFORE_ELEVEN, AFTER_ELEVEN = "2005-03-02T10:59:00-05:00", "2005-03-02T11:00:00-05:00"


@pytest.fixture
def bars(snowflake: Warehouse) -> Warehouse:
    execute(
        snowflake,
        f"CREATE OR REPLACE TABLE {TABLE} "
        "(session_date date, symbol varchar, status varchar, loaded_at timestamp_ntz)",
        f"INSERT INTO {TABLE} VALUES "
        f"('{MONDAY}', 'AAPL', 'final', '2005-03-01 16:30:00'), "
        f"('{TUESDAY}', 'AAPL', 'final', '2005-03-02 16:30:00'), "
        f"('{TUESDAY}', 'IBM', 'provisional', '2005-03-01 22:30:00')",
    )
    return snowflake


def judged(bars: Warehouse, now: str, tags: Mapping[str, str]) -> AssetCheckEvaluation:
    class Vendor(QuietVendor):
        def now(self) -> datetime:
            return datetime.fromisoformat(now)

    vendor = Vendor(rest_url="http://127.0.0.1:9", api_key="none")
    found = run_checks([bars_final], {"snowflake": bars, "polygon": vendor}, tags)
    [evaluation] = found.values()
    return evaluation


def test_passes_before_the_hour_and_fails_after_it(bars: Warehouse) -> None:
    assert judged(bars, BEFORE_ELEVEN, BOTH).passed
    late = judged(bars, AFTER_ELEVEN, BOTH)
    assert not late.passed
    assert late.severity.value == "WARN"
    assert "1 violations in 2005-02-28 to 2005-03-01" in str(late.description)


def test_judges_the_sessions_of_the_run_only(bars: Warehouse) -> None:
    assert judged(bars, AFTER_ELEVEN, one_session(MONDAY)).passed
    assert not judged(bars, AFTER_ELEVEN, one_session(TUESDAY)).passed
    assert not judged(bars, AFTER_ELEVEN, {}).passed


def test_on_its_own_evening_no_bar_is_final(bars: Warehouse) -> None:
    found = judged(bars, "2005-03-01T17:40:00-05:00", one_session(TUESDAY))
    assert (found.passed, found.description) == (True, "No bar of 2005-03-01 is final yet.")


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2025-11-27T10:59:59-05:00", "2025-11-25"),
        ("2025-11-27T11:00:00-05:00", "2025-11-26"),
        ("2025-11-27T16:00:00+00:00", "2025-11-26"),  # 11:00 in New York
        ("2025-07-03T15:00:00+00:00", "2025-07-02"),  # in summer, too
    ],
)
def test_a_day_is_final_at_eleven_on_the_next_one(now: str, day: str) -> None:
    assert str(last_final_day(datetime.fromisoformat(now))) == day
