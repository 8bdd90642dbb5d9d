"""Raw tables in Snowflake, filled through Airbyte.

One Airbyte connection fills the tables of one domain. A partition is a window: the source is told
the sessions, synced, and then the rows of every session are counted in the warehouse. A sync
that "succeeded" without bringing a session's rows fails the partition, also where an earlier sync
left rows behind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import dagster as dg

from polygon_assets.code_versions import code_version
from polygon_assets.connections import AirbyteConnection
from polygon_assets.partitions import PARTITION_TAG, SessionWindow, chosen_window
from polygon_assets.policies import session_spec
from polygon_assets.preflight import AIRBYTE, explained
from polygon_assets.publish.manifest import read_manifest, stream_definitions
from polygon_assets.raw.deliveries import (
    Deliveries,
    deliveries,
    existing_tables,
    missing_sessions,
    rows_on_closed_days,
)
from polygon_assets.raw.table import StreamTable
from polygon_assets.resources.airbyte import PolygonAirbyte, SyncReport
from polygon_assets.resources.airbyte_job import StreamCounts
from polygon_assets.resources.snowflake import Warehouse

Metadata = dict[str, Any]


@cache
def _streams() -> Mapping[str, Any]:
    """What the connector's manifest says of each stream, read once for all connections."""
    return stream_definitions(read_manifest())


def raw_assets(
    connection: AirbyteConnection,
    tables: Sequence[StreamTable],
    *,
    closed_days: bool = False,
    late_days: int = 0,
) -> dg.AssetsDefinition:
    """The assets of one Airbyte connection. A backfill of any length is one sync.

    Args:
        connection: The connection.
        tables: The tables that it fills.
        closed_days: Whether the days without trading before a session are read with it. What has
            a date of its own (news, filings, corporate actions) can fall on a weekend.
        late_days: So many calendar days before are read again, because the vendor publishes some
            rows later than the date that they carry.
    """
    streams = _streams()
    specs = [
        session_spec(
            table.key,
            description=table.description,
            kinds=["airbyte", "snowflake", "table"],
            metadata={
                "airbyte_connection": connection.name,
                "airbyte_stream": table.stream,
                "session": table.session,
            },
            code_version=code_version(
                __name__, streams.get(table.stream), table.session, closed_days, late_days
            ),
        )
        for table in tables
    ]

    @dg.multi_asset(
        name=connection.name,
        specs=specs,
        # A sync reads the whole connection; what was not asked for is not reported.
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        # The window is part of the source's configuration, so one sync at a time.
        pool=f"airbyte_{connection.name}",
    )
    def sync(
        context: dg.AssetExecutionContext, airbyte: PolygonAirbyte, snowflake: Warehouse
    ) -> Iterator[dg.MaterializeResult[Any]]:
        window = chosen_window(context.run.tags)
        chosen = [one for one in tables if dg.AssetKey(one.key) in context.selected_asset_keys]
        first = window.first_day if closed_days else window.first
        first -= timedelta(days=late_days)
        before = _all_deliveries(snowflake, chosen, window)
        with explained(AIRBYTE):
            report = airbyte.sync_window(connection.name, str(first), str(window.last))
        after = _all_deliveries(snowflake, chosen, window)
        days = (window.last - first).days + 1
        skipped = skipped_tables(tables, report)
        failures: list[TableFailure] = []
        for table in chosen:
            was_skipped = table in skipped
            failure = failure_of(table, window, was_skipped, before[table.name], after[table.name])
            if failure is not None:
                failures.append(failure)
                continue
            _add_counts_of_sessions(context, table, window, after[table.name])
            yield dg.MaterializeResult(
                asset_key=table.key,
                metadata=_metadata(table, window, after[table.name], report)
                | {
                    "read_from": str(first),
                    "api_requests_at_least": _requests_at_least(table, days, report),
                    "dagster/table_name": table.qualified(str(snowflake.database)).lower(),
                },
            )
        raise_failures(failures, report)

    return sync


@dataclass(frozen=True)
class TableFailure:
    """Why a table is not materialized although the sync succeeded.

    Attributes:
        table: Name of the table.
        reason: The reason in a sentence.
        missing: The sessions without new rows; empty where that is not the reason.
    """

    table: str
    reason: str
    missing: tuple[date, ...] = ()


