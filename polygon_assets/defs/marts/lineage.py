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

from polygon_assets.lineage import sources_by_column

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
    assert isinstance(query, exp.Query)
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for name, sources in sources_by_column(query, schema, DIALECT).items():
        found = {
            (tuple(translator.get_asset_key(parents[relation]).path), column)
            for relation, column in sources
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
    return f"{table.db}.{table.name}".lower()
