"""Writes batches into the tick tables, each exactly once in effect."""

import json
import re
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from confluent_kafka import Message

from polygon_stream import schema
from polygon_stream.batches import Batch, Reject
from polygon_stream.channels import clickhouse_time
from polygon_stream.settings import ClickHouseSettings

WriteError = (ClickHouseError, OSError)
"""What a write may raise; the same batch may be tried again after any of them."""

_BATCH_COLUMNS = [
    *("topic", "kafka_partition", "first_offset", "last_offset"),
    *("rows", "queryable_at", "lag"),
]

# One synchronous block per insert, remembered by its token in the table and in every table fed by a
# materialized view. Set in full: the defaults differ between ClickHouse releases.
_INSERT_SETTINGS = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 1 << 30,
    "input_format_parallel_parsing": 0,
    "input_format_allow_errors_num": 0,
    "input_format_allow_errors_ratio": 0,
    "input_format_skip_unknown_fields": 1,
    "input_format_null_as_default": 1,
    "input_format_defaults_for_omitted_fields": 1,
    # Read what a JSON parser reads: the nearest double, no other type in its place, and no field
    # twice, also not after all columns are known.
    "precise_float_parsing": 1,
    "input_format_json_ignore_unnecessary_fields": 0,
    "input_format_json_read_bools_as_numbers": 0,
    "input_format_json_read_bools_as_strings": 0,
    "input_format_json_read_numbers_as_strings": 0,
    "input_format_json_read_arrays_as_strings": 0,
    "input_format_json_read_objects_as_strings": 0,
    # ClickHouse compiles an expression that it has seen several times, and the compiled one may
    # round its last bit differently: the same bars would give other rollups later.
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
}

# CANNOT_PARSE_*, CANNOT_READ_ALL_DATA, TYPE_MISMATCH, CANNOT_CONVERT_TYPE, INCORRECT_DATA,
# too large values, CANNOT_INSERT_NULL, VIOLATED_CONSTRAINT: what a row can be at fault for
_REFUSED = {6, 25, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 349, 469}

_WINDOW = re.compile(r"(?<![a-z_])(replicated|non_replicated)_deduplication_window = (\d+)")
_WINDOW_SECONDS = re.compile(r"(?<!non_)replicated_deduplication_window_seconds = (\d+)")
_BLOCKS_PER_BATCH = 10
"""A batch is one block per session in it, nearly always one; counted high to be safe."""


