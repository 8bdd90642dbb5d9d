"""CREATE TABLE with column definitions AS SELECT * asked DuckDB for the columns in no dialect.

dbt writes such a query for a clustered table with a contract. fakesnow lists the columns of the
star with the query's text in sqlglot's own dialect, which DuckDB does not always understand.
"""

from duckdb import DuckDBPyConnection
from fakesnow import transforms
from fakesnow.transforms.transforms import create_table_as
from sqlglot import Expr, exp

_original = create_table_as


def _create_table_as(expression: Expr, duck_conn: DuckDBPyConnection) -> Expr:
    is_described = isinstance(expression, exp.Create) and isinstance(expression.this, exp.Schema)
    query = expression.expression.unnest() if is_described and expression.expression else None
    if isinstance(query, exp.Select) and query.is_star:
        described = duck_conn.execute(f"DESCRIBE {query.sql(dialect='duckdb')}").fetchall()
        query.set("expressions", [exp.column(name, quoted=True) for name, *_ in described])
    return _original(expression, duck_conn)


def apply() -> None:
    """List the columns in DuckDB's dialect, so that no star is left for fakesnow."""
    transforms.create_table_as = _create_table_as
