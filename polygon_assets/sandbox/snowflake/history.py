"""The newest statements, and INFORMATION_SCHEMA.QUERY_HISTORY, which shows them.

A statement is in the history once it is answered; Snowflake shows a running one, too. What this
server does not measure is null: bytes scanned, credits, and the rows of CREATE TABLE AS.
"""

import itertools
import threading
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.errors import unsupported

VIEW = "_QUERY_HISTORY"
"""What a statement that reads the history finds it under, in DuckDB."""

KEPT_STATEMENTS = 10_000
KEPT_CHARACTERS = 2_000
"""Of a statement's text; Snowflake keeps 100,000."""

DEFAULT_LIMIT, LARGEST_LIMIT = 100, 10_000

_TYPES: dict[type[Expr], str] = {
    exp.Alter: "ALTER",
    exp.Commit: "COMMIT",
    exp.Copy: "COPY",
    exp.Delete: "DELETE",
    exp.Describe: "DESCRIBE",
    exp.Drop: "DROP",
    exp.Insert: "INSERT",
    exp.Merge: "MERGE",
    exp.Put: "PUT_FILES",
    exp.Rollback: "ROLLBACK",
    exp.Show: "SHOW",
    exp.Transaction: "BEGIN_TRANSACTION",
    exp.TruncateTable: "TRUNCATE_TABLE",
    exp.Update: "UPDATE",
    exp.Use: "USE",
}
_WITH_ROWS = frozenset(
    {"SELECT", "SHOW", "DESCRIBE", "COPY", "INSERT", "UPDATE", "DELETE", "MERGE"}
)


class Statement(NamedTuple):
    """One answered statement: the columns of Snowflake's function that are known here.

    Attributes:
        query_id: As the client got it.
        execution_status: SUCCESS or FAILED_WITH_ERROR.
        total_elapsed_time: Milliseconds.
        rows_produced: Rows of the result, or rows that the statement changed.
    """

    query_id: str
    query_text: str
    database_name: str | None
    schema_name: str | None
    query_type: str
    session_id: int
    user_name: str
    role_name: str
    warehouse_name: str
    query_tag: str
    execution_status: str
    error_code: str | None
    error_message: str | None
    start_time: datetime
    end_time: datetime
    total_elapsed_time: int
    rows_produced: int | None


# Of Statement's fields, and then of what is not measured.
_TEXT, _NUMBER, _MOMENT = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        *((name, _TEXT) for name in ("query_id", "query_text", "database_name", "schema_name")),
        *(("query_type", _TEXT), ("session_id", _NUMBER)),
        *((name, _TEXT) for name in ("user_name", "role_name", "warehouse_name", "query_tag")),
        *((name, _TEXT) for name in ("execution_status", "error_code", "error_message")),
        *(("start_time", _MOMENT), ("end_time", _MOMENT)),
        *(("total_elapsed_time", _NUMBER), ("rows_produced", _NUMBER), ("bytes_scanned", _NUMBER)),
        ("credits_used_cloud_services", pa.float64()),
    ]
)


class QueryHistory:
    """The newest statements of all sessions."""

    def __init__(self) -> None:
        self._statements: deque[Statement] = deque(maxlen=KEPT_STATEMENTS)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def next_session(self) -> int:
        """A number for a session that begins."""
        return next(self._numbers)

    def add(self, statement: Statement) -> None:
        """Keep a statement, and forget the oldest beyond the bound."""
        with self._lock:
            self._statements.append(statement)

    def table(self) -> Any:
        """The statements as an Arrow table with Snowflake's names of the columns."""
        with self._lock:
            statements = list(self._statements)
        known = len(Statement._fields)
        columns = list(zip(*statements, strict=True)) or [()] * known
        columns += [(None,) * len(statements)] * (len(_SCHEMA) - known)
        arrays = [pa.array(values, one.type) for values, one in zip(columns, _SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, names=[one.name.upper() for one in _SCHEMA])


def query_type(statement: Expr | None) -> str:
    """The kind of a statement in Snowflake's words; UNKNOWN where it could not be read."""
    if isinstance(statement, exp.Create):
        kind = str(statement.args.get("kind") or "").upper().split(" ")[-1]
        is_filled = kind == "TABLE" and statement.expression is not None
        return "CREATE_TABLE_AS_SELECT" if is_filled else f"CREATE_{kind}".removesuffix("_")
    if isinstance(statement, exp.Query):
        return "SELECT"
    if isinstance(statement, exp.Command):
        return str(statement.this).upper()
    return "UNKNOWN" if statement is None else _TYPES.get(type(statement), "UNKNOWN")


def known_rows(kind: str, rows: int | None) -> int | None:
    """The number of rows of a statement, where its kind lets this server know it."""
    return rows if kind in _WITH_ROWS else None


def read_from_view(statement: Expr) -> bool:
    """Let a statement's calls of QUERY_HISTORY read :data:`VIEW`, in place.

    Returns:
        Whether there are any.

    Raises:
        ProgrammingError: An argument that this server does not know.
    """
    calls = [call for call in statement.find_all(exp.TableFromRows) if _is_history(call)]
    for call in calls:
        rows = _rows(_arguments(call.this.expression))
        alias = call.args.get("alias") or exp.TableAlias(this=exp.to_identifier("QUERY_HISTORY"))
        call.replace(exp.Subquery(this=rows, alias=alias))
    return bool(calls)


def _is_history(call: exp.TableFromRows) -> bool:
    name = call.this
    if not isinstance(name, exp.Dot) or name.expression.name.upper() != "QUERY_HISTORY":
        return False
    schema = name.this.expression if isinstance(name.this, exp.Dot) else name.this
    return schema.name.upper() == "INFORMATION_SCHEMA"


def _arguments(function: exp.Anonymous) -> dict[str, Expr]:
    given: dict[str, Expr] = {}
    for argument in function.expressions:
        if not isinstance(argument, exp.Kwarg):
            raise unsupported("QUERY_HISTORY with an argument without a name")
        given[argument.this.name.upper()] = argument.expression
    return given


def _rows(arguments: Mapping[str, Expr]) -> exp.Select:
    """The statements that the arguments ask for, the newest first."""
    rows = exp.select("*").from_(exp.to_table(VIEW)).order_by(exp.column("END_TIME").desc())
    limit = DEFAULT_LIMIT
    for name, value in arguments.items():
        if name == "END_TIME_RANGE_START":
            rows = rows.where(exp.GTE(this=exp.column("END_TIME"), expression=value))
        elif name == "END_TIME_RANGE_END":
            rows = rows.where(exp.LTE(this=exp.column("END_TIME"), expression=value))
        elif name == "RESULT_LIMIT" and value.name.isdigit():
            limit = int(value.name)
        else:
            raise unsupported(f"QUERY_HISTORY with {name} => {value.sql('snowflake')}")
    if not 1 <= limit <= LARGEST_LIMIT:
        raise unsupported(f"QUERY_HISTORY of {limit} statements (it is 1 to {LARGEST_LIMIT})")
    return rows.limit(limit)
