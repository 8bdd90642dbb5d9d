"""Temporary tables and views with a qualified name.

Snowflake creates them in any schema, and dbt does so for every incremental model, snapshot and
unit test. DuckDB keeps temporary objects in one place per session and refuses a qualified name. So
they get a name there that no query can hit by accident, and the session's own references to them
are pointed at it. They are seen by no other session and end with theirs, as Snowflake's do.
"""

from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.names import Namespace, ObjectName, object_name, stored

_DUCKDB_DATABASE = "temp"
_DUCKDB_SCHEMA = "main"


class TemporaryNames:
    """The temporary objects of one session: name in Snowflake, name in DuckDB."""

    def __init__(self) -> None:
        self._names: dict[ObjectName, str] = {}

    def redirect(self, statement: Expr, where: Namespace) -> None:
        """Point a statement's references at the session's temporary objects, in place.

        Args:
            statement: A parsed statement. One that creates a temporary object registers it.
            where: Completes unqualified names.
        """
        created = _created_temporary(statement)
        if created is not None:
            self._register(created, where)
        if not self._names:
            return
        for table in list(statement.find_all(exp.Table)):
            if not isinstance(table.this, exp.Identifier):
                continue
            name = object_name(table, where)
            if name in self._names and not _is_query_name(table):
                self._point(table, self._names[name], statement)
                if isinstance(statement, exp.Drop):
                    del self._names[name]

    def _register(self, table: exp.Table, where: Namespace) -> None:
        name = object_name(table, where)
        qualified = table.args.get("db") is not None
        self._names[name] = ".".join(name) if qualified else name.name

    @staticmethod
    def _point(table: exp.Table, duckdb_name: str, statement: Expr) -> None:
        if not table.alias and isinstance(table.parent, exp.From | exp.Join):
            # Columns may be qualified by the name that is about to change.
            table.set("alias", exp.TableAlias(this=table.this.copy()))
        table.set("this", exp.to_identifier(duckdb_name, quoted=True))
        in_place = isinstance(statement, exp.Describe)
        table.set("db", exp.to_identifier(_DUCKDB_SCHEMA) if in_place else None)
        table.set("catalog", exp.to_identifier(_DUCKDB_DATABASE) if in_place else None)


def is_temporary_reference(table: exp.Table) -> bool:
    """Whether a reference was pointed at a temporary object by its full DuckDB name."""
    return table.catalog.lower() == _DUCKDB_DATABASE


def _created_temporary(statement: Expr) -> exp.Table | None:
    if not isinstance(statement, exp.Create) or statement.kind not in ("TABLE", "VIEW"):
        return None
    properties = statement.args.get("properties")
    if not isinstance(properties, exp.Properties) or not any(
        isinstance(each, exp.TemporaryProperty) for each in properties.expressions
    ):
        return None
    target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    return target if isinstance(target, exp.Table) else None


def _is_query_name(table: exp.Table) -> bool:
    """Whether an unqualified reference means a common table expression of its statement."""
    if table.args.get("db") is not None:
        return False
    name = stored(table.this)
    return any(stored(cte.args["alias"].this) == name for cte in table.root().find_all(exp.CTE))
