"""The rows of a CSV file that do not fit the table, in Snowflake's words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
from duckdb import DuckDBPyConnection
from snowflake.connector.errors import ProgrammingError

_ROWS, _SCANS = "_copy_rejects", "_copy_rejects_scans"

_VALUE = re.compile(r"Could not convert string \"(.*?)\" to '", re.DOTALL)
_COLUMN = re.compile(r'Error when converting column "(.*?)"\.')
_COUNT = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_LINE = re.compile(r"CSV Error on Line: (\d+)")

_KINDS = {"DATE": "Date", "TIME": "Time", "BOOLEAN": "Boolean value"}
_TO_GO_ON = (
    "If you would like to continue loading when an error is encountered, use other values such as "
    "'SKIP_FILE' or 'CONTINUE' for the ON_ERROR option."
)


@dataclass(frozen=True)
class FirstError:
    """The first row that did not fit, as COPY's answer names it."""

    message: str | None = None
    line: int | None = None
    character: int | None = None
    column: str | None = None


@dataclass(frozen=True)
class Rejects:
    """How many rows did not fit, and the first of them."""

    rows: int
    first: FirstError


NO_REJECTS = Rejects(0, FirstError())


def store_rejects() -> str:
    """The options of DuckDB's CSV reader that keep the rejected rows apart."""
    return f", store_rejects = true, rejects_table = '{_ROWS}', rejects_scan = '{_SCANS}'"


def collected(duck: DuckDBPyConnection, table: str, columns: Mapping[str, str]) -> Rejects:
    """What the reader kept apart."""
    [(rows,)] = duck.execute(f"SELECT COUNT(DISTINCT line) FROM {_ROWS}").fetchall()
    first = duck.execute(
        f"SELECT line, byte_position - line_byte_position + 1, column_name, error_message "
        f"FROM {_ROWS} ORDER BY line, column_idx LIMIT 1"
    ).fetchone()
    if first is None:
        return NO_REJECTS
    line, character, column, message = first
    named = f'"{table}"["{column}":{list(columns).index(column) + 1}]' if column else None
    return Rejects(int(rows), FirstError(_worded(message, columns), line, character, named))


def remove_rejects(duck: DuckDBPyConnection) -> None:
    """Forget what the reader kept apart."""
    for table in (_ROWS, _SCANS):
        duck.execute(f"DROP TABLE IF EXISTS temp.{table}")


def aborted(error: duckdb.Error, file: str, columns: Mapping[str, str]) -> ProgrammingError:
    """The error of a COPY that stops at the first row that does not fit."""
    text = str(error)
    line = _LINE.search(text)
    where = f"\n  File '{file}', line {line[1]}" if line else f"\n  File '{file}'"
    return ProgrammingError(
        msg=f"{_worded(text, columns)}{where}\n  {_TO_GO_ON}", errno=100038, sqlstate="22018"
    )


def _worded(text: str, columns: Mapping[str, str]) -> str:
    if count := _COUNT.search(text):
        return (
            f"Number of columns in file ({count[2]}) does not match that of the corresponding "
            f"table ({count[1]}), use file format option error_on_column_count_mismatch=false to "
            "ignore this error"
        )
    value, column = _VALUE.search(text), _COLUMN.search(text)
    if value is None or column is None:
        return text
    duckdb_type = columns.get(column[1], "")
    kind = "Timestamp" if duckdb_type.startswith("TIMESTAMP") else _KINDS.get(duckdb_type)
    return f"{kind or 'Numeric value'} '{value[1]}' is not recognized"
