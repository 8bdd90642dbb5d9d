"""Rows per session of a raw table: is every session there, and is its size as usual?"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from polygon_assets.checks import SAMPLE_ROWS
from polygon_assets.partitions import EVERY_SESSION, SessionWindow
from polygon_assets.raw.table import RawTable
from polygon_assets.sessions import first_session, is_session, sessions_between

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

COMPLETE = "complete"
ROW_COUNT_BAND = "row_count_band"

SESSIONS_BEFORE = 20
"""How many sessions before one are looked at; those without rows are passed over."""

SESSIONS_NEEDED = 5
"""With fewer of them, nobody knows what is usual."""

EVERY_SESSION_HAS_ROWS = "Every session has rows."


@dataclass(frozen=True)
class Census:
    """Rows of a table by New York date.

    Attributes:
        window: The sessions that are asked about.
        rows: Date -> rows; from :data:`SESSIONS_BEFORE` sessions before the window to its end.
    """

    window: SessionWindow
    rows: Mapping[date, int]

    @property
    def sessions(self) -> list[date]:
        """The sessions of the window. A run without partitions asks from the table's first
        session to its last."""
        if self.window != EVERY_SESSION:
            return self.window.sessions
        return sessions_between(min(self.rows), max(self.rows)) if self.rows else []

    @property
    def missing(self) -> list[date]:
        """The sessions without rows."""
        return [day for day in self.sessions if not self.rows.get(day)]

    @property
    def on_closed_days(self) -> int:
        """Rows of days that are no sessions, from the closed days before the window on."""
        inside = (day for day in self.rows if day >= self.window.first_day)
        return sum(self.rows[day] for day in inside if not is_session(day))

    def usual(self, day: date) -> float | None:
        """The median of the sessions before, or None where there are too few."""
        before = [self.rows[one] for one in sessions_before(day) if self.rows.get(one)]
        return statistics.median(before) if len(before) >= SESSIONS_NEEDED else None

    def last_two(self) -> list[date]:
        """The last session of the window that has rows, and the one before it; newest first."""
        days = sorted((day for day in self.rows if is_session(day)), reverse=True)
        return days[:2] if days and days[0] >= self.window.first else []


def sessions_before(day: date) -> list[date]:
    """The sessions before one, as many as are looked at."""
    return sessions_between(first_session(), day - timedelta(days=1))[-SESSIONS_BEFORE:]


def take_census(
    cursor: "SnowflakeCursor", database: str, table: RawTable, window: SessionWindow
) -> Census:
    """Count the rows of the window and of the sessions before it."""
    first = [*sessions_before(window.first), window.first_day][0]
    cursor.execute(
        f"SELECT {table.session}, COUNT(*) FROM {table.qualified(database)} "
        f"WHERE {table.session} BETWEEN %s AND %s GROUP BY 1",
        [str(min(first, window.first_day)), str(window.last)],
    )
    return Census(window, {day: int(rows) for day, rows in cursor.fetchall()})


def complete(census: Census) -> dg.AssetCheckResult:
    """Every session has rows."""
    records = [{"session_date": str(day)} for day in census.missing]
    return _result(
        COMPLETE,
        dg.AssetCheckSeverity.ERROR,
        EVERY_SESSION_HAS_ROWS,
        census,
        records,
        {
            "missing_sessions": [str(day) for day in census.missing],
            "rows_on_closed_days": census.on_closed_days,
        },
    )


def row_count_band(census: Census, band: tuple[float, float]) -> dg.AssetCheckResult:
    """A session has about as many rows as those before it."""
    lowest, highest = band
    outside: list[dict[str, Any]] = []
    not_judged = 0
    for day in census.sessions:
        usual, rows = census.usual(day), census.rows.get(day, 0)
        if usual is None:
            not_judged += 1
        elif not lowest * usual <= rows <= highest * usual:
            outside.append({"session_date": str(day), "rows": rows, "usual_rows": usual})
    return _result(
        ROW_COUNT_BAND,
        dg.AssetCheckSeverity.WARN,
        usual_size(band),
        census,
        outside,
        {"sessions_without_enough_before": not_judged},
    )


def usual_size(band: tuple[float, float]) -> str:
    """The rule of :func:`row_count_band` in a sentence."""
    lowest, highest = band
    return (
        f"A session has {lowest:g} to {highest:g} times as many rows as the median of the "
        f"{SESSIONS_BEFORE} sessions before."
    )


def _result(
    name: str,
    severity: dg.AssetCheckSeverity,
    sentence: str,
    census: Census,
    records: list[dict[str, Any]],
    more: dict[str, Any],
) -> dg.AssetCheckResult:
    metadata = {"sessions": str(census.window), "violations": len(records), **more}
    if records:
        shown = [dg.TableRecord(one) for one in records[:SAMPLE_ROWS]]
        metadata["sample"] = dg.MetadataValue.table(shown)
    return dg.AssetCheckResult(
        check_name=name,
        passed=not records,
        severity=severity,
        description=f"{sentence} {len(records)} violations in {census.window}.",
        metadata=metadata,
    )
