"""One chDB engine on one directory, and handles to it.

A handle has settings, a current database and temporary tables of its own; opening one takes a
fraction of a millisecond, and handles run in parallel.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from polygon_assets.sandbox.clickhouse.errors import from_engine

_DATA_BYTES = "SELECT sum(bytes_on_disk) FROM system.parts WHERE database != 'system'"


class Result(Protocol):
    """What a statement returned, or a piece of it."""

    def bytes(self) -> bytes | None: ...
    def rows_read(self) -> int: ...
    def bytes_read(self) -> int: ...
    def rows_written(self) -> int: ...
    def bytes_written(self) -> int: ...
    def elapsed(self) -> float: ...


class Rows(Protocol):
    """A result that arrives piece by piece."""

    def fetch(self) -> Result | None: ...
    def cancel(self) -> None: ...


class _ChdbConnection(Protocol):
    _conn: Any

    def query(self, query: str | bytes, format: str, params: dict[str, str]) -> Result: ...  # noqa: A002
    def send_query(self, query: str | bytes, format: str, params: dict[str, str]) -> Rows: ...  # noqa: A002
    def close(self) -> None: ...


def quoted(value: str) -> str:
    """A string as an SQL literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier, whatever is in it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


class Handle:
    """One connection to the engine, for one statement at a time.

    A statement may hold binary data, in a heredoc or a string, that is not UTF-8.

    Every method raises ClickHouseError where the engine reports an error.
    """

    def __init__(self, connection: _ChdbConnection) -> None:
        self._connection = connection

    def run(
        self, sql: str | bytes, output: str = "Null", params: dict[str, str] | None = None
    ) -> Result:
        """Run a statement to its end; the result is in memory, in the format ``output``."""
        try:
            return self._connection.query(sql, output, params or {})
        except (RuntimeError, ValueError) as error:
            raise from_engine(error) from error

    def stream(self, sql: bytes, output: str, params: dict[str, str]) -> Rows | None:
        """Start a query whose rows are fetched piece by piece; None if it cannot be streamed."""
        try:
            return self._connection.send_query(sql, output, params)
        except RuntimeError as error:
            if "Streaming query is not supported" in str(error):
                return None  # EXISTS, EXPLAIN and the like: their results are small
            raise from_engine(error) from error

    def rows(self, sql: str) -> list[list[Any]]:
        """Run a small query; return its rows."""
        output = self.run(sql, "JSONCompactEachRow").bytes() or b""
        return [json.loads(line) for line in output.splitlines()]

    def classify(self, sql: bytes) -> tuple[bool, int]:
        """Whether the engine calls the text read-only, and how many statements are in it."""
        # The public interface of chDB has no parser.
        found = self._connection._conn.classify_query(sql)  # pyright: ignore[reportPrivateUsage]
        return found["query_class"].name == "READ_ONLY", int(found["statement_count"])

    def close(self) -> None:
        """Give the handle back, and its temporary tables up."""
        self._connection.close()


class Engine:
    """The engine of this process; a process can have one.

    Args:
        directory: Holds all data; it is created if it is missing.

    Raises:
        ClickHouseError: The directory cannot be opened.
    """

    def __init__(self, directory: Path) -> None:
        from chdb.state import connect  # takes longer than all other imports together

        self._connect = cast("Any", connect)
        self._path = str(directory / "engine")
        self._anchor = self.open()  # the engine lives as long as one handle is open
        self.version: str
        self.timezone: str
        self.version, self.timezone = self._anchor.rows("SELECT version(), timezone()")[0]

    def open(self) -> Handle:
        """A fresh handle, which behaves as a connection to a server does."""
        try:
            # clickhouse-local, from which chDB comes, lets SELECT be left out; servers do not.
            return Handle(self._connect(f"{self._path}?implicit_select=0"))
        except RuntimeError as error:
            raise from_engine(error) from error

    @contextmanager
    def fresh(self) -> Generator[Handle]:
        """A handle for one request."""
        handle = self.open()
        try:
            yield handle
        finally:
            handle.close()

    def data_bytes(self) -> int:
        """The size of all tables on disk, in bytes."""
        with self.fresh() as handle:
            return int(handle.rows(_DATA_BYTES)[0][0])

    def close(self) -> None:
        """Stop the engine. Handles that are still open keep it alive."""
        self._anchor.close()
