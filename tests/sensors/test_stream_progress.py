"""The sensor that observes how the stream goes, a bounded number of times."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from sensor_daemon import Daemon
from sensors_support import Outside

from polygon_assets.defs.ticks.figures import stream_figures
from polygon_assets.sessions import session

pytestmark = pytest.mark.xdist_group("sensors")

TOPIC = dg.AssetKey(["kafka", "stocks", "agg_1s"])
BARS = dg.AssetKey(["clickhouse", "ticks", "bars_1s"])


@pytest.fixture
def daemon(outside: Outside, instance: dg.DagsterInstance, repository: Any) -> Daemon:
    return Daemon(outside, instance, repository, "stream_progress")


def observed(daemon: Daemon, key: dg.AssetKey) -> list[dict[str, Any]]:
    """Metadata of every observation, oldest first."""
    records = daemon.instance.fetch_observations(key, limit=100, ascending=True).records
    found = [record.asset_observation for record in records]
    assert {one.partition for one in found if one} <= {"2005-02-28"}
    return [{name: value.value for name, value in one.metadata.items()} for one in found if one]


def test_lag_rate_and_latency(daemon: Daemon, outside: Outside) -> None:
    outside.store_bars("2005-02-28", 240)
    outside.write_batches(240, latency_ms=40)
    outside.send(8)
    outside.settle(behind=2)
    outside.clock("2005-02-28T09:34:00-05:00")
    daemon.tick()
    [topic], [bars] = observed(daemon, TOPIC), observed(daemon, BARS)
    assert topic["market_time"].startswith("2005-02-28T14:34:0")
    assert (topic["lag"], topic["lag_partition_0"], topic["lag_partition_1"]) == (2, 2, 0)
    assert (bars["rows"], bars["symbols"], bars["volume"], bars["lag"]) == (240, 1, 240.0, 2)
    assert bars["rows_per_minute"] == pytest.approx(240 / 5, rel=0.05), "of the last five minutes"
    assert (bars["latency_p50_ms"], bars["latency_p99_ms"]) == (40.0, 40.0)


def test_once_in_five_minutes_of_market_time(daemon: Daemon, outside: Outside) -> None:
    outside.clock("2005-02-28T09:19:00-05:00")
    assert "does not run" in daemon.tick()[1]
    for moment in ("09:20:00", "09:20:30", "09:24:30", "09:25:02", "09:29:30", "15:00:00"):
        outside.clock(f"2005-02-28T{moment}-05:00")
        daemon.tick()
    outside.clock("2005-02-28T16:16:00-05:00")
    daemon.tick()
    times = [one["market_time"][11:16] for one in observed(daemon, TOPIC)]
    assert times == ["14:20", "14:25", "20:00"]


def test_a_replay_that_begins_anew_is_observed(daemon: Daemon, outside: Outside) -> None:
    for moment in ("15:00:00", "10:00:00", "10:01:00", "10:06:00"):
        outside.clock(f"2005-02-28T{moment}-05:00")
        daemon.tick()
    assert len(observed(daemon, BARS)) == 3


def test_without_rows_there_is_no_latency(daemon: Daemon, outside: Outside) -> None:
    outside.clock("2005-02-28T10:00:00-05:00")
    daemon.tick()
    [bars] = observed(daemon, BARS)
    assert (bars["rows"], bars["rows_per_minute"]) == (0, 0.0)
    assert not [name for name in bars if name.startswith("latency")]


def test_figures_count_replaced_bars_once_and_only_their_topic(outside: Outside) -> None:
    outside.store_bars("2005-02-28", 10)
    outside.write_batches(10, latency_ms=7)
    outside.write_batches(10, latency_ms=9_999, topic="another")
    opened = session(date(2005, 2, 28)).open_at
    topic, day = outside.kafka.bars_topic, date(2005, 2, 28)
    found = stream_figures(outside.clickhouse, topic, day, opened, opened + timedelta(seconds=5))
    assert (found.rows, found.symbols, found.volume) == (5, 1, 5.0)
    assert found.latency_ms == (7.0, 7.0, 7.0)
    never = datetime(2005, 2, 28, tzinfo=UTC)
    nothing = stream_figures(outside.clickhouse, topic, day, never, never)
    assert (nothing.rows, nothing.latency_ms) == (0, ())
