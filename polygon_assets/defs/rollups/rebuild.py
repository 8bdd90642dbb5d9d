"""Rebuild one session of a rollup: idempotent, atomic, safe to repeat after a crash."""

import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from clickhouse_connect.driver.client import Client

from polygon_assets.resources.clickhouse import ClickHouse

SQL = Path(__file__).parent / "sql"
SECONDS = "{ticks}.bars_1s"
STAGE = "__stage_"

REBUILD = {
    # A stage table that is new for every run has no memory of earlier blocks, so no row of the
    # session can be taken for a duplicate of an earlier attempt.
    "async_insert": 0,
    "insert_deduplicate": 0,
    "deduplicate_insert_select": "disable",
    # ClickHouse compiles an expression that it has seen several times, and the compiled one may
    # round its last bit differently: the same session would give other numbers later.
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    # Otherwise FINAL reads every session, whatever the filter on session_date says.
    "do_not_merge_across_partitions_select_final": 1,
}


@dataclass(frozen=True)
class Rollup:
    """A table of wider bars.

    Attributes:
        name: Table name.
        source: The table with the finer bars.
        bucket: ClickHouse expression for the start of the bar, in terms of the finer bar ``s``.
        description: What one row is.
    """

    name: str
    source: str
    bucket: str
    description: str

    @property
    def key(self) -> list[str]:
        """The asset key."""
        return ["clickhouse", "rollups", self.name]

    @property
    def source_key(self) -> list[str]:
        """The asset key of the finer bars."""
        schema = "ticks" if self.source == SECONDS else "rollups"
        return ["clickhouse", schema, self.source.rpartition(".")[2]]

    @property
    def select(self) -> str:
        """The query for one session's bars, with ``{session:Date}`` left to bind."""
        sql = (SQL / "bars.sql").read_text()
        # Only the second bars have replaced versions; a rollup's rows are final.
        final = "FINAL" if self.source == SECONDS else ""
        replacements = {"{bucket}": self.bucket, "{source}": self.source, "{final}": final}
        for placeholder, text in replacements.items():
            sql = sql.replace(placeholder, text)
        return sql


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild did.

    Attributes:
        rows: Bars of the session now.
        volume: Their shares.
        rows_before: Bars of the session before the rebuild.
        drift: Shares now minus shares before: what the rebuild corrected.
    """

    rows: int
    volume: float
    rows_before: int
    drift: float


class NothingToRollUpError(RuntimeError):
    """The finer table has no rows for the session."""


def rebuild_session(clickhouse: ClickHouse, rollup: Rollup, session: date) -> Rebuilt:
    """Replace the session's bars by ones computed from the finer table.

    The session must be over: rows that arrive during the rebuild would be missed.

    Raises:
        NothingToRollUpError: The finer table has no rows for the session.
    """
    target = clickhouse.render(f"{{rollups}}.{rollup.name}")
    stage = f"{target}{STAGE}{uuid.uuid4().hex[:8]}"
    _drop_leftovers(clickhouse, rollup)
    with clickhouse.client() as client:
        before_rows, before_volume = _totals(client, target, session)
        client.command(f"CREATE TABLE {stage} AS {target}")
        try:
            client.command(
                f"INSERT INTO {stage} {clickhouse.render(rollup.select)}",
                parameters={"session": session},
                settings=REBUILD,
            )
            rows, volume = _totals(client, stage, session)
            if rows == 0:
                raise NothingToRollUpError(
                    f"{clickhouse.render(rollup.source)} has no bars for session {session}: "
                    "stream or backfill the session first."
                )
            client.command(f"ALTER TABLE {target} REPLACE PARTITION '{session}' FROM {stage}")
        finally:
            client.command(f"DROP TABLE IF EXISTS {stage} SYNC")
    return Rebuilt(rows, volume, before_rows, volume - before_volume if before_rows else 0.0)


def create_tables(clickhouse: ClickHouse, rollups: list[Rollup]) -> None:
    """Create the database and the rollup tables where they are missing."""
    sql = (SQL / "table.sql").read_text()
    with clickhouse.client() as client:
        client.command(f"CREATE DATABASE IF NOT EXISTS {clickhouse.rollups}")
        for rollup in rollups:
            client.command(clickhouse.render(sql).replace("{rollup}", rollup.name))


def _drop_leftovers(clickhouse: ClickHouse, rollup: Rollup) -> None:
    """Drop the stage tables of killed rebuilds; one rebuild of a rollup runs at a time."""
    found = clickhouse.query(
        "SELECT name FROM system.tables "
        "WHERE database = {database:String} AND startsWith(name, {prefix:String})",
        {"database": clickhouse.rollups, "prefix": f"{rollup.name}{STAGE}"},
    )
    with clickhouse.client() as client:
        for (name,) in found:
            client.command(f"DROP TABLE IF EXISTS {clickhouse.rollups}.{name} SYNC")


def _totals(client: Client, table: str, session: date) -> tuple[int, float]:
    sql = f"SELECT count(), sum(volume) FROM {table} WHERE session_date = {{session:Date}}"
    rows, volume = client.query(sql, parameters={"session": session}).result_rows[0]
    return int(rows), float(volume)
