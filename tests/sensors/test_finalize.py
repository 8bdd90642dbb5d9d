"""The schedule that reads the session before again, when its bars are final."""

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
        ("2025-11-22T11:30:00-05:00", "2025-11-21"),  # Saturday: Friday's
        ("2025-11-25T11:30:00-05:00", "2025-11-24"),  # Tuesday: Monday's
        ("2025-11-27T11:30:00-05:00", "2025-11-26"),  # Thanksgiving itself
        ("2025-11-29T11:30:00-05:00", "2025-11-28"),  # the half day's
        ("2025-07-03T15:30:00+00:00", "2025-07-02"),  # as the daemon has it, in UTC
    ],
)
def test_asks_for_the_session_of_the_day_before(
    repository: Any, instance: dg.DagsterInstance, moment: str, session: str
) -> None:
    found = schedule_tick(repository, instance, "finalize_next_day", moment)
    [request] = found.run_requests or []
    assert request.partition_key == session
    assert request.run_key == f"finalize-{session}"
    assert request.tags["market/session"] == session


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2025-11-28T11:30:00-05:00", "2025-11-27"),  # after Thanksgiving
        ("2025-07-05T11:30:00-04:00", "2025-07-04"),
    ],
)
def test_skips_after_a_closed_day(
    repository: Any, instance: dg.DagsterInstance, moment: str, day: str
) -> None:
    found = schedule_tick(repository, instance, "finalize_next_day", moment)
    assert not found.run_requests
    assert found.skip_message == f"{day} is not an NYSE session"


def test_ticks_from_tuesday_to_saturday(repository: Any) -> None:
    schedule = repository.get_schedule_def("finalize_next_day")
    start = datetime(2025, 11, 2, tzinfo=NEW_YORK)  # Sunday; the clocks change
    times = schedule_execution_time_iterator(
        start.timestamp(), schedule.cron_schedule, schedule.execution_timezone
    )
    assert [next(times).strftime("%a %d %H:%M") for _ in range(6)] == [
        *("Tue 04 11:30", "Wed 05 11:30", "Thu 06 11:30", "Fri 07 11:30", "Sat 08 11:30"),
        "Tue 11 11:30",
    ]


def test_reads_again_what_is_final_and_makes_what_is_made_from_it(repository: Any) -> None:
    job = repository.get_job("finalize")
    executed = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert {key for key in executed if key.startswith("raw/")} == {
        "raw/polygon/daily_bars",
        "raw/polygon/splits",
        "raw/polygon/dividends",
    }
    assert {"marts/market/fct_daily_bars", "marts/market/fct_daily_adjusted"} <= executed
    assert {"marts/market/dim_security", "snapshots/market/snap_security"} <= executed
    assert not executed & {
        "marts/market/fct_stream_reconciliation",
        "reconcile/market/daily_bars",
        "marts/market/dim_exchange",
        "staging/market/stg_tickers",
    }
