"""The schedules of a session, tick by tick on a frozen clock, over years."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from orchestration.origins import origin
from orchestration.ticks import Schedule, ticks

from polygon_assets.defs.platform.due import AFTER_CLOSE
from polygon_assets.partitions import NYSE_SESSIONS
from polygon_assets.sessions import NEW_YORK, session, sessions_between

pytestmark = pytest.mark.xdist_group("ten_years")

# Both changes of the clocks, every kind of holiday, half days, and a hurricane.
FIRST, LAST = "2012-07-01", "2013-07-01"


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(UTC)


def year() -> list[date]:
    return sessions_between(date.fromisoformat(FIRST), date.fromisoformat(LAST))


def test_after_close_asks_once_for_every_session_of_a_year(
    repository: Any, instance: dg.DagsterInstance
) -> None:
    schedule = Schedule(repository, instance, "after_close")
    asked: dict[str, datetime] = {}
    skipped: set[str] = set()
    for tick in ticks(repository, "after_close", FIRST, LAST):
        found = schedule.at(tick)
        for request in found.run_requests or []:
            assert request.run_key == f"session-{request.partition_key}"
            assert request.tags["market/session"] == request.partition_key
            assert request.partition_key is not None
            assert NYSE_SESSIONS.has_partition_key(request.partition_key)
            asked.setdefault(request.partition_key, tick)
        if not found.run_requests:
            skipped.add(str(found.skip_message))
    days = [day for day in year() if str(day) < LAST]
    assert list(asked) == [str(day) for day in days]
    for day in days:
        assert asked[str(day)] == session(day).close_at + AFTER_CLOSE
    assert "2012-10-29 is not an NYSE session" in skipped
    assert "2012-11-22 is not an NYSE session" in skipped
    assert "2012-11-21 closes at 16:00, and is asked for later" in skipped
    assert not any("2012-11-23" in reason for reason in skipped), "the half day is asked twice"


@pytest.mark.parametrize(
    ("name", "prefix"), [("finalize_next_day", "finalize"), ("flat_files_next_day", "flat-files")]
)
def test_the_day_after_asks_once_for_every_session_of_a_year(
    repository: Any, instance: dg.DagsterInstance, name: str, prefix: str
) -> None:
    schedule = Schedule(repository, instance, name)
    asked: list[str] = []
    for tick in ticks(repository, name, FIRST, LAST):
        request = schedule.request(tick)
        if request is None:
            continue
        assert request.partition_key is not None
        assert request.run_key == f"{prefix}-{request.partition_key}"
        assert tick.astimezone(NEW_YORK).time().isoformat() == "11:30:00"
        before = tick.astimezone(NEW_YORK).date() - timedelta(days=1)
        assert request.partition_key == str(before)
        asked.append(request.partition_key)
    assert asked == [str(day) for day in year() if FIRST <= str(day) < "2013-06-30"]


def test_freshness_is_looked_at_after_each_deadline_of_a_month(
    repository: Any, instance: dg.DagsterInstance
) -> None:
    schedule = Schedule(repository, instance, "freshness")
    reasons: list[str] = []
    keys: set[str | None] = set()
    for tick in ticks(repository, "freshness", "2012-10-20", "2012-11-27"):
        if request := schedule.request(tick):
            reasons.append(request.tags["freshness/reason"])
            keys.add(request.run_key)
            assert request.partition_key is None
    assert len(keys) == len(reasons)
    for day in sessions_between(date(2012, 10, 22), date(2012, 11, 23)):
        for cadence in ("evening", "stream", "next_day"):
            wanted = f"session {day} is due ({cadence})"
            assert sum(wanted in reason for reason in reasons) == 1
    assert reasons.count("it is evening") == 38
    assert schedule.request(at("2012-10-30T12:00:00-04:00")) is None


# ---- what a session still lacks


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """A Dagster on disk: the context of a schedule passes on no other."""
    home = tmp_path_factory.mktemp("home")
    with dg.DagsterInstance.from_config(str(home)) as made:
        yield made


@pytest.fixture
def late(repository: Any, disk: dg.DagsterInstance) -> Schedule:
    disk.wipe()
    return Schedule(repository, disk, "late_data")


def materialize_all_but(late: Schedule, day: str, *missing: str) -> None:
    """The session's whole run, but for some assets."""
    job = late.repository.get_job("session")
    for key in job.asset_layer.executable_asset_keys:
        if key.to_user_string() not in missing:
            event = dg.AssetMaterialization(key, partition=day)
            late.instance.report_runless_asset_event(event)


