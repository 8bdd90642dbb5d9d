"""CLONE and SWAP of tables and schemas.

Snowflake clones without copying. Here a clone is a physical copy, with constraints, defaults and
comments.
"""

from collections.abc import Collection

import sqlglot
from duckdb import DuckDBPyConnection
from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.names import ObjectName, SchemaName, quoted
from polygon_assets.sandbox.snowflake.storage import literal


def copy_table(
    duck: DuckDBPyConnection,
    source: ObjectName,
    target: ObjectName,
    *,
    replace: bool,
    with_rows: bool = True,
) -> None:
    """Create a table like another one, with its rows unless asked otherwise.

    Raises:
        duckdb.CatalogException: There is no such source, or the target exists and is not replaced.
    """
    found = duck.execute(
        "SELECT sql FROM duckdb_tables() WHERE database_name = ? AND schema_name = ?"
        " AND table_name = ?",
        source,
    ).fetchone()
    if found is None:
        # A view, or nothing at all: then DuckDB's error names what is missing.
        create = f"CREATE {'OR REPLACE ' if replace else ''}TABLE {target.sql()} AS "
        duck.execute(f"{create} FROM {source.sql()} {'' if with_rows else 'LIMIT 0'}")
        return
    definition = _renamed(found[0], target)
    definition.set("replace", replace)
    duck.execute(definition.sql("duckdb"))
    if with_rows:
        duck.execute(f"INSERT INTO {target.sql()} FROM {source.sql()}")
    _copy_comments(duck, source, target)


def copy_schema(
    duck: DuckDBPyConnection,
    source: SchemaName,
    target: SchemaName,
    *,
    qualified_views: Collection[str] = (),
) -> None:
    """Copy every table and view of a schema into another one, which is created if needed.

    Args:
        duck: The session's connection.
        source: The schema to copy.
        target: Where to.
        qualified_views: Views whose text names the database of what they read. A clone has the same
            text: these still read the source, and the others read the clone.
    """
    duck.execute(f"CREATE SCHEMA IF NOT EXISTS {target.sql()}")
    tables = duck.execute(
        "SELECT table_name FROM duckdb_tables()"
        " WHERE database_name = ? AND schema_name = ? AND NOT internal",
        source,
    ).fetchall()
    for (table,) in tables:
        copy_table(duck, ObjectName(*source, table), ObjectName(*target, table), replace=True)
    views = duck.execute(
        "SELECT view_name, sql FROM duckdb_views()"
        " WHERE database_name = ? AND schema_name = ? AND NOT internal",
        source,
    ).fetchall()
    for view, sql in views:
        definition = _renamed(sql, ObjectName(*target, view))
        definition.set("replace", True)
        _read_from(definition, source.database if view in qualified_views else target.database)
        duck.execute(definition.sql("duckdb"))


def swap_tables(duck: DuckDBPyConnection, first: ObjectName, second: ObjectName) -> None:
    """Exchange the names of two tables of one schema."""
    aside = f"_swap_{first.name}"
    duck.execute("BEGIN")
    try:
        duck.execute(f"ALTER TABLE {first.sql()} RENAME TO {quoted(aside)}")
        duck.execute(f"ALTER TABLE {second.sql()} RENAME TO {quoted(first.name)}")
        moved = first._replace(name=aside)
        duck.execute(f"ALTER TABLE {moved.sql()} RENAME TO {quoted(second.name)}")
    except BaseException:
        duck.execute("ROLLBACK")
        raise
    duck.execute("COMMIT")


def _copy_comments(duck: DuckDBPyConnection, source: ObjectName, target: ObjectName) -> None:
    found = duck.execute(
        "SELECT 'TABLE', NULL, comment FROM duckdb_tables() WHERE comment IS NOT NULL"
        " AND (database_name, schema_name, table_name) = ($1, $2, $3)"
        " UNION ALL SELECT 'COLUMN', column_name, comment FROM duckdb_columns()"
        " WHERE comment IS NOT NULL"
        " AND (database_name, schema_name, table_name) = ($1, $2, $3)",
        source,
    ).fetchall()
    for kind, column, comment in found:
        on = target.sql() if column is None else f"{target.sql()}.{quoted(column)}"
        duck.execute(f"COMMENT ON {kind} {on} IS {literal(comment)}")


def _read_from(view: exp.Create, database: str) -> None:
    """Name the database of every table that a view reads in its own, which DuckDB leaves out."""
    query: Expr = view.expression
    within = {one.alias_or_name for one in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        if table.name not in within and table.db and not table.catalog:
            table.set("catalog", exp.to_identifier(database, quoted=True))


def _renamed(definition: str, target: ObjectName) -> exp.Create:
    create = sqlglot.parse_one(definition, read="duckdb")
    if not isinstance(create, exp.Create):
        message = f"cannot copy {definition[:60]!r}"
        raise NotImplementedError(message)
    table = create.this.this if isinstance(create.this, exp.Schema) else create.this
    table.set("catalog", exp.to_identifier(target.database, quoted=True))
    table.set("db", exp.to_identifier(target.schema, quoted=True))
    table.set("this", exp.to_identifier(target.name, quoted=True))
    return create
