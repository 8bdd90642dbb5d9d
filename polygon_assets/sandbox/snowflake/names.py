"""Qualified names of tables, views and schemas, with Snowflake's rule for upper case."""

from typing import NamedTuple, Protocol

from sqlglot import exp


class Namespace(Protocol):
    """Where an unqualified name is looked up."""

    @property
    def current_database(self) -> str: ...

    @property
    def current_schema(self) -> str: ...


class ObjectName(NamedTuple):
    """A table or view: database, schema and name as stored."""

    database: str
    schema: str
    name: str

    def sql(self) -> str:
        """The name for a DuckDB statement."""
        return quoted(self.database, self.schema, self.name)


class SchemaName(NamedTuple):
    """A schema: database and name as stored."""

    database: str
    schema: str

    def sql(self) -> str:
        """The name for a DuckDB statement."""
        return quoted(self.database, self.schema)


def quoted(*parts: str) -> str:
    """The parts as quoted identifiers joined by dots."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def stored(identifier: object) -> str | None:
    """An identifier as Snowflake stores it: upper case unless it was quoted."""
    if not isinstance(identifier, exp.Identifier):
        return None
    return identifier.name if identifier.quoted else identifier.name.upper()


def object_name(table: exp.Table, where: Namespace) -> ObjectName:
    """The full name of a table or view.

    Args:
        table: The reference in a parsed statement.
        where: Completes what the reference leaves out.
    """
    return ObjectName(
        stored(table.args.get("catalog")) or where.current_database,
        stored(table.args.get("db")) or where.current_schema,
        stored(table.this) or "",
    )


def schema_name(table: exp.Table, where: Namespace) -> SchemaName:
    """The full name of a schema, which the parser keeps in two shapes of table reference."""
    parts = [stored(table.args.get(key)) for key in ("catalog", "db", "this")]
    given = [part for part in parts if part]
    if len(given) == 1:
        return SchemaName(where.current_database, given[0])
    return SchemaName(given[0], given[1])