def asked_for(request: dg.RunRequest | None) -> set[str]:
    assert request is not None
    return {key.to_user_string() for key in request.asset_selection or []}


def test_a_whole_session_is_left_alone(late: Schedule) -> None:
    materialize_all_but(late, "2012-11-21")
    found = late.at(at("2012-11-21T19:00:00-05:00"))
    assert (found.run_requests, found.skip_message) == ([], "session 2012-11-21 is whole")


def test_what_is_missing_is_asked_for_with_all_above_it(late: Schedule) -> None:
    materialize_all_but(late, "2012-11-21", "raw/polygon/news", "marts/market/fct_movers")
    request = late.request(at("2012-11-21T19:00:00-05:00"))
    assert request is not None
    assert request.partition_key == "2012-11-21"
    assert request.tags["market/session"] == "2012-11-21"
    found = asked_for(request)
    assert {"raw/polygon/news", "marts/market/fct_movers"} <= found
    assert {"raw/polygon/daily_bars", "marts/market/fct_daily_bars"} <= found, "with its checks"
    assert not found & {"raw/polygon/short_volume", "marts/market/dim_trading_session"}
    assert not any(key.startswith(("clickhouse/", "kafka/")) for key in found)


@pytest.mark.parametrize(
    ("moment", "session_asked"),
    [
        ("2012-11-21T19:00:00-05:00", "2012-11-21"),
        ("2012-11-21T21:00:00-05:00", "2012-11-21"),
        ("2012-11-22T08:00:00-05:00", "2012-11-21"),  # Thanksgiving
        ("2012-11-22T19:00:00-05:00", "2012-11-21"),
        ("2012-11-23T08:00:00-05:00", None),
        ("2012-11-23T19:00:00-05:00", "2012-11-23"),  # the half day
        ("2012-11-24T21:00:00-05:00", "2012-11-23"),
        ("2012-11-25T08:00:00-05:00", None),
        ("2012-11-25T19:00:00-05:00", None),
        ("2012-11-26T08:00:00-05:00", None),  # Monday, before its own session
        ("2012-11-26T19:00:00-05:00", "2012-11-26"),
    ],
)
def test_a_session_is_asked_for_again_for_a_day_and_no_longer(
    late: Schedule, moment: str, session_asked: str | None
) -> None:
    request = late.request(at(moment))
    assert (request.partition_key if request else None) == session_asked


def test_a_run_that_is_under_way_is_waited_for(late: Schedule) -> None:
    moment = at("2012-11-21T19:00:00-05:00")
    for status, waits in (("STARTED", True), ("QUEUED", True), ("FAILURE", False)):
        late.instance.wipe()
        late.instance.add_run(
            dg.DagsterRun(
                job_name="session",
                status=dg.DagsterRunStatus[status],
                tags={"market/session": "2012-11-21"},
                remote_job_origin=origin("session"),
            )
        )
        assert (late.request(moment) is None) is waits, status


def test_each_asking_has_a_key_of_its_own(late: Schedule, repository: Any) -> None:
    keys = [
        request.run_key
        for tick in ticks(repository, "late_data", "2012-11-19", "2012-11-28")
        if (request := late.request(tick))
    ]
    assert len(set(keys)) == len(keys)
    assert len(keys) == 19
    assert sorted({str(key)[:15] for key in keys}) == [
        f"late-{day}"
        for day in ("2012-11-19", "2012-11-20", "2012-11-21", "2012-11-23", "2012-11-26")
    ]
