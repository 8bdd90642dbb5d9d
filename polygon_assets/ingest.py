"""Raw tables in Snowflake, filled through Airbyte.

One Airbyte connection fills the tables of one domain. A partition is a window: the source is told
the sessions, synced, and then the rows of every session are counted in the warehouse. A sync
that "succeeded" without a session's rows fails the partition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from polygon_assets.partitions import SessionWindow, run_window
from polygon_assets.policies import session_spec
from polygon_assets.preflight import AIRBYTE, explained
from polygon_assets.resources.airbyte import PolygonAirbyte, SyncReport
from polygon_assets.resources.snowflake import Warehouse


@dataclass(frozen=True)
class RawTable:
    """A table that one stream of the connector fills.

    Attributes:
        name: Stream and table name.
        session_column: The column that tells to which session a row belongs.
        description: What the table holds.
        every_session: Whether a session without rows is an error. Corporate actions are sparse.
    """

    name: str
    session_column: str
    description: str
    every_session: bool = True

    @property
    def key(self) -> list[str]:
        """The asset key."""
        return ["raw", "polygon", self.name]

    def qualified(self, database: str) -> str:
        """The table's full name in Snowflake."""
        return f"{database}.RAW.{self.name.upper()}"


def raw_assets(connection: str, tables: Sequence[RawTable]) -> dg.AssetsDefinition:
    """The assets of one Airbyte connection. A backfill of any length is one sync."""
    specs = [
        session_spec(
            table.key,
            description=table.description,
            kinds=["airbyte", "snowflake", "table"],
            metadata={"airbyte_connection": connection, "session_column": table.session_column},
        )
        for table in tables
    ]

    @dg.multi_asset(
        name=connection,
        specs=specs,
        backfill_policy=dg.BackfillPolicy.single_run(),
        # The window is part of the source's configuration, so one sync at a time.
        pool=f"airbyte_{connection}",
    )
    def sync(
        context: dg.AssetExecutionContext, airbyte: PolygonAirbyte, snowflake: Warehouse
    ) -> Iterator[dg.MaterializeResult[Any]]:
        window = run_window(context.run.tags)
        with explained(AIRBYTE):
            report = airbyte.sync_window(connection, str(window.first), str(window.last))
        for table in tables:
            counts = rows_per_session(snowflake, table, window)
            require_every_session(table, window, counts)
            yield dg.MaterializeResult(
                asset_key=table.key, metadata=_metadata(table, window, counts, report, snowflake)
            )

    return sync


def rows_per_session(
    snowflake: Warehouse, table: RawTable, window: SessionWindow
) -> dict[str, int]:
    """Session -> number of rows of the table, for the sessions that have any."""
    rows = snowflake.query(
        f"SELECT {table.session_column}, COUNT(*) FROM {table.qualified(str(snowflake.database))} "
        f"WHERE {table.session_column} BETWEEN %s AND %s GROUP BY 1 ORDER BY 1",
        [str(window.first), str(window.last)],
    )
    return {str(day): int(count) for day, count in rows}


def require_every_session(table: RawTable, window: SessionWindow, counts: dict[str, int]) -> None:
    """Fail where a session that must have rows has none.

    Raises:
        dg.Failure: Names the sessions.
    """
    missing = [str(day) for day in window.sessions if str(day) not in counts]
    if table.every_session and missing:
        raise dg.Failure(
            f"The sync succeeded, but {table.name} has no rows for {', '.join(missing)}: the "
            "vendor has not published the session yet, or the plan does not include it.",
            metadata={"missing_sessions": missing},
        )


def _metadata(
    table: RawTable,
    window: SessionWindow,
    counts: dict[str, int],
    report: SyncReport,
    snowflake: Warehouse,
) -> dict[str, dg.MetadataValue | str | int | float]:
    records = [dg.TableRecord({"session": day, "rows": rows}) for day, rows in counts.items()]
    return {
        "dagster/partition_row_count": sum(counts.values()),
        "dagster/table_name": table.qualified(str(snowflake.database)).lower(),
        "sessions": str(window),
        "rows_by_session": dg.MetadataValue.table(
            records,
            schema=dg.TableSchema(
                [dg.TableColumn("session", "string"), dg.TableColumn("rows", "int")]
            ),
        ),
        "rows_synced": report.rows,
        "bytes_synced": report.bytes,
        "sync_seconds": report.seconds,
    }
