"""COPY INTO a table from CSV files of a stage.

Every column is read as the type of the table's column. A row that does not fit is an error of the
statement or, with ON_ERROR = CONTINUE, one of the rejected rows that its answer counts.
"""

from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection
from fakesnow.transforms import stage
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp

from polygon_assets.sandbox.snowflake.copy_rejects import (
    NO_REJECTS,
    Rejects,
    aborted,
    collected,
    remove_rejects,
    store_rejects,
)
from polygon_assets.sandbox.snowflake.csv_format import CsvFormat
from polygon_assets.sandbox.snowflake.errors import unsupported
from polygon_assets.sandbox.snowflake.names import quoted

_UNREADABLE_TYPES = ("JSON", "STRUCT", "MAP", "UNION")
_GLOB_CHARACTERS = "[*?"
_NEVER_WRITTEN = "\x01no text is NULL\x01"
"""DuckDB wants a text that means NULL, even where none does."""

_ANSWER_COLUMNS = (
    "file",
    "status",
    "rows_parsed",
    "rows_loaded",
    "error_limit",
    "errors_seen",
    "first_error",
    "first_error_line",
    "first_error_character",
    "first_error_column_name",
)


@dataclass(frozen=True)
class CsvCopy:
    """One COPY of CSV files.

    Attributes:
        target: The table, and the columns that take the file's fields, as DuckDB names them.
        table: Schema and name under which the load history knows the table.
        history: DuckDB's name of the load history.
        files: Paths of the files, in order.
        format: How they are read.
        skips_rows: Whether a row that does not fit is left out (ON_ERROR = CONTINUE).
        force: Whether a file is loaded that was loaded before.
        purge: Whether a file is removed from the stage once all of it is loaded.
    """

    target: exp.Table | exp.Schema
    table: tuple[str, str]
    history: str
    files: list[str]
    format: CsvFormat
    skips_rows: bool = False
    force: bool = False
    purge: bool = False


@dataclass(frozen=True)
class _Loaded:
    """One line of the answer, in the order of its columns."""

    file: str
    status: str
    rows_parsed: int
    rows_loaded: int
    error_limit: int | None
    errors_seen: int
    first_error: str | None
    first_error_line: int | None
    first_error_character: int | None
    first_error_column_name: str | None


def copy_csv(duck: DuckDBPyConnection, copy: CsvCopy) -> str:
    """Load the files, and leave the statement's answer as the connection's result.

    Returns:
        The query whose rows are the answer.

    Raises:
        ProgrammingError: A row does not fit and ON_ERROR says to stop, or a column's type cannot be
            read from CSV.
    """
    columns = _columns(duck, copy.target)
    done = [_load(duck, copy, columns, file) for file in copy.files]
    sql = _answer(done)
    duck.execute(sql)
    return sql


def _columns(duck: DuckDBPyConnection, target: exp.Table | exp.Schema) -> dict[str, str]:
    """Name and DuckDB type of each column that a file fills, in the file's order."""
    table = target.this if isinstance(target, exp.Schema) else target
    described = duck.execute(f"DESCRIBE SELECT * FROM {table.sql(dialect='duckdb')}").fetchall()
    types = {str(name): str(kind) for name, kind, *_ in described}
    listed = target.expressions if isinstance(target, exp.Schema) else []
    names = [column.name for column in listed] or list(types)
    for name in names:
        if name not in types:
            raise ProgrammingError(
                msg=f"SQL compilation error:\ninvalid identifier '{name}'",
                errno=904,
                sqlstate="42000",
            )
        if types[name].startswith(_UNREADABLE_TYPES) or types[name].endswith("[]"):
            raise unsupported(f"COPY of CSV into a column of type {types[name]}")
    return {name: types[name] for name in names}


