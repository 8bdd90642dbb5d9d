"""Session partitions are exactly the calendar's sessions."""

from datetime import date

import pytest

from polygon_assets.partitions import NYSE_SESSIONS, SessionWindow, run_window
from polygon_assets.sessions import all_sessions


def test_keys_are_the_sessions() -> None:
    keys = NYSE_SESSIONS.get_partition_keys()
    assert keys == [str(day) for day in all_sessions()[: len(keys)]]


@pytest.mark.parametrize("closed", ["2005-02-21", "2012-10-29", "2005-02-26"])
def test_closed_days_are_no_keys(closed: str) -> None:
    assert not NYSE_SESSIONS.has_partition_key(closed)


def test_window_of_one_partition() -> None:
    day = date(2005, 2, 28)
    assert run_window({"dagster/partition": "2005-02-28"}) == SessionWindow(day, day)


def test_window_of_a_range_counts_sessions_only() -> None:
    window = run_window(
        {
            "dagster/asset_partition_range_start": "2005-02-18",
            "dagster/asset_partition_range_end": "2005-02-23",
        }
    )
    assert [str(day) for day in window.sessions] == ["2005-02-18", "2005-02-22", "2005-02-23"]


def test_window_without_partition_is_everything() -> None:
    assert run_window({}).sessions == list(all_sessions())


def test_window_refuses_a_holiday() -> None:
    with pytest.raises(ValueError, match="2005-02-21 is not an NYSE session"):
        run_window({"dagster/partition": "2005-02-21"})
