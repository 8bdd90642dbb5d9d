"""DESCRIBE TABLE of a temporary table found no columns (dbt asks it for every incremental model).

fakesnow looks the columns up in the current database, and DuckDB keeps temporary tables in one of
their own.
"""

import sqlglot
from fakesnow import transforms
from fakesnow.transforms.transforms import SQL_DESCRIBE_TABLE
from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.temporary import is_temporary_reference

_original = transforms.describe_table
_CURRENT_DATABASE = "FROM _fs_information_schema."
_ALL_DATABASES = "FROM _fs_global._fs_information_schema."


def _describe_table(
    expression: Expr, current_database: str | None = None, current_schema: str | None = None
) -> Expr:
    table = expression.find(exp.Table) if isinstance(expression, exp.Describe) else None
    if table is None or not is_temporary_reference(table):
        return _original(expression, current_database, current_schema)
    sql = SQL_DESCRIBE_TABLE.substitute(catalog="temp", schema="main", table=table.name)
    return sqlglot.parse_one(sql.replace(_CURRENT_DATABASE, _ALL_DATABASES), read="duckdb")


def apply() -> None:
    """Look where the temporary tables are."""
    transforms.describe_table = _describe_table
