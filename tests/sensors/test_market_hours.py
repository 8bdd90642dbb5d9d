"""The sensor that starts and stops the producer, on the sandbox's market clock."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from sensor_daemon import Daemon
from sensors_support import Outside, eventually

from polygon_assets.defs.ticks import sensors
from polygon_assets.defs.ticks.jobs import SERVICE_TAG, set_stream_service
from polygon_assets.resources.ecs import StreamServices

pytestmark = pytest.mark.xdist_group("sensors")


@pytest.fixture
def daemon(outside: Outside, instance: dg.DagsterInstance, repository: Any) -> Daemon:
    return Daemon(outside, instance, repository, "market_hours")


def act(daemon: Daemon, moment: str) -> int:
    """One tick with its run, and another that finds nothing to do; the producers asked for."""
    daemon.outside.clock(moment)
    if daemon.act():
        again, reason = daemon.tick()
        assert (again, "is what runs" in reason) == (None, True)
    return daemon.outside.desired()[0]


def test_a_whole_session(daemon: Daemon, outside: Outside) -> None:
    outside.clock("2005-02-28T09:19:50-05:00")
    request, reason = daemon.tick()
    assert request is None
    assert "0 of 1 producer is wanted, which is what runs" in reason

    outside.clock("2005-02-28T09:20:00-05:00")
    request, _ = daemon.tick()
    assert request is not None
    assert request.job_name == "set_stream_service"
    assert request.run_config["ops"]["set_count"]["config"] == {"service": "producer", "count": 1}
    assert request.tags["market/session"] == "2005-02-28"
    assert outside.desired() == (0, 0), "a sensor decides, a run acts"
    daemon.run(request)
    assert outside.desired() == (1, 0), "the sinks are another sensor's"
    eventually(lambda: outside.running() == (1, 0))

    for moment in ("09:20:30", "12:00:00", "16:15:20"):
        assert act(daemon, f"2005-02-28T{moment}-05:00") == 1
    assert act(daemon, "2005-02-28T16:16:00-05:00") == 0
    eventually(lambda: outside.running() == (0, 0))
    assert act(daemon, "2005-02-28T23:00:00-05:00") == 0


def test_a_branch_deployment_starts_none(
    outside: Outside, instance: dg.DagsterInstance, repository: Any
) -> None:
    services = StreamServices(**(outside.stream_services.model_dump() | {"producers_maximum": 0}))
    daemon = Daemon(
        replace(outside, stream_services=services), instance, repository, "market_hours"
    )
    outside.clock("2005-02-28T12:00:00-05:00")
    request, reason = daemon.tick()
    assert (request, "runs no producer" in reason) == (None, True)


def test_extended_hours(outside: Outside, instance: dg.DagsterInstance, repository: Any) -> None:
    services = StreamServices(**(outside.stream_services.model_dump() | {"hours": "extended"}))
    longer = replace(outside, stream_services=services)
    daemon = Daemon(longer, instance, repository, "market_hours")
    assert act(daemon, "2005-02-28T03:49:50-05:00") == 0
    assert act(daemon, "2005-02-28T03:50:00-05:00") == 1
    assert act(daemon, "2005-02-28T20:15:20-05:00") == 1
    assert act(daemon, "2005-02-28T20:15:30-05:00") == 0
    assert act(daemon, "2012-11-23T17:15:20-05:00") == 1
    assert act(daemon, "2012-11-23T17:15:30-05:00") == 0


def test_half_day_ends_early(daemon: Daemon) -> None:
    assert act(daemon, "2012-11-23T13:15:00-05:00") == 1
    assert act(daemon, "2012-11-23T13:16:00-05:00") == 0


def test_closed_days(daemon: Daemon, outside: Outside) -> None:
    saturday, holiday, hurricane = "2005-02-26", "2005-02-21", "2012-10-29"
    for day in (saturday, holiday, hurricane):
        assert act(daemon, f"{day}T11:00:00-05:00") == 0
    outside.scale(1, 0)
    assert act(daemon, f"{saturday}T11:00:00-05:00") == 0, "what was left running is stopped"


def test_daylight_saving_time(daemon: Daemon) -> None:
    assert act(daemon, "2012-07-05T13:19:50+00:00") == 0
    assert act(daemon, "2012-07-05T13:20:00+00:00") == 1


def test_what_somebody_stopped_by_hand_is_started_again(daemon: Daemon, outside: Outside) -> None:
    outside.scale(0, 1)
    assert act(daemon, "2005-02-28T11:00:00-05:00") == 1
    assert outside.desired() == (1, 1)


QUEUED_FROM = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("polygon_assets"), "__repository__"),
    set_stream_service.name,
)


def under_way(daemon: Daemon, status: dg.DagsterRunStatus, service: str) -> None:
    """A run that changes this service."""
    daemon.instance.wipe()
    run = dg.DagsterRun(
        job_name=set_stream_service.name,
        status=status,
        remote_job_origin=QUEUED_FROM,
        tags={SERVICE_TAG: service},
    )
    daemon.instance.add_run(run)


def test_one_run_at_a_time(daemon: Daemon, outside: Outside) -> None:
    outside.clock("2005-02-28T11:00:00-05:00")
    status = dg.DagsterRunStatus
    waits = {status.QUEUED: True, status.STARTING: True, status.STARTED: True}
    for each, skips in {**waits, status.SUCCESS: False, status.FAILURE: False}.items():
        under_way(daemon, each, "producer")
        request, reason = daemon.tick()
        assert (request is None, "under way" in reason) == (skips, skips), each
    assert outside.desired() == (0, 0)


def test_a_change_of_the_sinks_is_no_reason_to_wait(daemon: Daemon, outside: Outside) -> None:
    outside.clock("2005-02-28T11:00:00-05:00")
    under_way(daemon, dg.DagsterRunStatus.STARTED, "sink")
    assert daemon.tick()[0] is not None


def test_a_run_that_was_killed_does_not_stop_the_stream_for_ever(
    daemon: Daemon, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.clock("2005-02-28T11:00:00-05:00")
    under_way(daemon, dg.DagsterRunStatus.STARTED, "producer")
    assert daemon.tick()[0] is None
    monkeypatch.setattr(sensors, "CHANGE_TAKES", timedelta())
    assert daemon.tick()[0] is not None
    [closed] = daemon.instance.get_runs()
    assert closed.status is dg.DagsterRunStatus.FAILURE


def test_a_run_that_waits_in_the_queue_is_waited_for(
    daemon: Daemon, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.clock("2005-02-28T11:00:00-05:00")
    under_way(daemon, dg.DagsterRunStatus.QUEUED, "producer")
    monkeypatch.setattr(sensors, "CHANGE_TAKES", timedelta())
    assert daemon.tick()[0] is None


def test_the_same_run_twice_and_a_late_one_change_nothing(daemon: Daemon, outside: Outside) -> None:
    outside.clock("2005-02-28T11:00:00-05:00")
    request, _ = daemon.tick()
    assert request is not None
    for _ in range(2):
        daemon.run(request)
    eventually(lambda: outside.running() == (1, 0))
    assert act(daemon, "2005-02-28T16:16:00-05:00") == 0
    daemon.run(request)
    assert outside.desired() == (1, 0)
    assert act(daemon, "2005-02-28T16:16:30-05:00") == 0, "the next look puts it right"
