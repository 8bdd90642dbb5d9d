"""Rollups in the sandbox's ClickHouse: repeatable, right, atomic."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest
from checks_bars import insert_seconds, random_seconds, rolled_up, same, second, stored
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polygon_assets.defs.rollups.assets import BARS_1D, BARS_1M, ROLLUPS
from polygon_assets.defs.rollups.rebuild import NothingToRollUpError, rebuild_session
from polygon_assets.resources.clickhouse import ClickHouse

pytestmark = pytest.mark.xdist_group("checks_clickhouse")

WINTER, SUMMER, HALF_DAY = date(2005, 2, 28), date(2012, 7, 5), date(2012, 11, 23)


def rebuild_all(clickhouse: ClickHouse, day: date) -> None:
    for rollup in ROLLUPS:
        rebuild_session(clickhouse, rollup, day)


def everything(clickhouse: ClickHouse, day: date) -> dict[str, Any]:
    return {rollup.name: stored(clickhouse, rollup.name, day) for rollup in ROLLUPS}


def tables(clickhouse: ClickHouse) -> set[str]:
    rows = clickhouse.query(
        f"SELECT name FROM system.tables WHERE database = '{clickhouse.rollups}'"
    )
    return {row[0] for row in rows}


@pytest.mark.parametrize("day", [WINTER, SUMMER, HALF_DAY], ids=str)
def test_equals_a_computation_without_sql(ticks: ClickHouse, day: date) -> None:
    seconds = random_seconds(day, 1, ["AAPL", "BRK.A", "ZZAA"], 400)
    insert_seconds(ticks, seconds, blocks=5)
    rebuild_all(ticks, day)
    for rollup in ROLLUPS:
        assert same(stored(ticks, rollup.name, day), rolled_up(seconds, rollup.name)), rollup.name
    assert len(stored(ticks, "bars_1d", day)) == 3


@given(seed=st.integers(0, 10_000), blocks=st.integers(1, 6), each=st.integers(1, 40))
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_of_any_versions_gives_the_same_rows_twice(
    ticks: ClickHouse, seed: int, blocks: int, each: int
) -> None:
    with ticks.client() as client:
        client.command(f"TRUNCATE TABLE {ticks.ticks}.bars_1s")
    seconds = random_seconds(SUMMER, seed, ["AAPL", "ZZAA"], each)
    insert_seconds(ticks, seconds, blocks, seed)
    rebuild_all(ticks, SUMMER)
    first = everything(ticks, SUMMER)
    rebuild_all(ticks, SUMMER)
    assert everything(ticks, SUMMER) == first
    for name, found in first.items():
        assert same(found, rolled_up(seconds, name)), name


def test_small_fractions_of_cheap_shares_are_not_rounded(ticks: ClickHouse) -> None:
    traded = list(product([0.001234, 123_456_789.125], [0.0001, 20.0625, 750_000.0]))
    insert_seconds(
        ticks,
        [
            replace(second(f"ZZ{number}", WINTER, 0, volume=volume), vwap=price)
            for number, (volume, price) in enumerate(traded)
        ],
    )
    for rollup in (BARS_1M, BARS_1D):
        rebuild_session(ticks, rollup, WINTER)
        found = stored(ticks, rollup.name, WINTER)
        for (symbol, _), values in found.items():
            wanted = traded[int(symbol[2:])]
            assert values[4:6] == pytest.approx(wanted, rel=1e-12, abs=0)
        assert len(found) == len(traded)


def test_other_sessions_stay_as_they_are(ticks: ClickHouse) -> None:
    for day in (WINTER, SUMMER):
        insert_seconds(ticks, random_seconds(day, 3, ["AAPL"], 20))
        rebuild_all(ticks, day)
    before = everything(ticks, WINTER)
    insert_seconds(ticks, [second("AAPL", WINTER, 5, 1.0, version=10_000)])
    rebuild_all(ticks, SUMMER)
    assert everything(ticks, WINTER) == before


def test_late_replacement_is_corrected_and_reported_as_drift(ticks: ClickHouse) -> None:
    first = [second("AAPL", WINTER, start, volume=100) for start in (0, 1, 90)]
    insert_seconds(ticks, first)
    built = rebuild_session(ticks, BARS_1M, WINTER)
    assert (built.rows, built.volume, built.rows_before, built.drift) == (2, 300, 0, 0)
    late = second("AAPL", WINTER, 90, price=30, volume=175.5, version=7)
    insert_seconds(ticks, [late])
    corrected = rebuild_session(ticks, BARS_1M, WINTER)
    assert (corrected.rows, corrected.rows_before, corrected.drift) == (2, 2, 75.5)
    assert same(stored(ticks, "bars_1m", WINTER), rolled_up([*first, late], "bars_1m"))
    assert rebuild_session(ticks, BARS_1M, WINTER).drift == 0


def test_older_version_that_arrives_late_changes_nothing(ticks: ClickHouse) -> None:
    insert_seconds(ticks, [second("AAPL", WINTER, 0, volume=200, version=9)])
    rebuild_all(ticks, WINTER)
    before = everything(ticks, WINTER)
    insert_seconds(ticks, [second("AAPL", WINTER, 0, volume=100, version=8)])
    rebuild_all(ticks, WINTER)
    assert everything(ticks, WINTER) == before


def test_session_without_finer_bars_keeps_what_it_had(ticks: ClickHouse) -> None:
    insert_seconds(ticks, random_seconds(WINTER, 4, ["AAPL"], 10))
    rebuild_all(ticks, WINTER)
    # From the widest on, so that each loses its own source only.
    for rollup in reversed(ROLLUPS):
        before = stored(ticks, rollup.name, WINTER)
        source = ticks.render(rollup.source)
        with ticks.client() as client:
            client.command(f"TRUNCATE TABLE {source}")
        message = f"{source} has no bars for session {WINTER}"
        with pytest.raises(NothingToRollUpError, match=message):
            rebuild_session(ticks, rollup, WINTER)
        if rollup is not BARS_1M:  # the minutes are themselves a source, and gone by then
            assert stored(ticks, rollup.name, WINTER) == before
    assert not any("stage" in name for name in tables(ticks))


def test_minutes_without_seconds_keep_what_they_had(ticks: ClickHouse) -> None:
    insert_seconds(ticks, [second("AAPL", WINTER, 0)])
    rebuild_session(ticks, BARS_1M, WINTER)
    before = stored(ticks, "bars_1m", WINTER)
    with ticks.client() as client:
        client.command(f"TRUNCATE TABLE {ticks.ticks}.bars_1s")
    with pytest.raises(NothingToRollUpError):
        rebuild_session(ticks, BARS_1M, WINTER)
    assert len(before) == 1
    assert stored(ticks, "bars_1m", WINTER) == before


class DiesBeforeTheSwap(ClickHouse):
    """Its connection is lost when the stage table is full."""

    @contextmanager
    def client(self) -> Generator[Client, None, None]:
        with super().client() as client:
            command = client.command

            def lost(sql: str, **arguments: Any) -> Any:
                if "REPLACE PARTITION" in sql:
                    raise ConnectionResetError("lost between stage and swap")
                return command(sql, **arguments)

            client.command = lost  # type: ignore[method-assign]
            yield client


def test_death_between_stage_and_swap_changes_nothing(ticks: ClickHouse) -> None:
    insert_seconds(ticks, [second("AAPL", WINTER, 0)])
    rebuild_all(ticks, WINTER)
    before = everything(ticks, WINTER)
    insert_seconds(ticks, [second("AAPL", WINTER, 0, volume=999, version=5)])
    dying = DiesBeforeTheSwap(**ticks.model_dump())
    with pytest.raises(ConnectionResetError):
        rebuild_session(dying, BARS_1M, WINTER)
    assert everything(ticks, WINTER) == before
    assert not any("stage" in name for name in tables(ticks))
    assert rebuild_session(ticks, BARS_1M, WINTER).drift == 899


def test_many_rebuilds_give_the_same_bits(ticks: ClickHouse) -> None:
    """ClickHouse compiles expressions that it has seen a few times, which rounds differently."""
    insert_seconds(ticks, random_seconds(WINTER, 3, ["AAPL", "ZZAA", "ZZAB"], 3_000))
    results: list[Any] = []
    for _ in range(6):
        rebuild_session(ticks, BARS_1M, WINTER)
        results.append(stored(ticks, "bars_1m", WINTER))
    assert all(one == results[0] for one in results)


def test_stage_of_a_killed_rebuild_is_dropped_by_the_next(ticks: ClickHouse) -> None:
    insert_seconds(ticks, [second("AAPL", WINTER, 0)])
    with ticks.client() as client:
        target = ticks.render("{rollups}.bars_1m")
        client.command(f"CREATE TABLE {target}__stage_dead AS {target}")
    rebuild_session(ticks, BARS_1M, WINTER)
    assert not any("stage" in name for name in tables(ticks))


def test_day_bar_starts_at_midnight_in_new_york(ticks: ClickHouse) -> None:
    for day, hour in ((WINTER, 5), (SUMMER, 4)):
        insert_seconds(ticks, [second("AAPL", day, 0)])
        rebuild_session(ticks, BARS_1M, day)
        rebuild_session(ticks, BARS_1D, day)
        [(_, start)] = stored(ticks, "bars_1d", day)
        assert (start.hour, start.date()) == (hour, day)
