"""Which columns each column of a dbt model is made from.

dagster-dbt can tell it, too, with a query for every table that a model reads and the whole analysis
again for every column. Here the names of the columns come from dbt's manifest, where contracts keep
them true, and the SQL is analysed once.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator
from sqlglot import MappingSchema, exp, parse_one
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

DIALECT = "snowflake"

Manifest = Mapping[str, Any]


def column_lineage(
    manifest: Manifest, unique_id: str, sql: str, translator: DagsterDbtTranslator
) -> dg.TableColumnLineage:
    """The columns above each column of a model.

    Args:
        manifest: dbt's manifest.
        unique_id: The model.
        sql: Its compiled query.
        translator: Tells the asset keys of the models and sources above.

    Raises:
        sqlglot.errors.SqlglotError: The query cannot be analysed.
    """
    node = manifest["nodes"][unique_id]
    parents = {
        _relation(parent): parent
        for parent in (_resource(manifest, one) for one in node["depends_on"]["nodes"])
    }
    schema = MappingSchema(dialect=DIALECT)
    # An incremental model can read its own table.
    for relation, parent in {**parents, _relation(node): node}.items():
        if columns := parent["columns"]:
            table = exp.to_table(relation, dialect=DIALECT)
            schema.add_table(table, dict.fromkeys(columns, "varchar"), dialect=DIALECT)
    query = parse_one(sql, dialect=DIALECT)
    for table in query.find_all(exp.Table):
        table.set("catalog", None)  # the manifest can be of another deployment's database
    query = qualify(
        query,
        dialect=DIALECT,
        schema=schema,
        validate_qualify_columns=False,
        identify=False,
    )
    scope = build_scope(query)
    assert scope is not None
    assert isinstance(scope.expression, exp.Query)
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for name in scope.expression.named_selects:
        root = lineage(
            name, query, schema=schema, dialect=DIALECT, scope=scope, trim_selects=False, copy=False
        )
        found = {
            (tuple(translator.get_asset_key(parents[relation]).path), column)
            for relation, column in _leaves(root)
            if relation in parents
        }
        deps[name.lower()] = [
            dg.TableColumnDep(dg.AssetKey(list(path)), column) for path, column in sorted(found)
        ]
    return dg.TableColumnLineage(deps)


def _resource(manifest: Manifest, unique_id: str) -> dict[str, Any]:
    return manifest["sources" if unique_id.startswith("source.") else "nodes"][unique_id]


def _relation(resource: Mapping[str, Any]) -> str:
    """Schema and table; the deployment's database is the same for all."""
    table = exp.to_table(str(resource["relation_name"]), dialect=DIALECT)
    return f"{table.db}.{table.name}".upper()


def _leaves(root: Node) -> list[tuple[str, str]]:
    """Relation and column of every end of the lineage that is a column of a table."""
    ends = [node for node in root.walk() if not node.downstream and "." in node.name]
    return [
        (
            f"{node.expression.db}.{node.expression.name}".upper(),
            node.name.rpartition(".")[2].strip('"').lower(),
        )
        for node in ends
        if isinstance(node.expression, exp.Table)
    ]
