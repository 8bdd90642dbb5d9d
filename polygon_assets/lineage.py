"""Which columns of which tables each column of a query is made from: its SQL, analysed once.

What can be known without a database: the names of the columns come from the caller. It is asked
when an asset is materialized: to analyse every query would make the definitions load slower.
"""

from sqlglot import MappingSchema, exp
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

Source = tuple[str, str]
"""``schema.table`` and a column of it, in lower case."""


def sources_by_column(
    query: exp.Query, schema: MappingSchema, dialect: str
) -> dict[str, list[Source]]:
    """Column of the query's result -> what it is made from, both in order.

    Args:
        query: Its tables have a schema and no database.
        schema: The columns of the tables; one that is missing is still told where the SQL names it.
        dialect: Of the query.

    Raises:
        sqlglot.errors.SqlglotError: The query cannot be analysed.
    """
    query = qualify(
        query,
        dialect=dialect,
        schema=schema,
        validate_qualify_columns=False,
        identify=False,
    )
    scope = build_scope(query)
    assert scope is not None
    assert isinstance(scope.expression, exp.Query)
    found: dict[str, list[Source]] = {}
    for name in scope.expression.named_selects:
        root = lineage(
            name, query, schema=schema, dialect=dialect, scope=scope, trim_selects=False, copy=False
        )
        found[name] = sorted(set(_leaves(root)))
    return found


def _leaves(root: Node) -> list[Source]:
    """Every end of the lineage that is a column of a table."""
    ends = [node for node in root.walk() if not node.downstream and "." in node.name]
    return [
        (
            f"{node.expression.db}.{node.expression.name}".lower(),
            node.name.rpartition(".")[2].strip('"').lower(),
        )
        for node in ends
        if isinstance(node.expression, exp.Table)
    ]
