"""The sensor that restarts a sink which stays behind."""

from typing import Any

import dagster as dg
import pytest
from sensors_support import Outside, eventually

from polygon_assets.defs.ticks.control import MAX_LAG
from polygon_assets.defs.ticks.jobs import restart_stream_service

pytestmark = pytest.mark.xdist_group("sensors")


class Daemon:
    """Evaluates the sensor again and again, and keeps its cursor and its events."""

    def __init__(self, outside: Outside, instance: dg.DagsterInstance, repository: Any) -> None:
        self.outside, self.instance, self.repository = outside, instance, repository
        self.cursor: str | None = None

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.repository,
            resources=self.outside.resources("kafka", "stream_services"),
        )
        with context:
            found = self.repository.get_sensor_def("kafka_lag").evaluate_tick(context)
        self.cursor = found.cursor
        for event in found.asset_events:
            self.instance.report_runless_asset_event(event)
        return list(found.run_requests or [])

    def observed(self) -> list[dict[str, Any]]:
        """Metadata of every observation of the topic, oldest first."""
        key = dg.AssetKey(["kafka", "stocks", "agg_1s"])
        records = self.instance.fetch_observations(key, limit=100, ascending=True).records
        observations = [record.asset_observation for record in records]
        return [
            {name: value.value for name, value in one.metadata.items()}
            for one in observations
            if one is not None
        ]


@pytest.fixture
def daemon(outside: Outside, instance: dg.DagsterInstance, repository: Any) -> Daemon:
    return Daemon(outside, instance, repository)


def test_a_sink_that_stays_behind_is_restarted_once(daemon: Daemon, outside: Outside) -> None:
    outside.scale(0, 1)
    outside.send(MAX_LAG)
    outside.settle()
    eventually(lambda: outside.running() == (0, 1))
    before = outside.tasks()

    assert daemon.tick() == []
    outside.fall_back()
    assert [len(daemon.tick()) for _ in range(3)] == [0, 0, 0], "at the limit is not over it"
    outside.send(1)
    assert [len(daemon.tick()) for _ in range(2)] == [0, 0]
    [request] = daemon.tick()
    assert request.run_config["ops"]["restart"]["config"] == {"service": "sink"}
    assert request.tags["kafka/lag"] == str(MAX_LAG + 1)
    assert [len(daemon.tick()) for _ in range(2)] == [0, 0], "the new sink gets time"

    result = restart_stream_service.execute_in_process(
        run_config=request.run_config,
        instance=daemon.instance,
        resources=outside.resources("stream_services"),
    )
    assert result.success
    eventually(lambda: len(outside.tasks()) == 1 and outside.tasks() != before)
    assert outside.desired() == (0, 1)


def test_one_good_look_in_between_starts_the_count_again(daemon: Daemon, outside: Outside) -> None:
    outside.scale(0, 1)
    outside.send(MAX_LAG + 1)
    assert [len(daemon.tick()) for _ in range(2)] == [0, 0]
    outside.settle(behind=3)
    assert daemon.tick() == []
    outside.fall_back()
    assert [len(daemon.tick()) for _ in range(3)] == [0, 0, 1]


def test_a_sink_that_is_stopped_is_not_restarted(daemon: Daemon, outside: Outside) -> None:
    outside.send(MAX_LAG + 1)
    assert [len(daemon.tick()) for _ in range(4)] == [0, 0, 0, 0]


def test_every_look_is_an_observation_of_the_topic(daemon: Daemon, outside: Outside) -> None:
    daemon.tick()
    outside.send(8)
    outside.settle(behind=1)
    daemon.tick()
    first, second = daemon.observed()
    assert first["lag"] == 0
    assert second == {
        "lag": 1,
        "lag_partition_0": 1,
        "lag_partition_1": 0,
        "lag_partition_2": 0,
        "lag_partition_3": 0,
    }
