"""Run the statement of a request on a handle of the engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from polygon_assets.sandbox.clickhouse.body import RequestBody
from polygon_assets.sandbox.clickhouse.engine import Handle, Result, Rows, identifier
from polygon_assets.sandbox.clickhouse.errors import ClickHouseError
from polygon_assets.sandbox.clickhouse.request import Request
from polygon_assets.sandbox.clickhouse.spool import Spool
from polygon_assets.sandbox.clickhouse.statement import (
    Insert,
    Scan,
    find_insert,
    output_format,
    refuse_outfile,
)

_LONGEST_STATEMENT = 1 << 20

# Formats in which the pieces of a result, put one behind the other, are the result.
_STREAMED = frozenset(
    {
        "CSV",
        "JSONCompactEachRow",
        "JSONEachRow",
        "JSONLines",
        "NDJSON",
        "Native",
        "RowBinary",
        "TSV",
        "TabSeparated",
    }
)


@dataclass(frozen=True)
class Done:
    """A statement that has run to its end.

    Attributes:
        output: What it returned.
        summary: Counts of rows and bytes, as ClickHouse reports them.
        output_format: The format of ``output``; empty if it is no result of a query.
    """

    output: bytes
    summary: dict[str, str]
    output_format: str = ""


@dataclass(frozen=True)
class Streaming:
    """A query whose rows are still to be fetched.

    Attributes:
        rows: The rows.
        output_format: Their format.
    """

    rows: Rows
    output_format: str


def execute(handle: Handle, request: Request, spool: Spool) -> Done | Streaming:
    """Run a request's statement.

    Raises:
        ClickHouseError: It failed.
        BrokenRequestError: The request is incomplete; nothing was inserted.
    """
    for name, content in request.files.items():
        _load_table(handle, request, spool, name, content)
    sql = request.parameters.get("query", "").encode()
    head, insert = _read_statement(sql, request.body)
    if insert is None:
        return _run(handle, request, head + request.body.read())
    _refuse_if_read_only(request, read_only=False)
    with spool.file(chain([head[insert.rows_start :]], request.body)) as path:
        result = handle.run(insert.from_file(path), params=request.query_parameters)
    return Done(b"", _summary(result, result.rows_written(), result.bytes_written()))


def _read_statement(sql: bytes, body: RequestBody) -> tuple[bytes, Insert | None]:
    """Read until the statement is known: it is in the address, in the body, or begins in one and
    ends in the other.

    Returns:
        What has been read, and the insert in it if rows follow one.
    """
    head = sql + b"\n" if sql else b""
    pieces: Iterator[bytes] = iter(body)
    for piece in pieces:
        head += piece
        found = find_insert(head, complete=len(head) > _LONGEST_STATEMENT)
        if found is not Scan.UNDECIDED:
            return head, found if isinstance(found, Insert) else None
    found = find_insert(head, complete=True)
    return head, found if isinstance(found, Insert) else None


def _run(handle: Handle, request: Request, sql: bytes) -> Done | Streaming:
    if not sql.strip():
        raise ClickHouseError(62, "SYNTAX_ERROR", "Syntax error: Empty query.")
    refuse_outfile(sql)
    read_only, statements = handle.classify(sql)
    if statements > 1:
        raise ClickHouseError(62, "SYNTAX_ERROR", "Syntax error: Multi-statements are not allowed.")
    _refuse_if_read_only(request, read_only=read_only)
    if not read_only:
        result = handle.run(sql, request.default_format, request.query_parameters)
        summary = _summary(result, result.rows_written(), result.bytes_written())
        return Done(result.bytes() or b"", summary)
    return _query(handle, request, sql)


def _query(handle: Handle, request: Request, sql: bytes) -> Done | Streaming:
    output = output_format(sql) or request.default_format
    if output in _STREAMED and not request.flag("wait_end_of_query"):
        rows = handle.stream(sql, output, request.query_parameters)
        if rows is not None:
            return Streaming(rows, output)
    result = handle.run(sql, output, request.query_parameters)
    return Done(result.bytes() or b"", _summary(result, 0, 0), output)


def _refuse_if_read_only(request: Request, *, read_only: bool) -> None:
    if request.read_only and not read_only:
        raise ClickHouseError(
            164,
            "READONLY",
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies"
            " readonly. You should use method POST for modifying queries.",
        )


def _load_table(handle: Handle, request: Request, spool: Spool, name: str, content: bytes) -> None:
    """Make a temporary table of a file that came with the query."""
    structure = request.parameters.get(f"{name}_structure")
    if structure is None:
        types = request.parameters.get(f"{name}_types", "").split(",")
        structure = ", ".join(f"_{number} {kind}" for number, kind in enumerate(types, 1))
    row_format = request.parameters.get(f"{name}_format", "TabSeparated")
    table = identifier(name)
    handle.run(f"CREATE OR REPLACE TEMPORARY TABLE {table} ({structure})")
    with spool.file([content]) as path:
        handle.run(f"INSERT INTO {table} FROM INFILE '{path}' FORMAT {row_format}")


def _summary(result: Result, rows_written: int, bytes_written: int) -> dict[str, str]:
    return {
        "read_rows": str(result.rows_read()),
        "read_bytes": str(result.bytes_read()),
        "written_rows": str(rows_written),
        "written_bytes": str(bytes_written),
        "total_rows_to_read": "0",
        "result_rows": str(rows_written),
        "elapsed_ns": str(int(result.elapsed() * 1e9)),
    }
