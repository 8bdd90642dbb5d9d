"""Databases as a whole: when each was made, SHOW, CLONE and DROP.

Snowflake clones without copying. Here a clone is a physical copy, made aside and then put in place,
so that a server that is killed meanwhile leaves no half of one.
"""

from datetime import UTC, datetime
from pathlib import Path

import sqlglot
from duckdb import DuckDBPyConnection
from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.clones import copy_schema
from polygon_assets.sandbox.snowflake.names import Namespace, SchemaName, object_name, quoted
from polygon_assets.sandbox.snowflake.storage import (
    CLONE_SUFFIX,
    DATABASE_SUFFIX,
    literal,
    remove_database_files,
)

_NOTES = "_fs_global._fs_information_schema"
_MADE = f"{_NOTES}.databases_made"
_QUALIFIED_VIEWS = f"{_NOTES}.qualified_views"
_CREATE_NOTES = f"""
CREATE TABLE IF NOT EXISTS {_MADE} (name VARCHAR PRIMARY KEY, created_on TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS {_QUALIFIED_VIEWS} (
    database_name VARCHAR, schema_name VARCHAR, name VARCHAR,
    PRIMARY KEY (database_name, schema_name, name)
)
"""

_KEPT_BY_DATABASE = {
    f"{_NOTES}._fs_columns_ext": "ext_table_catalog",
    f"{_NOTES}._fs_tables_ext": "ext_table_catalog",
    f"{_NOTES}._fs_file_formats": "database_name",
}
"""What fakesnow keeps of every database in one place -> the column with its name."""

_STAGES = f"{_NOTES}._fs_stages"
"""Not cloned: neither are internal stages on Snowflake, unless it is asked to."""

_BY_USERS = "NOT d.internal AND d.path IS NOT NULL AND NOT starts_with(d.database_name, '_fs_')"
_NOT_USER_SCHEMAS = "('main', '_fs_information_schema', 'information_schema', 'pg_catalog')"


def prepare_notes(duck: DuckDBPyConnection, data: Path) -> None:
    """Make the tables of this module, and note the databases that are older than they."""
    duck.execute(_CREATE_NOTES)
    for file in data.glob(f"*{DATABASE_SUFFIX}"):
        note_database(duck, file.stem, datetime.fromtimestamp(file.stat().st_mtime, UTC))


def note_database(duck: DuckDBPyConnection, name: str, made: datetime | None = None) -> None:
    """Remember when a database was made, by default now; a second time changes nothing."""
    # All rows, though there is one: a result that is not at its end blocks BEGIN.
    if not duck.execute(f"SELECT 1 FROM {_MADE} WHERE name = ?", [name]).fetchall():
        moment = made or datetime.now(UTC)
        duck.execute(f"INSERT INTO {_MADE} VALUES (?, ?) ON CONFLICT DO NOTHING", [name, moment])


def is_view(statement: Expr) -> bool:
    """Whether a statement makes a view that outlives the session."""
    if not isinstance(statement, exp.Create) or statement.args.get("kind") != "VIEW":
        return False
    return statement.find(exp.TemporaryProperty) is None


def note_view(duck: DuckDBPyConnection, view: Expr, session: Namespace) -> None:
    """Remember of a view that was made whether it names the databases of what it reads.

    DuckDB forgets the name of the view's own database, and a clone of the view depends on it.

    Args:
        view: The statement that made it, as it was written.
        session: Completes its names.
    """
    assert isinstance(view, exp.Create)
    target = view.this.this if isinstance(view.this, exp.Schema) else view.this
    name = object_name(target, session)
    duck.execute(
        f"DELETE FROM {_QUALIFIED_VIEWS} WHERE (database_name, schema_name, name) = (?, ?, ?)", name
    )
    if _names_databases(view):
        duck.execute(f"INSERT INTO {_QUALIFIED_VIEWS} VALUES (?, ?, ?)", name)


