"""The sensor that reports a finished session of the stream, once."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pytest
from sensor_daemon import Daemon
from sensors_support import Outside
from sqlglot.errors import ParseError

from polygon_assets.defs.ticks.assets import STREAM_KEYS
from polygon_assets.defs.ticks.chart import events_per_minute, lag_over_session
from polygon_assets.defs.ticks.tables import SESSION_OF

pytestmark = pytest.mark.xdist_group("sensors")

BARS = dg.AssetKey(["clickhouse", "ticks", "bars_1s"])
GAPS = dg.AssetKey(["kafka", "stocks", "gaps"])


@pytest.fixture
def daemon(outside: Outside, instance: dg.DagsterInstance, repository: Any) -> Daemon:
    return Daemon(outside, instance, repository, "stream_complete")


def tick(daemon: Daemon, moment: str) -> str:
    """Why nothing was reported; empty where something was."""
    daemon.outside.clock(moment)
    found = daemon.evaluate()
    assert not found.run_requests
    return "" if found.asset_events else str(found.skip_message)


def reported(daemon: Daemon) -> dict[dg.AssetKey, list[str | None]]:
    """Asset -> the partitions of its materializations, newest first."""
    return {key: [one.partition for one in materializations(daemon, key)] for key in all_keys()}


def all_keys() -> list[dg.AssetKey]:
    return [dg.AssetKey(key) for key in STREAM_KEYS]


def materializations(daemon: Daemon, key: dg.AssetKey) -> list[dg.AssetMaterialization]:
    records = daemon.instance.fetch_materializations(key, limit=50).records
    return [one.asset_materialization for one in records if one.asset_materialization]


def metadata(daemon: Daemon, key: dg.AssetKey) -> dict[str, Any]:
    """Of the newest materialization."""
    newest = materializations(daemon, key)[0]
    return {name: value.value for name, value in newest.metadata.items()}


def test_one_materialization_per_asset_and_session(daemon: Daemon, outside: Outside) -> None:
    assert "wrote nothing" in tick(daemon, "2005-02-28T16:16:00-05:00")
    outside.store_bars("2005-02-28", 5)
    assert "wrote nothing" in tick(daemon, "2005-02-28T16:15:20-05:00")
    outside.send(4)
    outside.settle(behind=1)
    assert "2005-02-28 is not complete: lag 1" in tick(daemon, "2005-02-28T16:16:00-05:00")
    assert not any(reported(daemon).values())

    outside.settle()
    assert tick(daemon, "2005-02-28T16:16:30-05:00") == ""
    for moment in ("2005-02-28T16:17:00-05:00", "2005-03-01T03:00:00-05:00"):
        assert tick(daemon, moment) != ""
    assert set(map(tuple, reported(daemon).values())) == {("2005-02-28",)}

    # The next session is incomplete all day, and reported after its own close.
    outside.store_bars("2005-03-01", 2)
    assert tick(daemon, "2005-03-01T15:59:00-05:00") != ""
    assert tick(daemon, "2005-03-01T16:16:00-05:00") == ""
    assert set(map(tuple, reported(daemon).values())) == {("2005-03-01", "2005-02-28")}


def test_the_session_in_figures(daemon: Daemon, outside: Outside) -> None:
    outside.store_bars("2005-02-28", 5)
    outside.write_batches(5, latency_ms=30)
    outside.send(3, outside.kafka.gaps_topic)
    outside.send(2, outside.kafka.dead_letter_topic)
    assert tick(daemon, "2005-02-28T17:00:00-05:00") == ""
    found = metadata(daemon, BARS)
    assert found["dagster/partition_row_count"] == found["rows"] == 5, "each bar once"
    assert (found["symbols"], found["volume"]) == (1, 5.0)
    assert (found["gaps"], found["dead_letters"]) == (3, 2)
    latencies = [found[f"latency_{each}_ms"] for each in ("p50", "p95", "p99")]
    assert latencies == [30.0, 30.0, 30.0]

    # The next session counts its own, whatever the topics still hold.
    outside.store_bars("2005-03-01", 2)
    outside.send(1, outside.kafka.gaps_topic)
    assert tick(daemon, "2005-03-01T17:00:00-05:00") == ""
    assert (metadata(daemon, BARS)["gaps"], metadata(daemon, BARS)["dead_letters"]) == (1, 0)
    topic = outside.kafka.gaps_topic
    assert metadata(daemon, GAPS) == {"messages": 1, "end_offset": 4, "topic": topic}


def test_what_the_ui_shows_of_the_tables(daemon: Daemon, outside: Outside) -> None:
    outside.store_bars("2005-02-28", 5)
    assert tick(daemon, "2005-02-28T17:00:00-05:00") == ""
    told = {key[-1]: metadata(daemon, dg.AssetKey(key)) for key in [BARS.path, *SESSION_OF]}
    for name, one in told.items():
        assert one["dagster/table_name"] == f"{outside.clickhouse.ticks}.{name}"
        assert one["dagster/column_lineage"].deps_by_column
        assert one["clickhouse"].startswith(f"{outside.clickhouse.url}/play?user=default#")
    assert told["bars_1s"]["bytes"] > 0
    assert not [name for name, one in told.items() if "bytes" in one and name != "bars_1s"]


def test_the_session_as_lines(daemon: Daemon, outside: Outside) -> None:
    day = date(2005, 2, 28)
    outside.store_bars(str(day), 150)
    # A clock that was set back looks at a minute again.
    for minute, lag in [(31, 4), (35, 0), (40, 2), (35, 1)]:
        at = datetime(2005, 2, 28, 14, minute, tzinfo=UTC)
        observed = {"market_time": at.isoformat(), "lag": lag}
        event = dg.AssetObservation(BARS, partition=str(day), metadata=observed)
        daemon.instance.report_runless_asset_event(event)
    found = events_per_minute(outside.clickhouse, day)
    assert found == [("09:30", 61), ("09:31", 60), ("09:32", 30)], "with the replaced bar"
    lag_found = lag_over_session(daemon.instance, day)
    assert lag_found == [("09:31", 4), ("09:35", 1), ("09:40", 2)]
    assert tick(daemon, "2005-02-28T17:00:00-05:00") == ""
    for name in ("events_per_minute", "lag_over_session"):
        assert metadata(daemon, BARS)[name].startswith("![")


def test_a_minute_without_events_is_a_zero(outside: Outside) -> None:
    outside.store_bars("2005-02-28", 130)
    with outside.clickhouse.client() as client:
        client.command(
            f"DELETE FROM {outside.clickhouse.ticks}.bars_1s "
            "WHERE toMinute(bar_start, 'America/New_York') = 31"
        )
    found = events_per_minute(outside.clickhouse, date(2005, 2, 28))
    assert [events for _, events in found] == [61, 0, 10]


def test_lineage_that_cannot_be_told_keeps_no_session_back(
    daemon: Daemon, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ParseError("no such function")

    monkeypatch.setattr("polygon_assets.defs.ticks.lineage.tables_lineage", refuse)
    outside.store_bars("2005-02-28", 1)
    assert tick(daemon, "2005-02-28T17:00:00-05:00") == ""
    assert "dagster/column_lineage" not in metadata(daemon, BARS)


def test_a_sensor_that_was_reset_reports_nothing_twice(daemon: Daemon, outside: Outside) -> None:
    outside.store_bars("2005-02-28", 1)
    assert tick(daemon, "2005-02-28T17:00:00-05:00") == ""
    daemon.cursor = None
    assert "it is reported" in tick(daemon, "2005-02-28T17:01:00-05:00")
    assert set(map(tuple, reported(daemon).values())) == {("2005-02-28",)}


def test_a_daemon_that_was_killed_half_way_reports_the_rest(
    daemon: Daemon, outside: Outside
) -> None:
    outside.store_bars("2005-02-28", 1)
    first = dg.AssetMaterialization(all_keys()[0], partition="2005-02-28")
    daemon.instance.report_runless_asset_event(first)
    assert tick(daemon, "2005-02-28T17:00:00-05:00") == ""
    assert set(map(tuple, reported(daemon).values())) == {("2005-02-28",)}


def test_sessions_that_nobody_looked_at_are_reported_later(
    daemon: Daemon, outside: Outside
) -> None:
    outside.store_bars("2005-02-24", 1)
    outside.store_bars("2005-02-28", 1)
    assert tick(daemon, "2005-03-01T09:00:00-05:00") == ""
    assert reported(daemon)[BARS] == ["2005-02-28", "2005-02-24"], "nothing for the 25th"


def test_weekend_reports_friday(daemon: Daemon, outside: Outside) -> None:
    outside.store_bars("2005-02-25", 1)
    assert tick(daemon, "2005-02-27T12:00:00-05:00") == ""
    assert reported(daemon)[BARS] == ["2005-02-25"]


def test_half_day_is_complete_in_the_afternoon(daemon: Daemon, outside: Outside) -> None:
    outside.store_bars("2012-11-23", 1)
    assert "wrote nothing" in tick(daemon, "2012-11-23T13:15:00-05:00")
    assert tick(daemon, "2012-11-23T13:16:00-05:00") == ""
