"""What is told of everything that the stream wrote when a session of it is complete."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from polygon_assets.defs.ticks.assets import BARS_1S, TOPIC_KEYS
from polygon_assets.defs.ticks.chart import session_pictures
from polygon_assets.defs.ticks.figures import stream_figures
from polygon_assets.defs.ticks.tables import SESSION_OF
from polygon_assets.links import clickhouse_link, topic_link
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.kafka import Kafka
from polygon_assets.sessions import Session
from polygon_assets.stored import stored_bytes

WHOLE_DAY = timedelta(hours=12)
"""Before the open and after the close: a session has no bars outside of it."""

Metadata = dict[tuple[str, ...], dict[str, Any]]
"""Asset key -> metadata of its materialization for a session."""


def session_metadata(
    instance: dg.DagsterInstance,
    clickhouse: ClickHouse,
    kafka: Kafka,
    day: Session,
    topics: Mapping[str, Mapping[str, int]],
) -> Metadata:
    """The metadata of every topic and table.

    Args:
        instance: Has the observations of the session.
        clickhouse: Where the tables are.
        kafka: Where the topics are.
        day: The session.
        topics: What is known of the topics, by the last part of their keys.
    """
    found: Metadata = {
        tuple(key): {**topics.get(key[-1], {}), **topic_link(kafka.topics()[key[-1]])}
        for key in TOPIC_KEYS
    }
    first, last = day.open_at - WHOLE_DAY, day.close_at + WHOLE_DAY
    figures = stream_figures(clickhouse, kafka.bars_topic, day.session_date, first, last)
    counts = {
        name: topics[topic]["messages"]
        for name, topic in (("gaps", "gaps"), ("dead_letters", "dead_letter"))
        if topic in topics
    }
    found[tuple(BARS_1S)] = {
        "dagster/partition_row_count": figures.rows,
        **figures.metadata(),
        **counts,
        **session_pictures(clickhouse, instance, day.session_date),
    }
    found |= table_rows(clickhouse, day)
    for key, told in tables(clickhouse, day).items():
        found[key] |= told
    return found


def table_rows(clickhouse: ClickHouse, day: Session) -> Metadata:
    """Rows of a session of each of the other tables, replaced ones included."""
    found: Metadata = {}
    for key, session_of in SESSION_OF.items():
        sql = f"SELECT count() FROM {{ticks}}.{key[-1]} WHERE {session_of} = {{session:Date}}"
        count = clickhouse.query(sql, {"session": day.session_date})[0][0]
        found[key] = {"dagster/partition_row_count": int(count)}
    return found


def tables(clickhouse: ClickHouse, day: Session) -> Metadata:
    """What each table is made from, how much room the session takes, and where to look at it."""
    session = day.session_date
    sizes = stored_bytes(clickhouse, clickhouse.ticks, session, session)
    above = _lineage(clickhouse)
    found: Metadata = {}
    for key, session_of in {tuple(BARS_1S): "session_date", **SESSION_OF}.items():
        table = key[-1]
        final = " FINAL" if table.startswith("bars_") else ""
        found[key] = {
            "dagster/table_name": f"{clickhouse.ticks}.{table}",
            **({"bytes": sizes[table]} if table in sizes else {}),
            **({"dagster/column_lineage": above[key]} if key in above else {}),
            **clickhouse_link(
                clickhouse, f"{{ticks}}.{table}{final}", session_of, session, session
            ),
        }
    return found


def _lineage(clickhouse: ClickHouse) -> dict[tuple[str, ...], dg.TableColumnLineage]:
    """The lineage of the tables; a session is complete whether it can be told or not."""
    from sqlglot.errors import SqlglotError

    from polygon_assets.defs.ticks.lineage import tables_lineage

    try:
        return tables_lineage(clickhouse)
    except SqlglotError as problem:
        dg.get_dagster_logger().warning(f"The lineage of the tick tables: {problem}")
        return {}