class TickWriter:
    """The tick tables of one database; connects at the first write and again after an error.

    Several threads may write different batches.
    """

    def __init__(self, clickhouse: ClickHouseSettings, database: str) -> None:
        """Nothing connects yet.

        Args:
            clickhouse: Where ClickHouse is.
            database: Database of the tick tables; created with its tables when missing.
        """
        self._clickhouse = clickhouse
        self._database = database
        self._client: Client | None = None
        self._connecting = threading.Lock()

    def insert(self, batch: Batch) -> None:
        """Write the rows of a batch; a batch that is already in changes nothing.

        ClickHouse reads the vendor's bytes. Where it refuses them, our own parser names the bad
        messages, which become the batch's rejects, and the others are written under the same
        token. Both answers depend on the messages alone, so a batch that is written again after a
        crash takes the same way to the same rows.

        Raises:
            ClickHouseError: ClickHouse is away or refuses.
            OSError: The network failed.
        """
        if batch.repeated and self._may_be_forgotten(batch):
            self._repair(batch)
            return
        body = batch.plain_body()
        if body is not None:
            refusal = self._try(batch, body)
            if refusal is None:
                batch.rows = len(batch.messages)
                return
        self._insert_lines(batch, batch.judged_lines())

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
                    "queryable_at": clickhouse_time(batch.queryable_at or datetime.now(UTC)),
                    "lag": batch.lag,
                }
            )
            for batch in batches
        ]
        self._insert("sink_batches", _BATCH_COLUMNS, "\n".join(lines).encode(), {"async_insert": 0})

    def close(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _insert_lines(self, batch: Batch, lines: list[tuple[Message, bytes]]) -> None:
        if lines and self._try(batch, _joined(lines)) is not None:
            lines = self._isolated(batch, lines)
            if lines and (refusal := self._try(batch, _joined(lines))) is not None:
                raise refusal
        batch.rows = len(lines)

    def _try(self, batch: Batch, body: bytes) -> DatabaseError | None:
        """Insert under the batch's token.

        Returns:
            Why ClickHouse refuses the rows; None when they are in.
        """
        settings = _INSERT_SETTINGS | {"insert_deduplication_token": batch.token}
        try:
            self._insert(batch.channel.table, batch.channel.columns, body, settings)
        except DatabaseError as error:
            if error.code not in _REFUSED:
                raise
            return error
        return None

    def _isolated(
        self, batch: Batch, lines: list[tuple[Message, bytes]]
    ) -> list[tuple[Message, bytes]]:
        """The rows that ClickHouse takes; it is asked about ever smaller parts of the others.

        For rows that our own parser takes and ClickHouse does not. They are tried on a table of
        the same columns and constraints that keeps nothing.
        """
        client = self._connected()
        probe = f"{self._database}.sink_probe_{batch.channel.table}"
        client.command(f"DROP TABLE IF EXISTS {probe}")
        client.command(
            f"CREATE TABLE {probe} AS {self._database}.{batch.channel.table} ENGINE = Null"
        )

        def good(part: list[tuple[Message, bytes]]) -> list[tuple[Message, bytes]]:
            try:
                self._insert(
                    f"sink_probe_{batch.channel.table}",
                    batch.channel.columns,
                    _joined(part),
                    _INSERT_SETTINGS,
                )
            except DatabaseError as error:
                if error.code not in _REFUSED:
                    raise
                if len(part) == 1:
                    batch.rejects.append(Reject(part[0][0], str(error)[:500]))
                    return []
                half = len(part) // 2
                return good(part[:half]) + good(part[half:])
            return part

        taken = good(lines)
        client.command(f"DROP TABLE IF EXISTS {probe}")
        return taken

    def _may_be_forgotten(self, batch: Batch) -> bool:
        """Whether ClickHouse may no longer remember the token of a batch that it has.

        A table remembers the tokens of its last blocks only. How many there were since the batch
        was planned is known from ``sink_batches``.
        """
        if batch.cut_short or not batch.plan.planned_ms:
            return True
        client = self._connected()
        engine = client.query(
            "SELECT engine_full FROM system.tables WHERE database = {database:String} "
            "AND name = {table:String}",
            parameters={"database": self._database, "table": batch.channel.table},
        ).result_rows[0][0]
        replicated = engine.startswith(("Replicated", "Shared"))
        windows = {kind: int(blocks) for kind, blocks in _WINDOW.findall(engine)}
        window = windows.get("replicated" if replicated else "non_replicated", 0)
        seconds = _WINDOW_SECONDS.search(engine)
        age = time.time() - batch.plan.planned_ms / 1000
        if replicated and age > (int(seconds[1]) if seconds else 3600) / 2:
            return True
        blocks = client.query(
            f"SELECT count() FROM {self._database}.sink_batches WHERE topic = {{topic:String}} "
            "AND queryable_at >= fromUnixTimestamp64Milli({since:Int64})",
            parameters={"topic": batch.topic, "since": batch.plan.planned_ms},
        ).result_rows[0][0]
        return (blocks + 1) * _BLOCKS_PER_BATCH >= window

    def _repair(self, batch: Batch) -> None:
        """Write what is missing of a batch whose token may be forgotten.

        A block is one part per session, and a part is there in full or not at all. A later version
        of a bar may have replaced it, but only one of the same batch: the partition's messages
        after an open plan are not written. So a session of which one row is found is complete. (A
        view that missed it, when ClickHouse itself was killed between the two, stays without it:
        rebuilding the session repairs that.)
        """
        lines = batch.judged_lines()
        sessions = {id(message): batch.channel.session(message) for message, _ in lines}
        found = self._sessions_in_table(batch, {day for day in sessions.values() if day})
        missing = [line for line in lines if sessions[id(line[0])] not in found]
        self._insert_lines(batch, missing)
        batch.rows = len(lines) - (len(missing) - batch.rows)

    def _sessions_in_table(self, batch: Batch, sessions: set[object]) -> set[object]:
        """The sessions of which the table has rows of this batch; {None} if it has no sessions."""
        times = [message.timestamp()[1] for message in batch.messages]
        day = "session_date" if batch.channel.event is not None else "NULL"
        only = (
            f"session_date IN ({','.join(map(repr, map(str, sessions)))}) AND" if sessions else ""
        )
        rows = (
            self._connected()
            .query(
                f"SELECT DISTINCT {day} FROM {self._database}.{batch.channel.table} WHERE {only} "
                "kafka_partition = {partition:UInt16} "
                "AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64} "
                "AND toUnixTimestamp64Milli(received_at) BETWEEN {begin:Int64} AND {end:Int64}",
                parameters={
                    "partition": batch.partition,
                    "first": batch.plan.first,
                    "last": batch.plan.last,
                    "begin": min(times),
                    "end": max(times),
                },
            )
            .result_rows
        )
        return {row[0] for row in rows}

    def _insert(
        self, table: str, columns: list[str], body: bytes, settings: Mapping[str, int | str]
    ) -> None:
        try:
            self._connected().raw_insert(
                f"{self._database}.{table}",
                column_names=[f"`{name}`" for name in columns],
                insert_block=body,
                settings=dict(settings),
                fmt="JSONEachRow",
            )
        except DatabaseError as error:
            if error.code not in _REFUSED:
                self._forget()
            raise
        except WriteError:
            self._forget()
            raise

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None:
                client = clickhouse_connect.get_client(
                    **self._clickhouse.client_config(),
                    connect_timeout=5,
                    send_receive_timeout=30,
                )
                schema.apply(client, schema.TICKS, {"database": self._database})
                schema.set_retention(client, self._database, self._clickhouse.ticks_ttl_days)
                self._client = client
            return self._client

    def _forget(self) -> None:
        """Connect and look at the tables again at the next write; others may still use this one."""
        with self._connecting:
            self._client = None


def _joined(lines: list[tuple[Message, bytes]]) -> bytes:
    return b"\n".join(line for _, line in lines)
