"""CLONE, SWAP and DROP of tables, schemas and databases.

Snowflake clones without copying. Here a clone is a physical copy, with constraints and defaults.
"""

import sqlglot
from duckdb import DuckDBPyConnection
from sqlglot import exp

from polygon_assets.sandbox.snowflake.names import ObjectName, SchemaName, quoted
from polygon_assets.sandbox.snowflake.storage import remove_database_files

_NOT_USER_SCHEMAS = "('main', '_fs_information_schema', 'information_schema', 'pg_catalog')"


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


def copy_schema(duck: DuckDBPyConnection, source: SchemaName, target: SchemaName) -> None:
    """Copy every table and view of a schema into another one, which is created if needed."""
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
        duck.execute(definition.sql("duckdb"))


def schemas_of(duck: DuckDBPyConnection, database: str) -> list[SchemaName]:
    """The schemas that users created in a database."""
    found = duck.execute(
        f"SELECT schema_name FROM duckdb_schemas() WHERE database_name = ?"
        f" AND schema_name NOT IN {_NOT_USER_SCHEMAS}",
        [database],
    ).fetchall()
    return [SchemaName(database, name) for (name,) in found]


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


def database_exists(duck: DuckDBPyConnection, database: str) -> bool:
    """Whether a database of this name is attached."""
    return _database_path(duck, database) is not None


def drop_database(duck: DuckDBPyConnection, database: str) -> None:
    """Detach a database and delete its files; nothing where it does not exist."""
    path = _database_path(duck, database)
    if path is None:
        return
    duck.execute(f"DETACH {quoted(database)}")
    remove_database_files(path)


def _database_path(duck: DuckDBPyConnection, database: str) -> str | None:
    found = duck.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = ?", [database]
    ).fetchone()
    return None if found is None else str(found[0])


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
