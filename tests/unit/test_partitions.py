"""Session partitions are exactly the calendar's sessions, and Dagster's traps around them."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from polygon_assets.partitions import (
    NYSE_SESSIONS,
    SessionWindow,
    chosen_window,
    earlier_sessions,
    run_window,
)
from polygon_assets.sessions import all_sessions, sessions_between


def test_keys_are_the_sessions() -> None:
    keys = NYSE_SESSIONS.get_partition_keys()
    assert keys == [str(day) for day in all_sessions()[: len(keys)]]


@pytest.mark.parametrize(
    "now",
    [
        datetime(2003, 9, 1, tzinfo=UTC),
        datetime(2003, 9, 10, 3, 59, tzinfo=UTC),
        datetime(2003, 9, 10, 4, tzinfo=UTC),
        datetime(2012, 10, 29, 12, tzinfo=UTC),
        datetime(2026, 11, 28, 3, tzinfo=UTC),
        datetime(2030, 12, 31, 23, tzinfo=UTC),
        datetime(2040, 1, 1, tzinfo=UTC),
    ],
)
def test_keys_are_those_that_dagster_counts(now: datetime) -> None:
    counted = dg.DailyPartitionsDefinition.get_partition_keys(NYSE_SESSIONS, now)
    assert NYSE_SESSIONS.get_partition_keys(now) == counted
    with freeze_time(now):
        assert NYSE_SESSIONS.get_partition_keys() == counted


def test_the_horizon_is_the_calendars() -> None:
    for year in (2031, 2040):
        with freeze_time(datetime(year, 1, 20, tzinfo=UTC)):
            keys = NYSE_SESSIONS.get_partition_keys()
        assert keys[-1] == "2030-12-31"
        assert len(keys) == len(all_sessions())


def test_the_definition_is_the_same_every_day() -> None:
    with freeze_time(datetime(2012, 11, 22, tzinfo=UTC)):
        then = NYSE_SESSIONS.get_serializable_unique_identifier(None)  # pyright: ignore
    assert then == NYSE_SESSIONS.get_serializable_unique_identifier(None)  # pyright: ignore


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2012-11-21T09:00:00-05:00", "2012-11-21"),  # today's, in the morning
        ("2012-11-22T09:00:00-05:00", "2012-11-23"),  # Thanksgiving: tomorrow's half day
        ("2012-11-24T09:00:00-05:00", "2012-11-26"),  # Saturday: Monday's
    ],
)
def test_on_a_closed_day_dagsters_newest_partition_is_the_next_session(
    now: str, newest: str
) -> None:
    """Why nothing here asks Dagster for the latest partition."""
    with freeze_time(datetime.fromisoformat(now)):
        assert NYSE_SESSIONS.get_last_partition_key() == newest


@pytest.mark.parametrize("closed", ["2005-02-21", "2012-10-29", "2005-02-26"])
def test_closed_days_are_no_keys(closed: str) -> None:
    assert not NYSE_SESSIONS.has_partition_key(closed)


def test_dagster_takes_a_holiday_for_the_next_session() -> None:
    """Why every key of a run is checked against the calendar."""
    window = NYSE_SESSIONS.time_window_for_partition_key("2005-02-21")
    assert window.start.date() == date(2005, 2, 22)
    keys = NYSE_SESSIONS.get_partition_keys_in_range(
        dg.PartitionKeyRange("2005-02-22", "2005-02-24")
    )
    assert keys == ["2005-02-22", "2005-02-23", "2005-02-24"]


def test_a_session_lasts_one_day_in_new_york_when_the_clocks_change_too() -> None:
    for day, hours in (("2012-03-09", 24), ("2012-11-02", 24), ("2012-11-05", 24)):
        window = NYSE_SESSIONS.time_window_for_partition_key(day)
        assert window.end - window.start == timedelta(hours=hours)
        assert window.start.date() == date.fromisoformat(day)


# ---- mappings


def upstream(
    mapping: dg.PartitionMapping, definition: dg.PartitionsDefinition[str], *keys: str
) -> list[str]:
    """The sessions that partitions of an asset read."""
    subset = definition.empty_subset().with_partition_keys(keys)
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        subset, definition, NYSE_SESSIONS, datetime(2013, 1, 10, tzinfo=UTC)
    )
    return sorted(found.partitions_subset.get_partition_keys())


@pytest.mark.parametrize(
    ("session", "previous"),
    [
        ("2012-11-21", "2012-11-20"),
        ("2012-11-23", "2012-11-21"),  # over Thanksgiving
        ("2012-11-26", "2012-11-23"),  # over a weekend, to a half day
        ("2012-10-31", "2012-10-26"),  # over the hurricane
    ],
)
def test_the_previous_session_is_over_every_closed_day(session: str, previous: str) -> None:
    assert upstream(earlier_sessions(1), NYSE_SESSIONS, session) == [previous]


def test_earlier_sessions_count_sessions_not_days() -> None:
    found = upstream(earlier_sessions(7), NYSE_SESSIONS, "2012-11-26")
    assert found == [str(day) for day in sessions_between(date(2012, 11, 14), date(2012, 11, 23))]
    assert len(found) == 7


def test_earlier_sessions_of_a_range_begin_before_it() -> None:
    found = upstream(earlier_sessions(1), NYSE_SESSIONS, "2012-11-23", "2012-11-26")
    assert found == ["2012-11-21", "2012-11-23"]


WEEKS = dg.WeeklyPartitionsDefinition("2012-01-01", timezone="America/New_York", end_offset=1)
MONTHS = dg.MonthlyPartitionsDefinition("2012-01-01", timezone="America/New_York", end_offset=1)


@pytest.mark.parametrize(
    ("definition", "key", "first", "last", "count"),
    [
        (WEEKS, "2012-11-18", "2012-11-16", "2012-11-23", 5),  # Thanksgiving
        (WEEKS, "2012-10-28", "2012-10-26", "2012-11-02", 4),  # the hurricane
        (WEEKS, "2012-11-04", "2012-11-02", "2012-11-09", 6),  # the clocks change
        (MONTHS, "2012-12-01", "2012-11-30", "2012-12-31", 21),  # a Saturday
        (MONTHS, "2012-11-01", "2012-11-01", "2012-11-30", 21),
    ],
)
def test_a_week_or_a_month_that_begins_on_a_closed_day_takes_the_session_before(
    definition: dg.PartitionsDefinition[str], key: str, first: str, last: str, count: int
) -> None:
    """A trap: a session's window lasts until the next one. What is weekly needs its own mapping."""
    found = upstream(dg.TimeWindowPartitionMapping(), definition, key)
    assert (found[0], found[-1], len(found)) == (first, last, count)