def shown(show: exp.Show) -> Expr:
    """The rows of SHOW DATABASES.

    Raises:
        NotImplementedError: Dropped databases, or those with a privilege, are asked for.
    """
    for option in ("terse", "history", "privileges"):
        if show.args.get(option):
            message = f"SHOW DATABASES with {option.upper()}"
            raise NotImplementedError(message)
    query = f"""
        SELECT made.created_on AS "created_on", d.database_name AS "name", 'N' AS "is_default",
            'N' AS "is_current", '' AS "origin", 'SYSADMIN' AS "owner", '' AS "comment",
            '' AS "options", '1' AS "retention_time", 'STANDARD' AS "kind", NULL AS "budget",
            'ROLE' AS "owner_role_type", NULL AS "object_visibility"
        FROM duckdb_databases() AS d LEFT JOIN {_MADE} AS made ON made.name = d.database_name
        WHERE {_BY_USERS}
        ORDER BY d.database_name
    """
    found = sqlglot.parse_one(query, read="duckdb")
    assert isinstance(found, exp.Select)
    if isinstance(like := show.args.get("like"), exp.Literal):
        found = found.where(exp.ILike(this=exp.column("database_name", "d"), expression=like))
    if isinstance(start := show.args.get("starts_with"), exp.Literal):
        found = found.where(exp.StartsWith(this=exp.column("database_name", "d"), expression=start))
    if isinstance(limit := show.args.get("limit"), exp.Limit):
        found = found.limit(limit.expression)
    return found


def database_names(duck: DuckDBPyConnection) -> list[str]:
    """The databases that users created."""
    found = duck.execute(
        f"SELECT d.database_name FROM duckdb_databases() AS d WHERE {_BY_USERS} ORDER BY ALL"
    ).fetchall()
    return [name for (name,) in found]


def schemas_of(duck: DuckDBPyConnection, database: str) -> list[SchemaName]:
    """The schemas that users created in a database."""
    found = duck.execute(
        f"SELECT schema_name FROM duckdb_schemas() WHERE database_name = ?"
        f" AND schema_name NOT IN {_NOT_USER_SCHEMAS}",
        [database],
    ).fetchall()
    return [SchemaName(database, name) for (name,) in found]


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
    kept = {**_KEPT_BY_DATABASE, _STAGES: "database_name", _QUALIFIED_VIEWS: "database_name"}
    for table, column in {**kept, _MADE: "name"}.items():
        duck.execute(f"DELETE FROM {table} WHERE {column} = ?", [database])


def copy_aside(duck: DuckDBPyConnection, data: Path, source: str, target: str) -> Path:
    """Copy a database into a file that no database has yet.

    Args:
        duck: The session's connection.
        data: Where database files are.
        source: The database to copy.
        target: The database that the file is to become.

    Returns:
        The file, whole and on disk.
    """
    file = data / f"{target}{CLONE_SUFFIX}"
    aside = f"_fs_clone_{target}"
    remove_database_files(str(file))
    duck.execute(f"ATTACH {literal(file)} AS {quoted(aside)}")
    try:
        with duck.cursor() as copier:
            # Views call functions that fakesnow defines in each database.
            copier.execute(f"USE {quoted(source, 'main')}")
            for schema in schemas_of(duck, source):
                views = _qualified_views(duck, schema)
                copy_schema(copier, schema, schema._replace(database=aside), qualified_views=views)
            copier.execute(f"CHECKPOINT {quoted(aside)}")
    finally:
        duck.execute(f"DETACH {quoted(aside)}")
    return file


def copy_notes(duck: DuckDBPyConnection, source: str, target: str) -> None:
    """Give a clone what is kept of its source outside of the source's file."""
    kept = {**_KEPT_BY_DATABASE, _QUALIFIED_VIEWS: "database_name"}
    for table, column in kept.items():
        duck.execute(
            f"INSERT OR REPLACE INTO {table} SELECT * REPLACE (? AS {column}) FROM {table}"
            f" WHERE {column} = ?",
            [target, source],
        )


def _qualified_views(duck: DuckDBPyConnection, schema: SchemaName) -> set[str]:
    found = duck.execute(
        f"SELECT name FROM {_QUALIFIED_VIEWS} WHERE (database_name, schema_name) = (?, ?)", schema
    )
    return {name for (name,) in found.fetchall()}


def _names_databases(view: exp.Create) -> bool:
    """Whether every table that a view reads is named with its database."""
    query: Expr = view.expression
    within = {one.alias_or_name for one in query.find_all(exp.CTE)}
    read = [one for one in query.find_all(exp.Table) if one.name and one.name not in within]
    return bool(read) and all(one.catalog for one in read)


def _database_path(duck: DuckDBPyConnection, database: str) -> str | None:
    found = duck.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = ?", [database]
    ).fetchall()
    return str(found[0][0]) if found else None
