"""Do the vendor's fields still have the shape that the connector and the table know?

Three questions: does the vendor send a field that the connector's schema lacks (Airbyte would not
load it), does the schema declare a field for which the table has no column (the connection was not
published again), and is a column empty that had values in the session before?
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import dagster as dg

from polygon_assets.publish.manifest import read_manifest, read_streams
from polygon_assets.raw.counts import Census
from polygon_assets.raw.table import StreamTable
from polygon_assets.resources.polygon import Polygon
from polygon_assets.settings import ConnectorSettings

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

SCHEMA_DRIFT = "schema_drift"

NOT_DATA = frozenset({"simulated"})
"""Fields that say something about a record and hold no data: the mark of an invented record."""

LIKELY_VALUES = 3
"""A column is missed where the session before makes this many values likely."""


@dataclass(frozen=True)
class Drift:
    """What has changed, by names of fields and columns.

    Attributes:
        sent: How many fields the vendor's sample has; 0 where there was no record.
        new: Fields that the vendor sends and the connector's schema lacks.
        without_column: Fields of the schema that the table has no column for.
        vanished: Columns with values in the session before, and none in the last.
        not_asked: Why the vendor's fields are not known; empty where they are.
    """

    sent: int
    new: tuple[str, ...]
    without_column: tuple[str, ...]
    vanished: tuple[str, ...]
    not_asked: str = ""

    @property
    def count(self) -> int:
        """How many fields and columns are named."""
        return len(self.new) + len(self.without_column) + len(self.vanished)


def schema_drift(
    cursor: "SnowflakeCursor",
    database: str,
    polygon: Polygon,
    table: StreamTable,
    census: Census,
) -> dg.AssetCheckResult:
    """Compare vendor, connector and table."""
    days = census.last_two()
    drift = find_drift(cursor, database, polygon, table, days)
    return dg.AssetCheckResult(
        check_name=SCHEMA_DRIFT,
        passed=not drift.count and not drift.not_asked,
        severity=dg.AssetCheckSeverity.WARN,
        description=drift.not_asked or f"{drift.count} fields of {table.stream} have changed.",
        metadata={
            "violations": drift.count,
            "fields_in_sample": drift.sent,
            "new_fields": list(drift.new),
            "fields_without_column": list(drift.without_column),
            "vanished_columns": list(drift.vanished),
            "compared_sessions": [str(day) for day in days],
        },
    )


def find_drift(
    cursor: "SnowflakeCursor",
    database: str,
    polygon: Polygon,
    table: StreamTable,
    days: list[date],
) -> Drift:
    """What has changed in a table.

    Args:
        cursor: A cursor of the warehouse.
        database: The deployment's database.
        polygon: The vendor.
        table: The table.
        days: The session to look at and the one before it, both with rows; fewer where there are
            none, and then values are not compared.
    """
    from polygon.exceptions import BadResponse
    from urllib3.exceptions import HTTPError

    declared = declared_fields(table.stream)
    columns = table_columns(cursor, database, table)
    sent: frozenset[str] = frozenset()
    not_asked = ""
    if days:
        try:
            sent = sent_fields(polygon, table, days[0])
        except (BadResponse, HTTPError, ValueError) as error:
            not_asked = f"The vendor did not show a sample of {table.stream}: {error}"
    return Drift(
        sent=len(sent),
        new=tuple(sorted(sent - declared)),
        without_column=tuple(sorted({one.upper() for one in declared} - set(columns))),
        vanished=vanished_columns(cursor, database, table, columns, days),
        not_asked=not_asked,
    )


@lru_cache(maxsize=1)
def _declared() -> Mapping[str, frozenset[str]]:
    streams = read_streams(read_manifest())
    return {name: frozenset(stream.fields) for name, stream in streams.items()}


def declared_fields(stream: str) -> frozenset[str]:
    """The fields of a stream in the connector's manifest."""
    return _declared()[stream]


def sent_fields(polygon: Polygon, table: StreamTable, day: date) -> frozenset[str]:
    """The fields of the vendor's records, under the names that the connector gives them.

    Raises:
        BadResponse: The vendor refused.
        HTTPError: The vendor could not be asked.
        ValueError: The answer is not JSON.
    """
    sample = table.sample
    words = {"session": str(day), "ticker": next(iter(ConnectorSettings().ticker_list), "AAPL")}
    answer = polygon.sample(
        (sample.path or table.path).format(**words),
        {name: value.format(**words) for name, value in sample.parameters.items()},
    )
    found = answer.get(sample.at) if sample.at and isinstance(answer, dict) else answer
    records = found if isinstance(found, list) else [found]
    names = {name for one in records if isinstance(one, dict) for name in one}
    return frozenset(sample.renamed.get(name, name) for name in names - NOT_DATA)


def table_columns(cursor: "SnowflakeCursor", database: str, table: StreamTable) -> list[str]:
    """The columns of the table, without Airbyte's own."""
    cursor.execute(
        f"SELECT COLUMN_NAME FROM {database}.INFORMATION_SCHEMA.COLUMNS "
        "WHERE TABLE_SCHEMA = 'RAW' AND TABLE_NAME = %s",
        [table.name.upper()],
    )
    names = [str(name) for (name,) in cursor.fetchall()]
    return [name for name in names if not name.startswith("_AIRBYTE_")]


def vanished_columns(
    cursor: "SnowflakeCursor",
    database: str,
    table: StreamTable,
    columns: list[str],
    days: list[date],
) -> tuple[str, ...]:
    """The columns that are empty on the last of two days, though the other makes values likely."""
    if len(days) < 2 or not columns:
        return ()
    counts = ", ".join(f'COUNT("{name}")' for name in columns)
    cursor.execute(
        f"SELECT {table.session}, COUNT(*), {counts} FROM {table.qualified(database)} "
        f"WHERE {table.session} IN (%s, %s) GROUP BY 1",
        [str(day) for day in days],
    )
    found: dict[date, tuple[Any, ...]] = {row[0]: row[1:] for row in cursor.fetchall()}
    last, before = found[days[0]], found[days[1]]
    return tuple(
        name
        for name, now, then in zip(columns, last[1:], before[1:], strict=True)
        if now == 0 and then / before[0] * last[0] >= LIKELY_VALUES
    )
