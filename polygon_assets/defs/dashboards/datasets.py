"""The datasets of the bundle against the tables that they read."""

from collections.abc import Mapping

import sqlglot
from sqlglot import MappingSchema, exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from polygon_assets.defs.dashboards.bundle import Object
from polygon_assets.defs.dashboards.lineage import HELPERS, LAYERS, tables

_HELPER_COLUMNS = {"live_sessions": {"session_date"}}
"""A view that is no asset -> its columns."""


def missing_columns(dataset: Object, dialect: str, known: Mapping[str, set[str]]) -> list[str]:
    """What a dataset asks of its tables and they do not have, in words.

    Args:
        dataset: Not rendered.
        dialect: clickhouse or snowflake.
        known: Asset key as ``a/b/c`` -> the columns of the table.
    """
    unknown = [key for key in map("/".join, tables(dataset)) if key not in known]
    if unknown:
        return [f"there is no table {key}" for key in unknown]
    columns = {one.get("expression") or one["column_name"] for one in dataset["columns"]}
    if not dataset.get("sql"):
        [key] = map("/".join, tables(dataset))
        return [f"{key} has no column {name}" for name in sorted(columns - known[key])]
    try:
        selected = selected_columns(dataset, dialect, known)
    except SqlglotError as error:
        return [str(error).splitlines()[0]]
    return [f"its SQL selects no column {name}" for name in sorted(columns - selected)]


def selected_columns(dataset: Object, dialect: str, known: Mapping[str, set[str]]) -> set[str]:
    """The columns that a dataset's SQL returns.

    Raises:
        SqlglotError: The SQL names a column that no table of it has, or cannot be
            read.
    """
    schema = MappingSchema(dialect=dialect)
    for name, layer in LAYERS.items():
        for key, columns in known.items():
            path = tuple(key.split("/"))
            if path[:2] == layer:
                _add(schema, name, path[2], columns, dialect)
    for helper in HELPERS:
        _add(schema, "CLICKHOUSE_ROLLUPS", helper[2], _HELPER_COLUMNS[helper[2]], dialect)
    query = parsed(dataset, dialect)
    qualified = qualify(query, dialect=dialect, schema=schema, identify=False)
    assert isinstance(qualified, exp.Query)
    return {name.lower() for name in qualified.named_selects}


def parsed(dataset: Object, dialect: str) -> exp.Query:
    """A dataset's SQL with the layers as schemas.

    Raises:
        SqlglotError: The SQL cannot be read.
    """
    sql: str = dataset["sql"]
    for name in (*LAYERS, "DASHBOARDS_SLUG"):
        sql = sql.replace(f'{{{{ env["{name}"] }}}}', name)
    query = sqlglot.parse_one(sql, dialect=dialect)
    assert isinstance(query, exp.Query)
    return query


def _add(schema: MappingSchema, layer: str, table: str, columns: set[str], dialect: str) -> None:
    name = exp.table_(table, db=layer)
    schema.add_table(name, dict.fromkeys(sorted(columns), "VARCHAR"), dialect=dialect)
