"""The stream's other tables with the columns that rules and reports read, without constraints."""

from clickhouse_connect.driver.client import Client

_KAFKA = "kafka_partition UInt16, kafka_offset UInt64, received_at DateTime64(3, 'UTC')"
_SESSION = "session_date Date, symbol LowCardinality(String)"
_PRICES = "open Float64, high Float64, low Float64, close Float64, volume Float64, vwap Float64"

TABLES = {
    "bars_1m": f"{_SESSION}, bar_start DateTime('UTC'), {_PRICES}, {_KAFKA}",
    "trades": f"{_SESSION}, traded_at DateTime64(3, 'UTC'), price Float64, size Float64, {_KAFKA}",
    "quotes": f"{_SESSION}, quoted_at DateTime64(3, 'UTC'), bid_price Float64, bid_size Float64, "
    f"ask_price Float64, ask_size Float64, {_KAFKA}",
    "halts": f"{_SESSION}, event_at DateTime64(6, 'UTC'), upper_price Float64, "
    f"lower_price Float64, {_KAFKA}",
    "gaps": "disconnected_at DateTime64(3, 'UTC'), reconnected_at DateTime64(3, 'UTC'), "
    f"reason String, {_KAFKA}",
    "dead_letters": f"reason String, source LowCardinality(String), {_KAFKA}",
}
"""Table -> those of its columns that the rules read."""

ENGINES = {
    "bars_1m": "ReplacingMergeTree(kafka_offset) ORDER BY (symbol, bar_start)",
}


def create_missing(client: Client, database: str) -> None:
    """Make the tables that a database does not have."""
    for table, columns in TABLES.items():
        engine = ENGINES.get(table, "MergeTree ORDER BY kafka_offset")
        client.command(
            f"CREATE TABLE IF NOT EXISTS {database}.{table} ({columns}) ENGINE = {engine}"
        )
