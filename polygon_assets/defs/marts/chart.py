"""The last sessions of a daily model as a small line: a close, or what one dollar became."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import dagster as dg

from polygon_assets.sparkline import Point, markdown_line

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

DAYS_SHOWN = 90

CLOSES = {"fct_daily_bars": "close", "fct_daily_adjusted": "adjusted_close"}
"""Model with a bar per session and symbol -> the column that is shown, in USD."""

BENCHMARK = "int_market_returns"
"""The model with the benchmark's return of each session."""

NEWEST = "SELECT MAX(session_date) FROM {table} WHERE session_date <= %s"

MOST_TRADED = """
SELECT session_date, symbol, {column} FROM {table}
WHERE session_date BETWEEN %s AND %s AND {column} IS NOT NULL AND symbol = (
    SELECT symbol FROM {table} WHERE session_date = %s
    GROUP BY symbol ORDER BY SUM(COALESCE(vwap, close) * volume) DESC, symbol LIMIT 1
)
ORDER BY session_date
"""

RETURNS = """
SELECT session_date, benchmark_return FROM {table}
WHERE session_date BETWEEN %s AND %s AND benchmark_return IS NOT NULL
ORDER BY session_date
"""


def last_sessions(
    cursor: "SnowflakeCursor", node: Mapping[str, Any], table: str, last: date
) -> dict[str, Any]:
    """The line as metadata; nothing for other models, and for a single session.

    Args:
        cursor: Of the warehouse.
        node: The model in dbt's manifest.
        table: Its full name.
        last: The newest session that is shown, or a later day.
    """
    model = str(node["name"])
    if model not in CLOSES and model != BENCHMARK:
        return {}
    cursor.execute(NEWEST.replace("{table}", table), [str(last)])
    [(newest,)] = cursor.fetchall()
    if newest is None:
        return {}
    first = newest - timedelta(days=DAYS_SHOWN)
    bounds = [str(first), str(newest)]
    if model == BENCHMARK:
        cursor.execute(RETURNS.replace("{table}", table), bounds)
        rows = [(day, "", float(value)) for day, value in cursor.fetchall()]
        title, values = "Benchmark, growth of 1", growth([value for *_, value in rows])
    else:
        sql = MOST_TRADED.replace("{table}", table).replace("{column}", CLOSES[model])
        cursor.execute(sql, [*bounds, str(newest)])
        rows = [(day, symbol, float(value)) for day, symbol, value in cursor.fetchall()]
        title = f"{rows[-1][1]}, {CLOSES[model].replace('_', ' ')}, USD" if rows else ""
        values = [value for *_, value in rows]
    points = [Point(str(day), value) for (day, *_), value in zip(rows, values, strict=True)]
    picture = markdown_line(title, points)
    return {"last_sessions": dg.MetadataValue.md(picture)} if picture else {}


def growth(returns: Sequence[float]) -> list[float]:
    """What one dollar is worth after each session, from the sessions' returns as fractions."""
    return list(accumulate((1 + one for one in returns), lambda worth, factor: worth * factor))
