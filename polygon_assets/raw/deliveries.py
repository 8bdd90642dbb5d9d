"""What the warehouse holds of a table's sessions, before a sync and after it.

A sync's success says nothing about single sessions, and rows of an earlier sync look like its own.
Airbyte stamps each row with the time at which the connector read it: a session was delivered when
its newest stamp is newer than before the sync. Both stamps come from the same clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from polygon_assets.partitions import SessionWindow
from polygon_assets.raw.table import StreamTable
from polygon_assets.resources.snowflake import Warehouse
from polygon_assets.sessions import is_session


@dataclass(frozen=True)
class Delivery:
    """The rows of one day.

    Attributes:
        rows: How many.
        rejected: How many of them lack a value that Airbyte could not type.
        newest: When the newest of them was read from the vendor.
    """

    rows: int
    rejected: int
    newest: datetime | None


Deliveries = Mapping[date, Delivery]
"""New York date -> its rows; days without rows are not in it."""


def existing_tables(snowflake: Warehouse) -> frozenset[str]:
    """The tables of the schema RAW, in lower case. Airbyte makes each at its first sync."""
    rows = snowflake.query(
        f"SELECT TABLE_NAME FROM {snowflake.database}.INFORMATION_SCHEMA.TABLES "
        "WHERE TABLE_SCHEMA = 'RAW'"
    )
    return frozenset(str(name).lower() for (name,) in rows)


def deliveries(snowflake: Warehouse, table: StreamTable, window: SessionWindow) -> Deliveries:
    """The rows of each day of the window, closed days before its first session included."""
    rows = snowflake.query(
        f"SELECT {table.session}, COUNT(*), COUNT_IF(ARRAY_SIZE(_AIRBYTE_META:changes) > 0), "
        f"MAX(_AIRBYTE_EXTRACTED_AT) FROM {table.qualified(str(snowflake.database))} "
        f"WHERE {table.session} BETWEEN %s AND %s GROUP BY 1 ORDER BY 1",
        [str(window.first_day), str(window.last)],
    )
    return {
        day: Delivery(int(count), int(rejected), newest) for day, count, rejected, newest in rows
    }


def missing_sessions(window: SessionWindow, before: Deliveries, after: Deliveries) -> list[date]:
    """The sessions of the window of which the sync delivered nothing."""
    return [day for day in window.sessions if not _is_delivered(before.get(day), after.get(day))]


def rows_on_closed_days(found: Deliveries) -> int:
    """Rows of days that are no sessions."""
    return sum(one.rows for day, one in found.items() if not is_session(day))


def _is_delivered(before: Delivery | None, after: Delivery | None) -> bool:
    if after is None or after.newest is None:
        return False
    return before is None or before.newest is None or after.newest > before.newest
