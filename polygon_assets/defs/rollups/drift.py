"""Sessions whose second bars are not those that their rollups were built from."""

from datetime import date

from polygon_assets.resources.clickhouse import ClickHouse

CHANGED = """
SELECT s.session_date
FROM (
    SELECT session_date, sum(volume) AS shares, count() AS bars FROM {ticks}.bars_1s FINAL
    WHERE session_date IN {days:Array(Date)} GROUP BY session_date
) AS s
JOIN (
    SELECT session_date, sum(volume) AS shares FROM {rollups}.bars_1m
    WHERE session_date IN {days:Array(Date)} GROUP BY session_date
) AS r ON s.session_date = r.session_date
WHERE abs(s.shares - r.shares) > 1e-9 * s.shares
ORDER BY s.session_date
"""


def sessions_changed_since_rebuild(clickhouse: ClickHouse, newest: int = 10) -> list[date]:
    """Rebuilt sessions whose second bars have other shares than their minutes, ascending.

    Args:
        clickhouse: The tables.
        newest: How many of the rebuilt sessions to look at: each is a scan of its second bars.
    """
    rebuilt = clickhouse.query(
        "SELECT DISTINCT session_date FROM {rollups}.bars_1m "
        "ORDER BY session_date DESC LIMIT {newest:UInt32}",
        {"newest": newest},
    )
    days = [row[0] for row in rebuilt]
    return [row[0] for row in clickhouse.query(CHANGED, {"days": days})] if days else []
