"""The sensor that owns the number of sinks, and restarts those that stand still."""

from typing import Any

import dagster as dg
import pytest
from sensor_daemon import Daemon
from sensors_support import Outside, eventually

from polygon_assets.defs.ticks.lag import (
    BEHIND_LOOKS,
    MAX_LAG,
    MOST_RESTARTS,
    SETTLING_LOOKS,
    STUCK_LOOKS,
)
from polygon_assets.defs.ticks.sensors import SinkStuckError

pytestmark = pytest.mark.xdist_group("sensors")

NOON, NIGHT = "2005-02-28T12:00:00-05:00", "2005-02-28T23:00:00-05:00"
KEEPS_UP = dg.AssetCheckKey(dg.AssetKey(["kafka", "stocks", "agg_1s"]), "sink_keeps_up")


@pytest.fixture
def daemon(outside: Outside, instance: dg.DagsterInstance, repository: Any) -> Daemon:
    return Daemon(outside, instance, repository, "kafka_lag")


def sinks(daemon: Daemon, looks: int) -> list[int]:
    """Looks with their runs; the sinks that are asked for after each."""
    found: list[int] = []
    for _ in range(looks):
        daemon.act()
        found.append(daemon.outside.desired()[1])
    return found


def test_a_sink_runs_in_the_market_s_hours_and_until_everything_is_settled(
    daemon: Daemon, outside: Outside
) -> None:
    outside.clock("2005-02-28T09:19:50-05:00")
    assert sinks(daemon, 1) == [0]
    outside.clock("2005-02-28T09:20:00-05:00")
    assert sinks(daemon, 2) == [1, 1]
    assert outside.desired() == (0, 1), "the producer is another sensor's"
    outside.send(5)
    outside.settle(behind=1)
    outside.clock(NIGHT)
    assert sinks(daemon, 2) == [1, 1]
    outside.settle()
    assert sinks(daemon, 2) == [0, 0]
    outside.send(1)
    assert sinks(daemon, 1) == [1], "the sink works off what is left, at night too"
    outside.settle()
    assert sinks(daemon, 1) == [0]


def test_the_sink_stays_until_the_producer_is_gone(daemon: Daemon, outside: Outside) -> None:
    outside.clock(NIGHT)
    outside.scale(1, 1)
    eventually(lambda: outside.running() == (1, 1))
    assert sinks(daemon, 2) == [1, 1]
    outside.scale(0, 1)
    eventually(lambda: outside.stream_services.stopping("producer") == 0)
    assert sinks(daemon, 1) == [0]


def test_every_topic_that_the_sinks_read_counts(daemon: Daemon, outside: Outside) -> None:
    trades = outside.kafka.topics()["trades"]
    outside.clock(NIGHT)
    outside.send(8, trades)
    assert sinks(daemon, 1) == [0], "they never settled any trade: they leave that topic alone"
    outside.settle_to(1, trades)
    assert sinks(daemon, 1) == [1]
    assert outside.kafka.stream_progress()["stocks.trades/3"] == (1, 2)
    outside.settle_to(2, trades)
    assert sinks(daemon, 1) == [0]


def test_more_sinks_for_too_much_lag(daemon: Daemon, outside: Outside) -> None:
    outside.clock(NOON)
    outside.scale(0, 1)
    outside.send(MAX_LAG + 1)
    assert sinks(daemon, BEHIND_LOOKS) == [1, 1], "offsets that stand still are no lack of sinks"
    outside.settle(behind=MAX_LAG // 4)
    daemon.cursor = None
    outside.send(4 * MAX_LAG)
    found = sinks(daemon, 1)
    for step in range(SETTLING_LOOKS + 2):
        outside.settle_to(step + 1)
        found += sinks(daemon, 1)
    assert found[0] == 1
    assert found[-1] >= 2
    assert sorted(found) == found


def test_a_sink_that_stands_still_is_restarted_once(daemon: Daemon, outside: Outside) -> None:
    outside.clock(NOON)
    outside.scale(0, 1)
    eventually(lambda: outside.running() == (0, 1))
    before = outside.tasks()
    outside.send(8)
    assert not any(daemon.act() for _ in range(STUCK_LOOKS))
    request, _ = daemon.tick()
    assert request is not None
    assert request.job_name == "restart_stream_service"
    deployment = outside.stream_services.services()["sink"].deployment
    assert request.run_config["ops"]["restart"]["config"] == {
        "service": "sink",
        "deployment": deployment,
    }
    assert request.run_key == f"restart-{deployment}-1"
    assert request.tags["market/session"] == NOON[:10]
    assert not daemon.act(), "the new sink gets time"

    daemon.run(request)
    eventually(lambda: len(outside.tasks()) == 1 and outside.tasks() != before)
    after = outside.stream_services.services()["sink"].deployment
    assert after != deployment
    daemon.run(request)
    assert outside.stream_services.services()["sink"].deployment == after, "once for a deployment"
    assert outside.desired() == (0, 1)


def test_gives_up_loudly_and_recovers_by_itself(daemon: Daemon, outside: Outside) -> None:
    outside.clock(NOON)
    outside.scale(0, 1)
    outside.send(8)
    # As in the evening of a dead ClickHouse: nothing moves, whatever is restarted.
    looks = range((MOST_RESTARTS + 1) * (STUCK_LOOKS + SETTLING_LOOKS + 1))
    restarts: list[bool] = []
    with pytest.raises(SinkStuckError, match="8 messages wait, and 3 restarts did not help"):
        restarts.extend(daemon.act() for _ in looks)
    assert sum(restarts) == MOST_RESTARTS
    [failed] = checks(daemon)
    assert (failed.passed, failed.severity.value) == (False, "ERROR")
    for _ in range(3):
        with pytest.raises(SinkStuckError):
            daemon.tick()
    assert len(checks(daemon)) == 1, "one alarm, not one for every look"

    outside.settle(behind=1)
    assert not daemon.act()
    passed, _ = checks(daemon)
    assert passed.passed
    outside.settle()
    assert not daemon.act()


def checks(daemon: Daemon) -> list[Any]:
    """Evaluations of the check, newest first."""
    records = daemon.instance.event_log_storage.get_asset_check_execution_history(
        KEEPS_UP, limit=20
    )
    return [one.event.dagster_event.asset_check_evaluation_data for one in records if one.event]


def test_a_cursor_of_another_version_is_a_new_beginning(daemon: Daemon, outside: Outside) -> None:
    outside.clock(NOON)
    daemon.cursor = "2"
    assert sinks(daemon, 1) == [1]