def _load(duck: DuckDBPyConnection, copy: CsvCopy, columns: dict[str, str], file: str) -> _Loaded:
    name = stage.internal_file_name(file)
    if not copy.force and _was_loaded(duck, copy, file):
        skipped = "File was loaded before."
        return _Loaded(name, "LOAD_SKIPPED", 0, 0, None, 1, skipped, None, None, None)
    rows, rejects = _insert(duck, copy, columns, file)
    status = ("PARTIALLY_LOADED" if rows else "LOAD_FAILED") if rejects.rows else "LOADED"
    parsed = rows + rejects.rows
    limit = parsed if copy.skips_rows else 1
    done = _Loaded(name, status, parsed, rows, limit, rejects.rows, *astuple(rejects.first))
    if status != "LOAD_FAILED":
        _remember(duck, copy, file, done)
    if copy.purge and status == "LOADED":
        Path(file).unlink()
    return done


def _insert(
    duck: DuckDBPyConnection, copy: CsvCopy, columns: dict[str, str], file: str
) -> tuple[int, Rejects]:
    """Rows loaded, and what was left out."""
    options = store_rejects() if copy.skips_rows else ""
    selected = ", ".join(_value(name, kind, copy.format) for name, kind in columns.items())
    sql = (
        f"INSERT INTO {copy.target.sql(dialect='duckdb')} SELECT {selected} "
        f"FROM {_reader(copy.format, columns, file)[:-1]}{options})"
    )
    try:
        [(rows,)] = duck.execute(sql).fetchall()
        return int(rows), collected(duck, _table_name(copy), columns) if options else NO_REJECTS
    except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
        raise aborted(error, stage.internal_file_name(file), columns) from error
    finally:
        if options:
            remove_rejects(duck)


def _reader(form: CsvFormat, columns: dict[str, str], file: str) -> str:
    """DuckDB's CSV reader with nothing left to guess."""
    types = ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in columns.items())
    nulls = [*form.null_if, *([""] if form.empty_is_null else [])] or [_NEVER_WRITTEN]
    escaped = "".join(f"[{one}]" if one in _GLOB_CHARACTERS else one for one in file)
    return (
        f"read_csv({_text(escaped)}, auto_detect = false, header = false, "
        f"skip = {form.skip_header}, delim = {_text(form.delimiter)}, quote = {_text(form.quote)}, "
        f"escape = {_text(form.quote)}, columns = {{{types}}}, "
        f"nullstr = [{', '.join(_text(one) for one in nulls)}], allow_quoted_nulls = false, "
        f"compression = {_text(form.compression)})"
    )


def _value(name: str, kind: str, form: CsvFormat) -> str:
    """A column, NULL where it is one of NULL_IF although it was enclosed."""
    column = quoted(name)
    if not (form.quote and form.null_if and kind == "VARCHAR"):
        return column
    nulls = ", ".join(_text(one) for one in form.null_if)
    return f"CASE WHEN {column} NOT IN ({nulls}) THEN {column} END"


def _was_loaded(duck: DuckDBPyConnection, copy: CsvCopy, file: str) -> bool:
    found = duck.execute(
        f"SELECT 1 FROM {copy.history} "
        "WHERE FILE_NAME = ? AND SCHEMA_NAME = ? AND TABLE_NAME = ? LIMIT 1",
        [file, *copy.table],
    )
    return found.fetchone() is not None


def _remember(duck: DuckDBPyConnection, copy: CsvCopy, file: str, done: _Loaded) -> None:
    schema, table = copy.table
    values: list[Any] = [schema, file, table, datetime.now(UTC).isoformat(), done.status]
    values += [done.rows_loaded, done.rows_parsed, done.first_error, done.first_error_line]
    values += [done.first_error_character, done.first_error_column_name]
    values += [done.errors_seen, done.error_limit]
    places = ", ".join("?" * len(values))
    duck.execute(f"INSERT INTO {copy.history} VALUES ({places})", values)


def _answer(done: list[_Loaded]) -> str:
    if not done:
        return "SELECT 'Copy executed with 0 files processed.' AS status"
    rows = ", ".join(f"({', '.join(_literal(each) for each in astuple(one))})" for one in done)
    return f"SELECT * FROM (VALUES {rows}) AS t({', '.join(_ANSWER_COLUMNS)})"


def _table_name(copy: CsvCopy) -> str:
    """Without database and schema, which a temporary table has in its name."""
    return copy.table[1].rpartition(".")[2]


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else _text(str(value))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
