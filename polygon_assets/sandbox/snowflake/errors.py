"""DuckDB's errors in Snowflake's words.

Clients match on them: dbt-snowflake and Dagster's IO manager look for "does not exist or not
authorized". And every failed statement must be a SQL error: an HTTP 500 is retried by the
connector, and dbt-snowflake sets no limit to that.
"""

import re
from dataclasses import dataclass

import duckdb
from snowflake.connector.errors import ProgrammingError

COMPILATION = "SQL compilation error:\n"


@dataclass(frozen=True)
class _Wording:
    """One kind of error: how DuckDB says it, how Snowflake says it."""

    duckdb: re.Pattern[str]
    snowflake: str
    errno: int
    sqlstate: str


_WORDINGS = (
    _Wording(
        re.compile(r'(?:Table|View|Index) with name "?([^"\s]+)"? does not exist'),
        COMPILATION + "Object '{0}' does not exist or not authorized.",
        2003,
        "42S02",
    ),
    _Wording(
        re.compile(r'Catalog "?([^"\s]+)"? does not exist'),
        COMPILATION + "Database '{0}' does not exist or not authorized.",
        2003,
        "02000",
    ),
    _Wording(
        re.compile(r'Schema with name "?([^"\s]+)"? does not exist'),
        COMPILATION + "Schema '{0}' does not exist or not authorized.",
        2003,
        "02000",
    ),
    _Wording(
        re.compile(r'"([^"]+)" is not a catalog or schema'),
        COMPILATION + "Database '{0}' does not exist or not authorized.",
        2003,
        "02000",
    ),
    _Wording(
        re.compile(r'(?:Table|View|Schema) with name "?([^"\s]+)"? already exists'),
        COMPILATION + "Object '{0}' already exists.",
        2002,
        "42710",
    ),
    _Wording(
        re.compile(r"Function with name \"?([^\"\s]+)\"? does not exist"),
        COMPILATION + "Unknown function {0}.",
        2140,
        "42601",
    ),
    _Wording(
        re.compile(r'Referenced column "([^"]+)" not found'),
        COMPILATION + "error line 1 at position 0\ninvalid identifier '{0}'",
        904,
        "42000",
    ),
    _Wording(
        re.compile(r"(?:NOT NULL constraint failed|NULL result in a non-nullable column): (\S+)"),
        "NULL result in a non-nullable column: {0}",
        100072,
        "22000",
    ),
    _Wording(
        re.compile(r"Could not convert string '(.*?)' to (?:\w+)"),
        "Value '{0}' is not recognized",
        100038,
        "22018",
    ),
    _Wording(re.compile(r"Division by zero"), "Division by zero", 100051, "22012"),
    _Wording(
        re.compile(r"MERGE INTO|more than one source row", re.IGNORECASE),
        "Duplicate row detected during DML action",
        100090,
        "42P18",
    ),
)


def unsupported(what: str) -> ProgrammingError:
    """The error of a statement that Snowflake knows and this server does not.

    Args:
        what: The statement or feature, as the user wrote it.
    """
    return ProgrammingError(
        msg=f"Unsupported feature '{what}' (the sandbox's Snowflake does not have it).",
        errno=2,
        sqlstate="0A000",
    )


def from_duckdb(error: duckdb.Error) -> ProgrammingError:
    """The SQL error for whatever DuckDB refused, or another session cancelled."""
    if isinstance(error, duckdb.InterruptException):
        return ProgrammingError(msg="SQL execution canceled", errno=604, sqlstate="57014")
    return _reworded(str(error)) or ProgrammingError(msg=str(error), errno=2043, sqlstate="02000")


def from_fakesnow(error: ProgrammingError) -> ProgrammingError:
    """The error with Snowflake's wording where fakesnow passed on DuckDB's."""
    return _reworded(error.raw_msg or "") or error


def _reworded(text: str) -> ProgrammingError | None:
    if text.startswith(COMPILATION):
        return None
    for wording in _WORDINGS:
        if found := wording.duckdb.search(text):
            name = found[1] if found.groups() else ""
            return ProgrammingError(
                msg=f"{wording.snowflake.format(name)} [{text.splitlines()[0]}]",
                errno=wording.errno,
                sqlstate=wording.sqlstate,
            )
    return None
