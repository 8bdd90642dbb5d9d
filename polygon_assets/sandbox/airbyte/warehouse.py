"""Load batches into Snowflake: rows and stream state in one transaction."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from polygon_assets.sandbox.airbyte.catalog import Json, Stream

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

INTERNAL_SCHEMA = "AIRBYTE_INTERNAL"
"""Schema of the batches under way and of the table with the streams' states."""

GENERATION_ID = 1
"""Constant here: a generation ends with a refresh, which this subset does not offer."""

_META = """parse_json('{"changes":[]}')"""
_RECORD = 'batch."RECORD"'

# Schemas and tables are made by one job at a time: two that make the same one collide.
_make_lock = threading.Lock()


class LoadError(Exception):
    """The warehouse did not take a batch as it was; the text says which and why."""


@dataclass(frozen=True)
class Destination:
    """Where the records go.

    Attributes:
        database: Snowflake database, created when missing.
        schema: Schema of the raw tables, one table a stream, named in upper case.
        connection: Keyword arguments for ``snowflake.connector.connect``.
    """

    database: str
    schema: str
    connection: dict[str, Any] = field(repr=False)


def destination_from_environment(
    database: str, schema: str, environment: Mapping[str, str] | None = None
) -> Destination:
    """The destination with the ``SNOWFLAKE_*`` variables; the defaults are the sandbox's.

    Args:
        database: Snowflake database.
        schema: Schema of the raw tables.
        environment: Default: the process's environment.
    """
    given = os.environ if environment is None else environment
    connection: dict[str, Any] = {
        "account": given.get("SNOWFLAKE_ACCOUNT") or "sandbox",
        "host": given.get("SNOWFLAKE_HOST") or "127.0.0.1",
        "port": int(given.get("SNOWFLAKE_PORT") or 18103),
        "protocol": given.get("SNOWFLAKE_PROTOCOL") or "http",
        "user": given.get("SNOWFLAKE_USER") or "sandbox",
        "password": given.get("SNOWFLAKE_PASSWORD") or "sandbox",
        "role": given.get("SNOWFLAKE_ROLE") or "SANDBOX",
        "warehouse": given.get("SNOWFLAKE_WAREHOUSE") or "SANDBOX",
        "login_timeout": 10,
        "network_timeout": 60,
        "client_session_keep_alive": False,
        "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
    }
    return Destination(database, schema, connection)


