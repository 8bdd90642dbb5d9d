"""The sensor that reports a finished session of the stream."""

from typing import Any

import dagster as dg
import pytest
from sensors_support import Outside

from polygon_assets.defs.ticks.assets import STREAM_KEYS

pytestmark = pytest.mark.xdist_group("sensors")

BARS = dg.AssetKey(["clickhouse", "ticks", "bars_1s"])


class Daemon:
    """Evaluates the sensor, stores its events and keeps its cursor."""

    def __init__(self, outside: Outside, instance: dg.DagsterInstance, repository: Any) -> None:
        self.outside, self.instance, self.repository = outside, instance, repository
        self.cursor: str | None = None

    def tick(self, moment: str) -> str:
        """Why nothing was reported; empty where something was."""
        self.outside.clock(moment)
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.repository,
            resources=self.outside.resources("polygon", "kafka", "clickhouse"),
        )
        with context:
            found = self.repository.get_sensor_def("stream_complete").evaluate_tick(context)
        assert not found.run_requests
        self.cursor = found.cursor
        for event in found.asset_events:
            self.instance.report_runless_asset_event(event)
        return "" if found.asset_events else str(found.skip_message)

    def reported(self) -> dict[dg.AssetKey, list[str | None]]:
        """Asset -> the partitions of its materializations."""
        keys = [dg.AssetKey(key) for key in STREAM_KEYS]
        return {
            key: [
                record.asset_materialization.partition
                for record in self.instance.fetch_materializations(key, limit=50).records
                if record.asset_materialization is not None
            ]
            for key in keys
        }


@pytest.fixture
def daemon(outside: Outside, instance: dg.DagsterInstance, repository: Any) -> Daemon:
    return Daemon(outside, instance, repository)


def test_one_materialization_per_asset_and_session(daemon: Daemon, outside: Outside) -> None:
    assert "wrote nothing" in daemon.tick("2005-02-28T16:16:00-05:00")
    outside.store_bars("2005-02-28", 5)
    assert "not complete" in daemon.tick("2005-02-28T16:15:20-05:00")
    outside.send(4)
    outside.settle(behind=1)
    assert "not complete" in daemon.tick("2005-02-28T16:16:00-05:00")
    assert not any(daemon.reported().values())

    outside.settle()
    assert daemon.tick("2005-02-28T16:16:30-05:00") == ""
    for moment in ("2005-02-28T16:17:00-05:00", "2005-03-01T03:00:00-05:00"):
        assert daemon.tick(moment) != ""
    assert set(map(tuple, daemon.reported().values())) == {("2005-02-28",)}

    # The next session is incomplete all day, and reported after its own close.
    outside.store_bars("2005-03-01", 2)
    assert "2005-03-01 is not complete" in daemon.tick("2005-03-01T15:59:00-05:00")
    assert daemon.tick("2005-03-01T16:16:00-05:00") == ""
    assert set(map(tuple, daemon.reported().values())) == {("2005-03-01", "2005-02-28")}


def test_counts_every_bar_once(daemon: Daemon, outside: Outside) -> None:
    outside.store_bars("2005-02-28", 5)
    daemon.tick("2005-02-28T17:00:00-05:00")
    [record] = daemon.instance.fetch_materializations(BARS, limit=5).records
    assert record.asset_materialization is not None
    metadata = record.asset_materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 5


def test_weekend_reports_friday(daemon: Daemon, outside: Outside) -> None:
    outside.store_bars("2005-02-25", 1)
    assert daemon.tick("2005-02-27T12:00:00-05:00") == ""
    assert daemon.reported()[BARS] == ["2005-02-25"]


def test_half_day_is_complete_in_the_afternoon(daemon: Daemon, outside: Outside) -> None:
    outside.store_bars("2012-11-23", 1)
    assert "not complete" in daemon.tick("2012-11-23T13:15:00-05:00")
    assert daemon.tick("2012-11-23T13:16:00-05:00") == ""