def failure_of(
    table: StreamTable,
    window: SessionWindow,
    was_skipped: bool,
    before: Deliveries,
    after: Deliveries,
) -> TableFailure | None:
    """What keeps a table from being materialized, or None.

    Args:
        table: The table.
        window: The sessions of the run.
        was_skipped: Whether the connector skipped the stream, because the plan lacks it.
        before: The table's rows before the sync.
        after: The table's rows after it.
    """
    if was_skipped:
        return TableFailure(
            table.name,
            f"the vendor's plan does not include the dataset of {table.name}, so the connector "
            "skipped it: change the plan, or deselect the table.",
        )
    missing = missing_sessions(window, before, after) if table.every_session else []
    if not missing:
        return None
    stale = [day for day in missing if day in after]
    chosen = " It is read for the tickers in CONNECTOR_TICKERS only." if table.by_ticker else ""
    old = f" The rows of {_names(stale)} are from an earlier sync." if stale else ""
    return TableFailure(
        table.name,
        f"the sync succeeded, but it brought {table.name} no rows for {_names(missing)}: the "
        f"vendor has not published the session yet, or the plan does not include it.{old}{chosen}",
        tuple(missing),
    )


def skipped_tables(tables: Sequence[StreamTable], report: SyncReport) -> list[StreamTable]:
    """The tables whose streams were skipped because the vendor's plan lacks the dataset.

    Each skipped request names its path. One that no table knows counts for every table of which
    not a single record came.
    """
    empty = [one for one in tables if not report.streams.get(one.stream, StreamCounts()).read]
    is_clear = all(any(one.is_path(path) for one in tables) for path in report.skipped)
    if report.skipped and not is_clear:
        return empty
    return [one for one in empty if any(one.is_path(path) for path in report.skipped)]


def raise_failures(failures: Sequence[TableFailure], report: SyncReport) -> None:
    """Fail the step where a table could not be materialized.

    Raises:
        dg.Failure: Names the tables, the reasons and the sessions.
    """
    if not failures:
        return
    raise dg.Failure(
        "; ".join(failure.reason for failure in failures),
        metadata={
            "failed_tables": [failure.table for failure in failures],
            "missing_sessions": dg.MetadataValue.json(
                {one.table: [str(day) for day in one.missing] for one in failures if one.missing}
            ),
            "airbyte_job_id": report.job_id,
            "notices": list(report.notices),
        },
    )


def _all_deliveries(
    snowflake: Warehouse, tables: Sequence[StreamTable], window: SessionWindow
) -> dict[str, Deliveries]:
    present = existing_tables(snowflake)
    return {
        table.name: deliveries(snowflake, table, window) if table.name in present else {}
        for table in tables
    }


def _add_counts_of_sessions(
    context: dg.AssetExecutionContext,
    table: StreamTable,
    window: SessionWindow,
    found: Deliveries,
) -> None:
    """Each session's own number of rows, on the event of its partition."""
    for day in window.sessions:
        rows = found[day].rows if day in found else 0
        if PARTITION_TAG in context.run.tags:
            context.add_asset_metadata({"dagster/partition_row_count": rows}, table.key)
        else:
            context.add_asset_metadata(
                {"dagster/partition_row_count": rows}, table.key, partition_key=str(day)
            )


def _metadata(
    table: StreamTable, window: SessionWindow, found: Deliveries, report: SyncReport
) -> Metadata:
    records = [
        dg.TableRecord({"session": str(day), "rows": one.rows, "rejected": one.rejected})
        for day, one in found.items()
    ]
    columns = [
        dg.TableColumn("session", "string"),
        dg.TableColumn("rows", "int"),
        dg.TableColumn("rejected", "int"),
    ]
    counts = report.streams.get(table.stream, StreamCounts())
    told = {
        "rows_read": counts.read,
        "rows_loaded": counts.loaded,
        "bytes_read": counts.bytes,
    }
    return {
        "sessions": str(window),
        "rows_by_session": dg.MetadataValue.table(records, schema=dg.TableSchema(columns)),
        "rejected_rows": sum(one.rejected for one in found.values()),
        "rows_on_closed_days": rows_on_closed_days(found),
        **{name: number for name, number in told.items() if number is not None},
        "rows_synced": report.rows,
        "bytes_synced": report.bytes,
        "sync_seconds": report.seconds,
        "airbyte_job_id": report.job_id,
        "airbyte_job": dg.MetadataValue.url(report.job_url),
        "notices": list(report.notices),
    }


def _requests_at_least(table: StreamTable, days: int, report: SyncReport) -> int:
    read: Mapping[str, StreamCounts] = report.streams
    rows = read.get(table.stream, StreamCounts()).read or 0
    return table.requests_at_least(days, rows)


def _names(days: Sequence[date], most: int = 20) -> str:
    """The days in words; a long list only in part, since the metadata has all."""
    shown = ", ".join(str(day) for day in days[:most])
    return shown if len(days) <= most else f"{shown} and {len(days) - most} more"
