"""The rollups' database: the migrations of ``schema/``, and the live rows in it."""

from datetime import date
from pathlib import Path

from polygon_stream.schema import apply

from polygon_assets.resources.clickhouse import ClickHouse

SCHEMA = Path(__file__).parent / "schema"
LIVE_TABLES = ["live_bars_1s", "live_bars_1m"]

# One thread and one block at a time: of two blocks of the same minute the second sees the first.
_FILL = {
    "async_insert": 0,
    "insert_deduplicate": 0,
    "deduplicate_insert_select": "disable",
    "deduplicate_blocks_in_dependent_materialized_views": 0,
    "max_insert_threads": 1,
    "parallel_view_processing": 0,
    # Otherwise FINAL reads every session, whatever the filter on session_date says.
    "do_not_merge_across_partitions_select_final": 1,
}


def create_rollups(clickhouse: ClickHouse) -> None:
    """Apply the migrations that are missing; the tick tables must exist.

    Sessions that were streamed before the live tables existed are filled in from their second bars.

    Raises:
        ChangedMigrationError: A file has changed since it was applied.
    """
    with clickhouse.client() as client:
        apply(client, SCHEMA, migration_names(clickhouse.ticks, clickhouse.rollups))
    for session in _missing_sessions(clickhouse):
        fill_live(clickhouse, session)


def migration_names(ticks: str, rollups: str) -> dict[str, str]:
    """What the placeholders of the files stand for: the databases of ticks and of rollups."""
    return {"database": rollups, "ticks": ticks, "rollups": rollups}


def fill_live(clickhouse: ClickHouse, session: date) -> None:
    """Compute the live rows of one session again from its second bars.

    The sink must not write the session meanwhile: two writers of one minute may miss each other.
    """
    sql = """
    INSERT INTO {rollups}.live_bars_1s
    SELECT s.session_date, toStartOfMinute(s.bar_start), s.symbol, s.bar_start, s.open, s.high,
           s.low, s.close, s.volume, s.vwap, s.trade_count, s.accumulated_volume, s.day_open,
           s.day_vwap, s.kafka_offset
    FROM {ticks}.bars_1s AS s FINAL WHERE s.session_date = {session:Date}
    """
    with clickhouse.client() as client:
        client.command(clickhouse.render(sql), parameters={"session": session}, settings=_FILL)


def clear_live(clickhouse: ClickHouse) -> list[date]:
    """Drop the live rows of sessions that are final in every width; the newest one keeps its rows.

    The views of the session under way (movers and the like) so go on after its close, until the
    next session begins.

    Returns:
        The sessions that were dropped.
    """
    found = clickhouse.query(
        """
        SELECT DISTINCT toDate(partition) AS day FROM system.parts
        WHERE active AND database = '{rollups}' AND table = 'live_bars_1m'
          AND day IN (SELECT toDate(partition) FROM system.parts
                      WHERE active AND database = '{rollups}'
                        AND table IN ('bars_1m', 'bars_5m', 'bars_1h', 'bars_1d')
                      GROUP BY partition HAVING uniqExact(table) = 4)
          AND day < (SELECT max(toDate(partition)) FROM system.parts
                     WHERE active AND database = '{rollups}' AND table = 'live_bars_1m')
        ORDER BY day
        """
    )
    sessions: list[date] = [row[0] for row in found]
    with clickhouse.client() as client:
        for session in sessions:
            for table in LIVE_TABLES:
                client.command(
                    f"ALTER TABLE {clickhouse.rollups}.{table} DROP PARTITION '{session}'"
                )
    return sessions


def _missing_sessions(clickhouse: ClickHouse) -> list[date]:
    """Sessions with second bars that are neither final nor live."""
    found = clickhouse.query(
        """
        SELECT DISTINCT toDate(partition) AS day FROM system.parts
        WHERE active AND database = '{ticks}' AND table = 'bars_1s'
          AND day NOT IN (SELECT toDate(partition) FROM system.parts WHERE active
                          AND database = '{rollups}' AND table IN ('bars_1m', 'live_bars_1m'))
        ORDER BY day
        """
    )
    return [row[0] for row in found]
