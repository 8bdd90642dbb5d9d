"""Links that metadata shows: where a table, a topic or a model can be looked at. Never a secret."""

import base64
from datetime import date
from typing import Any
from urllib.parse import quote, urlsplit

import dagster as dg

from polygon_assets.operation_settings import LinkSettings
from polygon_assets.resources.clickhouse import ClickHouse

ROWS_SHOWN = 1000


def clickhouse_link(
    clickhouse: ClickHouse, table: str, session: str, first: date, last: date
) -> dict[str, Any]:
    """A link to the rows of some sessions in ClickHouse's own query page.

    The page asks for the password. What CLICKHOUSE_URL holds besides the address is left out.

    Args:
        clickhouse: Where the table is.
        table: As in ``{rollups}.movers``; ``FINAL`` may follow.
        session: ClickHouse expression for the session of a row.
        first: First session.
        last: Last session.
    """
    sql = (
        f"SELECT * FROM {clickhouse.render(table)}\n"
        f"WHERE {session} BETWEEN '{first}' AND '{last}'\nLIMIT {ROWS_SHOWN}"
    )
    address = urlsplit(clickhouse.url)
    server = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
    query = base64.b64encode(sql.encode()).decode()
    url = f"{server}/play?user={quote(clickhouse.user, safe='')}#{query}"
    return {"clickhouse": dg.MetadataValue.url(url)}


def topic_link(topic: str) -> dict[str, Any]:
    """The name of a Kafka topic, and a link to it where LINK_KAFKA_TOPIC says how it looks."""
    template = LinkSettings().kafka_topic
    found: dict[str, Any] = {"topic": topic}
    if template:
        url = template.replace("{topic}", quote(topic, safe=""))
        found["kafka"] = dg.MetadataValue.url(url)
    return found


def dbt_docs_link(unique_id: str) -> dict[str, Any]:
    """A link to a model in dbt's docs where LINK_DBT_DOCS tells their address."""
    address = LinkSettings().dbt_docs
    if not address:
        return {}
    page = f"{address.rstrip('/')}/#!/{unique_id.partition('.')[0]}/{quote(unique_id)}"
    return {"dbt_docs": dg.MetadataValue.url(page)}
