"""The sensor that builds the rollups of a corrected session again."""

from datetime import date
from typing import Any

import dagster as dg
import pytest
from sensor_daemon import Daemon
from sensors_support import Outside

from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.live import create_rollups
from polygon_assets.defs.rollups.rebuild import rebuild_session

pytestmark = pytest.mark.xdist_group("sensors")

THURSDAY, FRIDAY, MONDAY = "2005-02-24", "2005-02-25", "2005-02-28"


@pytest.fixture
def daemon(outside: Outside, instance: dg.DagsterInstance, repository: Any) -> Daemon:
    """Three sessions with their rollups; it is Monday at noon, whose session is open."""
    create_rollups(outside.clickhouse)
    for day in (THURSDAY, FRIDAY, MONDAY):
        outside.store_bars(day, 3)
        for rollup in ROLLUPS:
            rebuild_session(outside.clickhouse, rollup, date.fromisoformat(day))
    outside.clock(f"{MONDAY}T12:00:00-05:00")
    return Daemon(outside, instance, repository, "late_corrections")


def requests(daemon: Daemon) -> list[dg.RunRequest]:
    return list(daemon.evaluate().run_requests or [])


def correct(outside: Outside, day: str, shares: int) -> None:
    """A newer version of the session's first bar."""
    with outside.clickhouse.client() as client:
        client.command(
            outside.clickhouse.render(
                "INSERT INTO {ticks}.bars_1s (session_date, symbol, bar_start, open, high, low, "
                "close, vwap, volume, kafka_offset, received_at) "
                "SELECT session_date, symbol, bar_start, "
                f"open, high, low, close, vwap, {shares}, max(kafka_offset) OVER () + 1, "
                f"max(received_at) OVER () + {shares} FROM {{ticks}}.bars_1s FINAL "
                f"WHERE session_date = '{day}' ORDER BY bar_start LIMIT 1"
            )
        )


def shares(outside: Outside, day: str) -> float:
    rows = outside.clickhouse.query(
        "SELECT sum(volume) FROM {rollups}.bars_1d WHERE session_date = {day:Date}",
        {"day": date.fromisoformat(day)},
    )
    return float(rows[0][0])


def rebuild(daemon: Daemon, request: dg.RunRequest) -> None:
    done = daemon.repository.get_job("late_corrections").execute_in_process(
        partition_key=request.partition_key,
        instance=daemon.instance,
        resources=daemon.outside.resources("clickhouse", "polygon"),
        raise_on_error=False,
    )
    made = {one.asset_key.to_user_string() for one in done.get_asset_materialization_events()}
    assert made == {"/".join(rollup.key) for rollup in ROLLUPS}


def test_one_correction_gives_one_run_of_its_session(daemon: Daemon, outside: Outside) -> None:
    assert requests(daemon) == []
    correct(outside, THURSDAY, 7)
    [request] = requests(daemon)
    assert request.partition_key == THURSDAY
    [again] = requests(daemon)
    assert again.run_key == request.run_key, "Dagster runs a key once"

    assert shares(outside, THURSDAY) == 3.0
    rebuild(daemon, request)
    assert shares(outside, THURSDAY) == 9.0
    assert shares(outside, FRIDAY) == 3.0
    assert requests(daemon) == []

    correct(outside, THURSDAY, 9)
    [another] = requests(daemon)
    assert another.run_key != request.run_key


def test_an_open_session_is_left_alone_until_it_is_over(daemon: Daemon, outside: Outside) -> None:
    correct(outside, MONDAY, 7)
    correct(outside, FRIDAY, 8)
    assert [one.partition_key for one in requests(daemon)] == [FRIDAY]
    outside.clock(f"{MONDAY}T16:15:20-05:00")
    assert [one.partition_key for one in requests(daemon)] == [FRIDAY]
    outside.clock(f"{MONDAY}T16:15:40-05:00")
    assert [one.partition_key for one in requests(daemon)] == [FRIDAY, MONDAY]


def test_the_job_builds_the_rollups_and_nothing_else(repository: Any) -> None:
    job = repository.get_job("late_corrections")
    executed = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert executed == {"/".join(rollup.key) for rollup in ROLLUPS}
