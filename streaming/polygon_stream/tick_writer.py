"""Writes batches of second bars into ClickHouse."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from polygon_stream import schema
from polygon_stream.batches import Batch
from polygon_stream.settings import ClickHouseSettings

WriteError = (ClickHouseError, OSError)
"""What a write may raise; the same batch may be tried again after any of them."""

_BAR_COLUMNS = [
    *("kafka_partition", "kafka_offset", "received_ms"),
    *("sym", "v", "av", "op", "vw", "o", "c", "h", "l", "a", "z", "s"),
]
_BATCH_COLUMNS = ["topic", "kafka_partition", "first_offset", "last_offset", "rows", "queryable_at"]

# One synchronous block per insert, remembered by its token in the table and in every table fed by a
# materialized view. Set in full: the defaults differ between ClickHouse releases.
_INSERT_SETTINGS = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "input_format_parallel_parsing": 0,
    "input_format_skip_unknown_fields": 1,
    "input_format_null_as_default": 1,
}

# CANNOT_PARSE_*, CANNOT_READ_ALL_DATA, TYPE_MISMATCH, CANNOT_CONVERT_TYPE, INCORRECT_DATA
_PARSE_ERRORS = {6, 25, 26, 27, 33, 38, 41, 53, 70, 72, 117}


class TickWriter:
    """The tick tables of one database; connects at the first write and again after an error."""

    def __init__(self, clickhouse: ClickHouseSettings, database: str) -> None:
        """Nothing connects yet.

        Args:
            clickhouse: Where ClickHouse is.
            database: Database of the tick tables; created with its tables when missing.
        """
        self._clickhouse = clickhouse
        self._database = database
        self._client: Client | None = None

    def insert_bars(self, batch: Batch) -> None:
        """Write the valid rows of a batch; a batch that is already in changes nothing.

        Where ClickHouse cannot parse the vendor's bytes, the bars are re-encoded and sent again.

        Raises:
            ClickHouseError: ClickHouse is away or refuses.
            OSError: The network failed.
        """
        if not batch.rows:
            return
        try:
            self._insert_body(batch)
        except DatabaseError as error:
            if error.code not in _PARSE_ERRORS:
                raise
            batch.encode(canonical=True)
            self._insert_body(batch)

    def _insert_body(self, batch: Batch) -> None:
        settings = _INSERT_SETTINGS | {"insert_deduplication_token": batch.token}
        self._insert("bars_1s", _BAR_COLUMNS, batch.body, settings)

    def record(self, batches: Iterable[Batch]) -> None:
        """Note for each batch when it was queryable.

        Raises:
            ClickHouseError: ClickHouse is away or refuses.
            OSError: The network failed.
        """
        lines = [
            json.dumps(
                {
                    "topic": batch.topic,
                    "kafka_partition": batch.partition,
                    "first_offset": batch.plan.first,
                    "last_offset": batch.plan.last,
                    "rows": batch.rows,
                    "queryable_at": _clickhouse_time(batch.queryable_at or datetime.now(UTC)),
                }
            )
            for batch in batches
        ]
        self._insert("sink_batches", _BATCH_COLUMNS, "\n".join(lines).encode(), {"async_insert": 0})

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _insert(
        self, table: str, columns: list[str], body: bytes, settings: dict[str, int | str]
    ) -> None:
        try:
            if self._client is None:
                client = clickhouse_connect.get_client(
                    **self._clickhouse.client_config(),
                    connect_timeout=5,
                    send_receive_timeout=30,
                )
                schema.apply(client, schema.TICKS, {"database": self._database})
                self._client = client
            self._client.raw_insert(
                f"{self._database}.{table}",
                column_names=columns,
                insert_block=body,
                settings=settings,
                fmt="JSONEachRow",
            )
        except WriteError:
            self.close()
            raise


def _clickhouse_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
