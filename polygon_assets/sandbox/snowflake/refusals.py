"""Statements that DuckDB would run and Snowflake would not.

A query must not read the machine's files, and a test that passes here must not fail on the real
warehouse for want of a DuckDB function.
"""

import re

from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.errors import COMPILATION, unsupported

_DUCKDB_FUNCTION = re.compile(
    r"(read|parquet|duckdb|pragma|sniff|which|iceberg|delta|sqlite|postgres|mysql|excel|json_serialize"
    r"|json_execute|query)_\w+|glob|getenv|query|st_read|repeat_row|test_all_types",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(
    r"[/\\*?]|\.(csv|tsv|txt|json|jsonl|ndjson|parquet|gz|zst|db|duckdb|xlsx?|arrow)$",
    re.IGNORECASE,
)
_UNSUPPORTED_STATEMENTS = (exp.Pragma, exp.Attach, exp.Detach, exp.Install, exp.Undrop)
_UNDERSTOOD_COMMANDS = frozenset({"SHOW", "CREATE"})


def refuse_what_is_not_snowflake(statement: Expr) -> None:
    """Raise Snowflake's error for a statement that only DuckDB understands.

    Args:
        statement: A parsed statement, after the statements that this server answers itself.

    Raises:
        ProgrammingError: Names the function, file or statement.
    """
    if isinstance(statement, _UNSUPPORTED_STATEMENTS):
        raise unsupported(statement.key.upper())
    if isinstance(statement, exp.Command):
        _refuse_unknown_command(statement)
    if isinstance(statement, exp.Copy):
        _refuse_external_location(statement)
    for function in statement.find_all(exp.Func):
        _refuse_duckdb_function(function)
    for table in statement.find_all(exp.Table):
        _refuse_file_as_table(table, statement)


def _refuse_unknown_command(command: exp.Command) -> None:
    keyword = str(command.this).upper()
    if keyword not in _UNDERSTOOD_COMMANDS:
        rest = command.expression
        text = rest if isinstance(rest, str) else getattr(rest, "name", "")
        raise unsupported(" ".join([keyword, *str(text).split()[:2]]))


def _refuse_external_location(copy: exp.Copy) -> None:
    for source in copy.args.get("files") or []:
        location = source.this
        if isinstance(location, exp.Literal) and not location.name.startswith("@"):
            raise unsupported(f"COPY from {location.name}")


def _refuse_duckdb_function(function: exp.Func) -> None:
    name = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
    if name.upper() == "INFER_SCHEMA":
        raise unsupported(
            "INFER_SCHEMA: create the table first, and call write_pandas without auto_create_table"
            " and overwrite"
        )
    if _DUCKDB_FUNCTION.fullmatch(name):
        raise ProgrammingError(
            msg=f"{COMPILATION}Unknown function {name.upper()}", errno=2140, sqlstate="42601"
        )


def _refuse_file_as_table(table: exp.Table, statement: Expr) -> None:
    named = table.this
    is_stage = isinstance(named, exp.Literal) and named.name.startswith("@")
    if isinstance(statement, exp.Copy) and is_stage:
        return
    if isinstance(named, exp.Literal) or (
        isinstance(named, exp.Identifier) and _FILE_NAME.search(named.name)
    ):
        raise ProgrammingError(
            msg=f"{COMPILATION}Object '{named.name}' does not exist or not authorized.",
            errno=2003,
            sqlstate="42S02",
        )
