"""What a rebuild saw of the second bars, so that what came later is noticed."""

import json
from dataclasses import dataclass
from datetime import date, datetime

from polygon_assets.resources.clickhouse import ClickHouse


@dataclass(frozen=True)
class Seen:
    """The second bars of a session at one moment.

    Attributes:
        received_at: The newest receipt, UTC.
        offsets: Kafka partition -> its newest offset.
    """

    received_at: datetime
    offsets: dict[int, int]


def see_seconds(clickhouse: ClickHouse, session: date) -> Seen | None:
    """The state of a session's second bars; None if there are none."""
    return _see(clickhouse, [session]).get(session)


def _see(clickhouse: ClickHouse, sessions: list[date]) -> dict[date, Seen]:
    rows = clickhouse.query(
        """
        SELECT s.session_date, max(s.received), groupArray((s.kafka_partition, s.newest))
        FROM (
            SELECT session_date, kafka_partition, max(kafka_offset) AS newest,
                   max(received_at) AS received
            FROM {ticks}.bars_1s WHERE session_date IN {sessions:Array(Date)}
            GROUP BY session_date, kafka_partition
        ) AS s
        GROUP BY s.session_date
        """,
        {"sessions": sessions},
    )
    return {day: Seen(received, dict(offsets)) for day, received, offsets in rows}


def remember(
    clickhouse: ClickHouse, rollup: str, session: date, rows: int, seen: Seen | None
) -> None:
    """Store what a rebuild saw of the second bars, taken before it read them."""
    if seen is None:
        return
    row = {
        "rollup": rollup,
        "session_date": str(session),
        "rows": rows,
        "received_at": f"{seen.received_at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
        "kafka_offsets": {str(partition): newest for partition, newest in seen.offsets.items()},
    }
    with clickhouse.client() as client:
        client.raw_insert(
            f"{clickhouse.rollups}.rebuilds",
            column_names=list(row),
            insert_block=json.dumps(row).encode(),
            fmt="JSONEachRow",
            settings={"async_insert": 0, "insert_deduplicate": 0},
        )


def sessions_changed_since_rebuild(clickhouse: ClickHouse, newest: int = 10) -> list[date]:
    """Rebuilt sessions whose second bars are not those that the last rebuild saw, ascending.

    Compared are the newest receipt and the newest offset of every Kafka partition, as the rebuild
    of the minutes saw them. A session that was never rebuilt is none of these: it is live.

    Args:
        clickhouse: The tables.
        newest: How many of the rebuilt sessions to look at: each is a scan of its second bars.
    """
    rebuilt = clickhouse.query(
        "SELECT session_date, received_at, kafka_offsets FROM {rollups}.rebuilds FINAL "
        "WHERE rollup = 'bars_1m' ORDER BY session_date DESC LIMIT {newest:UInt32}",
        {"newest": newest},
    )
    now = _see(clickhouse, [row[0] for row in rebuilt])
    return sorted(
        day
        for day, received_at, offsets in rebuilt
        if day in now and now[day] != Seen(received_at, dict(offsets))
    )
