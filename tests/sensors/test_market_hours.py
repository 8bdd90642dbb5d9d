"""The sensor that starts and stops the stream, on the sandbox's market clock."""

from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from sensors_support import Outside, eventually

from polygon_assets.defs.ticks.jobs import set_stream_services

pytestmark = pytest.mark.xdist_group("sensors")


class Daemon:
    """Evaluates the sensor and runs what it asks for, as Dagster's daemon does."""

    def __init__(self, outside: Outside, instance: dg.DagsterInstance, repository: Any) -> None:
        self.outside, self.instance, self.repository = outside, instance, repository

    def tick(self, moment: str) -> tuple[dg.RunRequest | None, str | None]:
        """The run that is asked for, or why there is none."""
        self.outside.clock(moment)
        context = dg.build_sensor_context(
            instance=self.instance,
            repository_def=self.repository,
            resources=self.outside.resources("polygon", "kafka", "stream_services"),
        )
        with context:
            found = self.repository.get_sensor_def("market_hours").evaluate_tick(context)
        requests = found.run_requests or []
        assert len(requests) + bool(found.skip_message) == 1
        return (requests[0] if requests else None), found.skip_message

    def run(self, request: dg.RunRequest) -> None:
        result = set_stream_services.execute_in_process(
            run_config=request.run_config,
            instance=self.instance,
            resources=self.outside.resources("stream_services"),
        )
        assert result.success

    def act(self, moment: str) -> tuple[int, int]:
        """One tick with its run; returns the desired counts of producer and sink."""
        request, _ = self.tick(moment)
        if request is not None:
            self.run(request)
            again, reason = self.tick(moment)
            assert (again, "is what runs" in str(reason)) == (None, True)
        return self.outside.desired()


@pytest.fixture
def daemon(outside: Outside, instance: dg.DagsterInstance, repository: Any) -> Daemon:
    return Daemon(outside, instance, repository)


def test_a_whole_session(daemon: Daemon, outside: Outside) -> None:
    request, reason = daemon.tick("2005-02-28T09:19:50-05:00")
    assert request is None
    assert "producer=0, sink=0" in str(reason)

    request, _ = daemon.tick("2005-02-28T09:20:00-05:00")
    assert request is not None
    assert request.run_config["ops"]["set_counts"]["config"] == {"producer": 1, "sink": 1}
    assert request.tags["market/session"] == "2005-02-28"
    assert outside.desired() == (0, 0), "a sensor decides, a run acts"
    daemon.run(request)
    assert outside.desired() == (1, 1)
    eventually(lambda: outside.running() == (1, 1))

    for moment in ("09:20:30", "12:00:00", "16:15:20"):
        request, reason = daemon.tick(f"2005-02-28T{moment}-05:00")
        assert request is None
        assert "is what runs" in str(reason)

    outside.send(5)
    outside.settle(behind=1)
    assert daemon.act("2005-02-28T16:16:00-05:00") == (0, 1)
    outside.settle()
    assert daemon.act("2005-02-28T16:17:00-05:00") == (0, 0)
    eventually(lambda: outside.running() == (0, 0))
    assert daemon.act("2005-02-28T23:00:00-05:00") == (0, 0)


def test_the_sink_works_off_what_is_left_of_the_night(daemon: Daemon, outside: Outside) -> None:
    outside.send(1)
    assert daemon.act("2005-02-28T03:00:00-05:00") == (0, 1)
    outside.settle()
    assert daemon.act("2005-02-28T03:01:00-05:00") == (0, 0)


def test_half_day_ends_early(daemon: Daemon, outside: Outside) -> None:
    assert daemon.act("2012-11-23T13:15:00-05:00") == (1, 1)
    assert daemon.act("2012-11-23T13:16:00-05:00") == (0, 0)


def test_closed_days(daemon: Daemon, outside: Outside) -> None:
    saturday, holiday, hurricane = "2005-02-26", "2005-02-21", "2012-10-29"
    for day in (saturday, holiday, hurricane):
        assert daemon.act(f"{day}T11:00:00-05:00") == (0, 0)
    outside.scale(1, 1)
    assert daemon.act(f"{saturday}T11:00:00-05:00") == (0, 0), "what was left running is stopped"


def test_daylight_saving_time(daemon: Daemon) -> None:
    assert daemon.act("2012-07-05T13:19:50+00:00") == (0, 0)
    assert daemon.act("2012-07-05T13:20:00+00:00") == (1, 1)


def test_what_somebody_stopped_by_hand_is_started_again(daemon: Daemon, outside: Outside) -> None:
    outside.scale(0, 1)
    assert daemon.act("2005-02-28T11:00:00-05:00") == (1, 1)


QUEUED_FROM = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("polygon_assets"), "__repository__"),
    set_stream_services.name,
)


def test_one_run_at_a_time(daemon: Daemon, outside: Outside) -> None:
    status = dg.DagsterRunStatus
    waits = {status.QUEUED: True, status.STARTING: True, status.STARTED: True}
    for each, skips in {**waits, status.SUCCESS: False, status.FAILURE: False}.items():
        daemon.instance.wipe()
        run = dg.DagsterRun(
            job_name=set_stream_services.name, status=each, remote_job_origin=QUEUED_FROM
        )
        daemon.instance.add_run(run)
        request, reason = daemon.tick("2005-02-28T11:00:00-05:00")
        assert (request is None, "under way" in str(reason)) == (skips, skips), each
    assert outside.desired() == (0, 0)


def test_a_run_of_another_job_is_no_reason_to_wait(daemon: Daemon) -> None:
    started = dg.DagsterRunStatus.STARTED
    daemon.instance.add_run(dg.DagsterRun(job_name="session", status=started))
    request, _ = daemon.tick("2005-02-28T11:00:00-05:00")
    assert request is not None
