"""How much room tables take."""

from datetime import date

from polygon_assets.resources.clickhouse import ClickHouse


def stored_bytes(clickhouse: ClickHouse, database: str, first: date, last: date) -> dict[str, int]:
    """Table of a ClickHouse database -> bytes on disk of some sessions, compressed.

    Only the list of parts is read. A table without rows of these sessions is left out, and so are
    views and tables that are not partitioned by session.

    Args:
        clickhouse: Where the tables are.
        database: Its name.
        first: First session.
        last: Last session.
    """
    rows = clickhouse.query(
        "SELECT table, sum(bytes_on_disk) FROM system.parts "
        "WHERE active AND database = {database:String} "
        "AND partition BETWEEN {first:String} AND {last:String} GROUP BY table",
        {"database": database, "first": str(first), "last": str(last)},
    )
    return {str(table): int(size) for table, size in rows}
