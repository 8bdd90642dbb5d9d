"""The schedule that asks for the session of the day."""

from datetime import datetime
from typing import Any

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator
from sensors_support import schedule_tick

from polygon_assets.sessions import NEW_YORK

pytestmark = pytest.mark.xdist_group("sensors")


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2025-11-21T17:30:00-05:00", "2025-11-21"),  # Friday
        ("2025-11-26T17:30:00-05:00", "2025-11-26"),  # the day before Thanksgiving
        ("2025-11-28T14:30:00-05:00", "2025-11-28"),  # the half day after it
        ("2025-07-02T21:30:00+00:00", "2025-07-02"),  # as the daemon has it, in UTC
    ],
)
def test_asks_for_the_session_of_its_own_day(
    repository: Any, instance: dg.DagsterInstance, moment: str, session: str
) -> None:
    found = schedule_tick(repository, instance, "after_close", moment)
    [request] = found.run_requests or []
    assert request.partition_key == session
    assert request.run_key == f"session-{session}"
    assert request.tags["market/session"] == session
    assert request.tags["dagster/partition"] == session


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2025-11-27T17:30:00-05:00", "2025-11-27"),  # Thanksgiving
        ("2025-07-04T17:30:00-04:00", "2025-07-04"),
        ("2025-01-09T17:30:00-05:00", "2025-01-09"),  # day of mourning
    ],
)
def test_skips_a_closed_day(
    repository: Any, instance: dg.DagsterInstance, moment: str, day: str
) -> None:
    found = schedule_tick(repository, instance, "after_close", moment)
    assert not found.run_requests
    assert found.skip_message == f"{day} is not an NYSE session"


def test_ticks_on_weekdays_after_the_close_of_half_and_full_days(repository: Any) -> None:
    schedule = repository.get_schedule_def("after_close")
    start = datetime(2025, 11, 1, tzinfo=NEW_YORK)  # Saturday; the clocks change on Sunday
    times = schedule_execution_time_iterator(
        start.timestamp(), schedule.cron_schedule, schedule.execution_timezone
    )
    found = [next(times).strftime("%a %d %H:%M") for _ in range(12)]
    assert found[::2] == [
        *("Mon 03 14:30", "Tue 04 14:30", "Wed 05 14:30", "Thu 06 14:30", "Fri 07 14:30"),
        "Mon 10 14:30",
    ]
    assert found[1::2] == [one.replace("14:30", "17:30") for one in found[::2]]


def test_asks_for_the_job_that_computes_both_halves(repository: Any) -> None:
    schedule = repository.get_schedule_def("after_close")
    job = repository.get_job(schedule.job_name)
    executed = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert {"raw/polygon/daily_bars", "clickhouse/rollups/bars_1d"} <= executed
    assert "reconcile/market/daily_bars" in executed
    assert job.partitions_def is not None
