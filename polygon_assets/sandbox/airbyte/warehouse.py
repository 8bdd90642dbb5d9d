"""Load batches into Snowflake: rows and stream state in one transaction."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polygon_assets.sandbox.airbyte import columns
from polygon_assets.sandbox.airbyte.catalog import ConfiguredStream
from polygon_assets.sandbox.airbyte.columns import NUMBER, column, column_type, quoted
from polygon_assets.sandbox.airbyte.destination import INTERNAL_SCHEMA, SnowflakeTarget

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

# Schemas and tables are made by one job at a time: two that make the same one collide.
_make_lock = threading.Lock()

_ORDERED_TYPES = ("number(38, 0)", "float", "date", "timestamp_tz")


class LoadError(Exception):
    """The warehouse did not take a batch as it was; the text says which and why."""


class Warehouse:
    """One connection to the destination, for one job. Close it at the end.

    Args:
        target: Where the records go.
        connection_id: The Airbyte connection, whose states are kept apart from all others.
        sync_id: Number of the job; stands in each row.
    """

    def __init__(self, target: SnowflakeTarget, connection_id: str, sync_id: int = 0) -> None:
        import snowflake.connector  # costs half a second, which the server's start must not

        self._target = target
        self._connection_id = connection_id
        self._sync_id = sync_id
        self._session: SnowflakeConnection = snowflake.connector.connect(**target.connection)
        # What makes another attempt worthwhile: the statement failed, the session did not.
        self._refused = snowflake.connector.errors.ProgrammingError

    def prepare(self, streams: Sequence[ConfiguredStream]) -> None:
        """Create the database, the schemas and the tables that are missing; add missing columns."""
        database, internal = quoted(self._target.database), self._internal()
        with _make_lock:
            self._run(f"create database if not exists {database}")
            self._run(f"create schema if not exists {database}.{quoted(self._target.schema)}")
            self._run(f"create schema if not exists {internal}")
            self._run(f"create stage if not exists {internal}.SYNC_FILES")
            self._run(
                f"create table if not exists {internal}.STREAM_STATE ("
                "CONNECTION_ID varchar, STREAM_NAME varchar, STATE varchar,"
                " UPDATED_AT timestamp_tz)"
            )
            existing = self._existing_columns()
            for stream in streams:
                self._make_table(stream, existing.get(stream.table, set()))

    def states(self) -> dict[str, str]:
        """The JSON state of each stream of this connection that has one."""
        rows = self._run(
            f"select STREAM_NAME, STATE from {self._internal()}.STREAM_STATE"
            " where CONNECTION_ID = %s",
            (self._connection_id,),
        )
        return {str(name): str(state) for name, state in rows}

    def load(self, stream: ConfiguredStream, path: Path, rows: int, state: str | None) -> None:
        """Add the batch's rows, in place of those with the same keys, and save the state with them.

        Of several records with one key the last one stays. On an error nothing of the batch and
        nothing of the state is kept.

        Args:
            stream: The stream of the batch.
            path: A file as :class:`~polygon_assets.sandbox.airbyte.batch.Batch` writes it.
            rows: Records in the file.
            state: The stream's new state as JSON; None leaves it as it is.

        Raises:
            LoadError: The warehouse read another number of records than the file has.
            snowflake.connector.Error: The warehouse refused.
        """
        if rows:
            self._stage(stream, path, rows)

        def change() -> None:
            if rows:
                self._add_rows(stream)
            if state is not None:
                self._save_state(stream, state)

        try:
            self._transaction(change)
        except self._refused:
            # Another session may have been in the way, such as that of a job that was killed.
            self._transaction(change)

    def close(self) -> None:
        """End the session; its temporary tables go with it."""
        self._session.close()

    def _existing_columns(self) -> dict[str, set[str]]:
        rows = self._run(
            "select TABLE_NAME, COLUMN_NAME"
            f" from {quoted(self._target.database)}.INFORMATION_SCHEMA.COLUMNS"
            " where TABLE_SCHEMA = %s",
            (self._target.schema,),
        )
        found: dict[str, set[str]] = {}
        for table, name in rows:
            found.setdefault(str(table), set()).add(str(name))
        return found

    def _make_table(self, stream: ConfiguredStream, existing: set[str]) -> None:
        wanted = columns.table_columns(stream.stream)
        table = self._table(stream)
        if not existing:
            definitions = ", ".join(f"{column(name)} {kind}" for name, kind in wanted.items())
            self._run(f"create table if not exists {table} ({definitions})")
            return
        for name, kind in wanted.items():
            if name.upper() not in existing:
                self._run(f"alter table {table} add column {column(name)} {kind}")

    def _stage(self, stream: ConfiguredStream, path: Path, rows: int) -> None:
        """Bring a file into the stream's batch table, each value with its column's type."""
        batch = self._batch(stream)
        folder = f"@{self._internal()}.SYNC_FILES/{self._connection_id}"
        self._run(f"put 'file://{path}' {folder} auto_compress=false overwrite=true")
        source = f"{folder}/{path.name}"
        definition = columns.batch_definition(stream.stream)
        self._run(f"create or replace temporary table {batch} ({definition})")
        try:
            values = columns.strict_values(stream.stream, "$1")
            self._copy(batch, f"(select {values} from {source})")
        except self._refused:
            self._stage_leniently(stream, source)
        [(loaded,)] = self._run(f"select count(*) from {batch}")
        if loaded != rows:
            raise LoadError(
                f"{stream.name}: the warehouse read {loaded} records from a batch of {rows};"
                " nothing of it was kept."
            )

    def _stage_leniently(self, stream: ConfiguredStream, source: str) -> None:
        """The slow way, for a batch with a value of the wrong type: it becomes NULL."""
        batch, raw = self._batch(stream), self._batch(stream, "_RAW")
        self._run(f'create or replace temporary table {raw} ("RECORD" variant)')
        self._copy(raw, source)
        values = columns.lenient_values(stream.stream, 'raw."RECORD"')
        self._run(f"delete from {batch}")
        self._run(f"insert into {batch} select {values} from {raw} as raw")
        self._run(f"drop table {raw}")

    def _copy(self, table: str, source: str) -> None:
        self._run(f"copy into {table} from {source} file_format=(type=json) force=true purge=true")

    def _add_rows(self, stream: ConfiguredStream) -> None:
        batch, fields = self._batch(stream), columns.listed(stream.stream.fields)
        picked = ""
        if stream.keeps_last:
            self._delete_replaced(stream)
            keys = columns.listed(stream.stream.primary_key)
            picked = f" qualify row_number() over (partition by {keys} order by {NUMBER} desc) = 1"
        self._run(
            f"insert into {self._table(stream)} ({columns.listed(columns.META_COLUMNS)}, {fields})"
            f" select {columns.meta_values(self._sync_id)}, {fields} from {batch}{picked}"
        )

    def _delete_replaced(self, stream: ConfiguredStream) -> None:
        """Delete the rows whose keys the batch has.

        The keys' bounds stand in the statement, so that the warehouse passes over everything
        outside of them: a backfill of many sessions would otherwise read all that it has written
        with each batch.
        """
        batch, schema = self._batch(stream), stream.stream.fields
        keys = stream.stream.primary_key
        ordered = [key for key in keys if column_type(schema[key]) in _ORDERED_TYPES]
        conditions = [
            f"target.{column(key)} is not distinct from batch.{column(key)}" for key in keys
        ]
        bounds: list[Any] = []
        if ordered:
            ends = ", ".join(f"min({column(key)}), max({column(key)})" for key in ordered)
            [found] = self._run(f"select {ends} from {batch}")
            if None not in found:
                bounds = list(found)
                conditions += [f"target.{column(key)} between %s and %s" for key in ordered]
        self._run(
            f"delete from {self._table(stream)} as target using {batch} as batch"
            f" where {' and '.join(conditions)}",
            tuple(bounds) or None,
        )

    def _save_state(self, stream: ConfiguredStream, state: str) -> None:
        table = f"{self._internal()}.STREAM_STATE"
        key = (self._connection_id, stream.name)
        self._run(f"delete from {table} where CONNECTION_ID = %s and STREAM_NAME = %s", key)
        self._run(
            f"insert into {table} (CONNECTION_ID, STREAM_NAME, STATE, UPDATED_AT)"
            " select %s, %s, %s, current_timestamp()",
            (*key, state),
        )

    def _transaction(self, change: Callable[[], None]) -> None:
        self._run("begin")
        try:
            change()
            self._run("commit")
        except BaseException as error:
            try:
                self._run("rollback")
            except Exception as failed:  # noqa: BLE001 - the first error is the one to tell
                error.add_note(f"The rollback failed, too: {failed}")
            raise

    def _internal(self) -> str:
        return f"{quoted(self._target.database)}.{INTERNAL_SCHEMA}"

    def _batch(self, stream: ConfiguredStream, suffix: str = "") -> str:
        return f"{self._internal()}.{quoted(f'BATCH_{stream.table}{suffix}')}"

    def _table(self, stream: ConfiguredStream) -> str:
        database, schema = quoted(self._target.database), quoted(self._target.schema)
        return f"{database}.{schema}.{quoted(stream.table)}"

    def _run(self, sql: str, parameters: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        with self._session.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()
