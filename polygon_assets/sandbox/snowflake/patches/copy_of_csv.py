"""COPY of CSV guessed the columns' types from the file's first rows, and had no ON_ERROR.

A ticker "TRUE" became a boolean, and a fraction below the guessed rows failed the load. What is
CSV now goes to this server's own COPY; JSON and Parquet stay with fakesnow.
"""

from typing import Any

from duckdb import DuckDBPyConnection
from fakesnow import copy_into, cursor
from sqlglot import exp

from polygon_assets.sandbox.snowflake.copy_csv import copy_csv
from polygon_assets.sandbox.snowflake.copying import csv_copy

_original = copy_into.copy_into


def _copy_into(
    duck: DuckDBPyConnection,
    current_database: str | None,
    current_schema: str | None,
    statement: exp.Copy,
    table_stages: Any,
    params: Any = None,
) -> str:
    copy = csv_copy(duck, current_database, current_schema, statement, table_stages)
    if copy is not None:
        return copy_csv(duck, copy)
    return _original(duck, current_database, current_schema, statement, table_stages, params)


def apply() -> None:
    """Put this server's COPY of CSV in front of fakesnow's."""
    cursor.copy_into = _copy_into  # pyright: ignore[reportPrivateImportUsage]