class Warehouse:
    """One connection to the destination, for one job. Close it at the end."""

    def __init__(self, destination: Destination, connection_id: str) -> None:
        import snowflake.connector  # costs half a second, which the server's start must not

        self._destination = destination
        self._connection_id = connection_id
        self._session: SnowflakeConnection = snowflake.connector.connect(**destination.connection)

    def prepare(self, streams: list[Stream]) -> None:
        """Create the database, the schemas and the tables that are missing; add missing columns."""
        database, internal = _quote(self._destination.database), self._internal()
        with _make_lock:
            self._run(f"create database if not exists {database}")
            self._run(f"create schema if not exists {database}.{_quote(self._destination.schema)}")
            self._run(f"create schema if not exists {internal}")
            self._run(f"create stage if not exists {internal}.SYNC_FILES")
            self._run(
                f"create table if not exists {internal}.STREAM_STATE ("
                "CONNECTION_ID varchar, STREAM_NAME varchar, STATE varchar,"
                " UPDATED_AT timestamp_tz)"
            )
            existing = self._existing_columns()
            for stream in streams:
                self._make_table(stream, existing.get(stream.name.upper(), set()))

    def states(self) -> dict[str, str]:
        """The JSON state of each stream of this connection that has one."""
        rows = self._run(
            f"select STREAM_NAME, STATE from {self._internal()}.STREAM_STATE"
            " where CONNECTION_ID = %s",
            (self._connection_id,),
        )
        return {str(name): str(state) for name, state in rows}

    def load(self, stream: Stream, path: Path, rows: int, state: str | None) -> None:
        """Replace the rows with the batch's keys by the batch's, and save the state with them.

        Of several records with one key the last one stays. On an error nothing of the batch and
        nothing of the state is kept.

        Args:
            stream: The stream of the batch.
            path: A file as :class:`~polygon_assets.sandbox.airbyte.batch.Batch` writes it.
            rows: Records in the file.
            state: The stream's new state as JSON; None leaves it as it is.

        Raises:
            LoadError: The warehouse read another number of records than the file has.
            snowflake.connector.Error: The warehouse refused, such as a value of the wrong type.
        """
        batch = f"{self._internal()}.{_quote(f'BATCH_{stream.name.upper()}')}"
        if rows:
            self._copy(stream, path, rows, batch)
        self._run("begin")
        try:
            if rows:
                self._replace_rows(stream, batch)
            if state is not None:
                self._save_state(stream, state)
            self._run("commit")
        except BaseException:
            self._run("rollback")
            raise
        if rows:
            self._run(f"drop table if exists {batch}")

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def _existing_columns(self) -> dict[str, set[str]]:
        rows = self._run(
            "select TABLE_NAME, COLUMN_NAME"
            f" from {_quote(self._destination.database)}.INFORMATION_SCHEMA.COLUMNS"
            " where TABLE_SCHEMA = %s",
            (self._destination.schema,),
        )
        columns: dict[str, set[str]] = {}
        for table, column in rows:
            columns.setdefault(str(table), set()).add(str(column))
        return columns

    def _make_table(self, stream: Stream, existing: set[str]) -> None:
        columns = _meta_columns() | {
            field: column_type(schema) for field, schema in stream.fields.items()
        }
        table = self._table(stream)
        if not existing:
            definitions = ", ".join(f"{_column(name)} {kind}" for name, kind in columns.items())
            self._run(f"create table if not exists {table} ({definitions})")
            return
        for name, kind in columns.items():
            if name.upper() not in existing:
                self._run(f"alter table {table} add column {_column(name)} {kind}")

    def _copy(self, stream: Stream, path: Path, rows: int, batch: str) -> None:
        stage = f"@{self._internal()}.SYNC_FILES/{stream.name}"
        self._run(f'create or replace transient table {batch} ("RECORD" variant)')
        self._run(f"put 'file://{path}' {stage} auto_compress=false overwrite=true")
        self._run(
            f"copy into {batch} from {stage}/{path.name}"
            " file_format=(type=json) force=true purge=true"
        )
        [(loaded,)] = self._run(f"select count(*) from {batch}")
        if loaded != rows:
            raise LoadError(
                f"{stream.name}: the warehouse read {loaded} records from a batch of {rows};"
                " nothing of it was kept."
            )

    def _replace_rows(self, stream: Stream, batch: str) -> None:
        keys = [(name, _value(name, stream.fields[name])) for name in stream.primary_key]
        picked = ", ".join(f"{value} as {_column(name)}" for name, value in keys)
        same = " and ".join(f"target.{_column(name)} = picked.{_column(name)}" for name, _ in keys)
        self._run(
            f"delete from {self._table(stream)} as target"
            f" using (select distinct {picked} from {batch} as batch) as picked where {same}"
        )
        values = _meta_values() | {
            name: _value(name, schema) for name, schema in stream.fields.items()
        }
        names = ", ".join(_column(name) for name in values)
        selected = ", ".join(f"{value} as {_column(name)}" for name, value in values.items())
        partition = ", ".join(value for _, value in keys)
        self._run(
            f"insert into {self._table(stream)} ({names})"
            f" select {selected} from {batch} as batch"
            f" qualify row_number() over (partition by {partition}"
            f" order by {_RECORD}:n::number(38, 0) desc) = 1"
        )

    def _save_state(self, stream: Stream, state: str) -> None:
        table = f"{self._internal()}.STREAM_STATE"
        key = (self._connection_id, stream.name)
        self._run(f"delete from {table} where CONNECTION_ID = %s and STREAM_NAME = %s", key)
        self._run(
            f"insert into {table} (CONNECTION_ID, STREAM_NAME, STATE, UPDATED_AT)"
            " select %s, %s, %s, current_timestamp()",
            (*key, state),
        )

    def _internal(self) -> str:
        return f"{_quote(self._destination.database)}.{INTERNAL_SCHEMA}"

    def _table(self, stream: Stream) -> str:
        database, schema = _quote(self._destination.database), _quote(self._destination.schema)
        return f"{database}.{schema}.{_column(stream.name)}"

    def _run(self, sql: str, parameters: tuple[str, ...] | None = None) -> list[tuple[Any, ...]]:
        with self._session.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()


def column_type(schema: Json) -> str:
    """The Snowflake type of a field of a JSON schema, as Airbyte's Snowflake destination has it."""
    declared: Any = schema.get("type", "string")
    kinds = [declared] if isinstance(declared, str) else cast("list[str]", declared)
    kind = next((name for name in kinds if name != "null"), "string")
    if kind == "string" and schema.get("format") == "date":
        return "date"
    if kind == "string" and schema.get("format") == "date-time":
        return "timestamp_tz"
    simple = {
        "string": "varchar",
        "number": "float",
        "integer": "number(38, 0)",
        "boolean": "boolean",
    }
    return simple.get(kind, "variant")


def _value(name: str, schema: Json) -> str:
    return f'{_RECORD}:data:"{name}"::{column_type(schema)}'


def _meta_columns() -> dict[str, str]:
    return {
        "_airbyte_raw_id": "varchar",
        "_airbyte_extracted_at": "timestamp_tz",
        "_airbyte_meta": "variant",
        "_airbyte_generation_id": "number(38, 0)",
    }


def _meta_values() -> dict[str, str]:
    return {
        "_airbyte_raw_id": "uuid_string()",
        "_airbyte_extracted_at": f"{_RECORD}:at::timestamp_tz",
        "_airbyte_meta": _META,
        "_airbyte_generation_id": str(GENERATION_ID),
    }


def _column(name: str) -> str:
    return _quote(name.upper())


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