def test_a_month_in_another_time_zone_has_no_sessions() -> None:
    months = dg.MonthlyPartitionsDefinition("2012-01-01", end_offset=1)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Timezones"):
        upstream(dg.TimeWindowPartitionMapping(), months, "2012-11-01")


# ---- the sessions of a run


def test_window_of_one_partition() -> None:
    day = date(2005, 2, 28)
    assert run_window({"dagster/partition": "2005-02-28"}) == SessionWindow(day, day)


def ranged(first: str, last: str) -> dict[str, str]:
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def test_window_of_a_range_counts_sessions_only() -> None:
    window = run_window(ranged("2005-02-18", "2005-02-23"))
    assert [str(day) for day in window.sessions] == ["2005-02-18", "2005-02-22", "2005-02-23"]


def test_window_without_partition_is_everything() -> None:
    assert run_window({}).sessions == list(all_sessions())


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"dagster/partition": "2005-02-21"}, "2005-02-21 is not an NYSE session"),
        (ranged("2005-02-21", "2005-02-23"), "2005-02-21 is not an NYSE session"),
        (ranged("2005-02-18", "2005-02-20"), "2005-02-20 is not an NYSE session"),
        (ranged("2005-02-23", "2005-02-18"), "2005-02-23 to 2005-02-18 ends before it starts"),
        ({"dagster/partition": "2031-01-02"}, "2031-01-02 is not an NYSE session"),
        ({"dagster/partition": "Monday"}, "partition 'Monday' is not a date"),
        ({"dagster/asset_partition_range_start": "2005-02-18"}, "lacks an end"),
    ],
)
def test_what_is_not_a_session_is_refused(tags: dict[str, str], said: str) -> None:
    for window in (run_window, chosen_window):
        with pytest.raises(ValueError, match=said):
            window(tags)


def test_what_reads_from_the_vendor_wants_to_know_which_sessions() -> None:
    with pytest.raises(ValueError, match="choose the sessions"):
        chosen_window({})
