"""The sandbox's ClickHouse and Snowflake with the same bars in both, as Superset knows them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import clickhouse_connect
import snowflake.connector
from support.superset import RunningSuperset, SupersetApi

# Five minutes of one symbol and one of another on a Friday, and a minute of the next Monday.
BARS = [
    ("AAPL", "2005-02-25 14:30:00", 88.5),
    ("AAPL", "2005-02-25 14:31:00", 88.75),
    ("AAPL", "2005-02-25 14:34:00", 89.0),
    ("AAPL", "2005-02-25 14:35:00", 89.25),
    ("AAPL", "2005-02-25 15:00:00", 88.99),
    ("IBM", "2005-02-25 14:30:00", 92.5),
    ("AAPL", "2005-02-28 14:30:00", 44.5),
]


@dataclass(frozen=True)
class Engine:
    """A database that Superset knows, with a table and a view of the same bars in it."""

    api: SupersetApi
    database: int
    schema: str
    table: str
    view: str
    refusal: str
    """What is in the error of a column that does not exist."""
    in_capitals: bool = False
    """Whether datasets spell unquoted names in capitals, as Superset does for Snowflake."""

    def column(self, name: str) -> str:
        """How datasets spell a column."""
        return name.upper() if self.in_capitals else name

    def datasets(self) -> dict[str, int]:
        """Name -> number of the datasets that Superset has."""
        found = self.api.get("dataset/", q="(page_size:100)")["result"]
        return {one["table_name"]: one["id"] for one in found}

    def dataset(self, name: str) -> int:
        """The dataset of a table or view; made where it is missing."""
        body = {"database": self.database, "schema": self.schema, "table_name": name}
        return self.datasets().get(name) or self.api.post("dataset/", body)["id"]

    def chart(self, dataset: int, **query: Any) -> list[dict[str, Any]]:
        """The rows of a chart."""
        body = {
            "datasource": {"id": dataset, "type": "table"},
            "queries": [{"row_limit": 1000, **query}],
            "result_format": "json",
            "result_type": "full",
        }
        return self.api.post("chart/data", body)["result"][0]["data"]

    def sql(self, sql: str) -> dict[str, Any]:
        """The answer of SQL Lab."""
        body = {
            "database_id": self.database,
            "schema": self.schema,
            "sql": sql,
            "client_id": uuid.uuid4().hex[:10],
            "queryLimit": 100,
            "runAsync": False,
        }
        return self.api.post("sqllab/execute/", body)


def fill_clickhouse(superset: RunningSuperset) -> None:
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=superset.layout.port("clickhouse")
    )
    client.command("CREATE DATABASE IF NOT EXISTS rollups_local")
    client.command(
        "CREATE TABLE rollups_local.ch_bars (symbol LowCardinality(String), "
        "bar_start DateTime('UTC'), close Float64 COMMENT 'Dollars') "
        "ENGINE = MergeTree ORDER BY (symbol, bar_start)"
    )
    client.command("CREATE VIEW rollups_local.ch_bars_view AS SELECT * FROM rollups_local.ch_bars")
    rows = [(symbol, datetime.fromisoformat(start), close) for symbol, start, close in BARS]
    client.insert("rollups_local.ch_bars", rows, ["symbol", "bar_start", "close"])
    client.close()


def fill_snowflake(superset: RunningSuperset) -> None:
    with snowflake.connector.connect(
        account="sandbox",
        user="sandbox",
        password="sandbox",
        host="127.0.0.1",
        port=superset.layout.port("snowflake"),
        protocol="http",
        database="POLYGON_LOCAL",
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE SCHEMA IF NOT EXISTS MARTS")
        cursor.execute(
            "CREATE TABLE MARTS.SF_BARS (SYMBOL VARCHAR NOT NULL, BAR_START TIMESTAMP_NTZ, "
            "CLOSE FLOAT)"
        )
        values = ", ".join(f"('{symbol}', '{start}', {close})" for symbol, start, close in BARS)
        cursor.execute(f"INSERT INTO MARTS.SF_BARS VALUES {values}")
        cursor.execute("CREATE VIEW MARTS.SF_BARS_VIEW AS SELECT * FROM MARTS.SF_BARS")


def connected(
    superset: RunningSuperset, name: str, uri: str, schema: str, prefix: str
) -> tuple[SupersetApi, int, str, str, str]:
    api = superset.log_in()
    api.post("database/test_connection/", {"database_name": name, "sqlalchemy_uri": uri})
    body = {"database_name": name, "sqlalchemy_uri": uri, "expose_in_sqllab": True}
    number = api.post("database/", body)["id"]
    return api, number, schema, f"{prefix}_bars", f"{prefix}_bars_view"
