"""Which columns each column of a rollup or a live view is made from, read from its own SQL."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import dagster as dg
from sqlglot import MappingSchema, exp, parse, parse_one

from polygon_assets.columns import columns
from polygon_assets.defs.rollups.live import SCHEMA
from polygon_assets.defs.rollups.rollup import Rollup
from polygon_assets.lineage import sources_by_column

DIALECT = "clickhouse"
LAYER = "clickhouse"


@lru_cache
def rollup_lineage(rollup: Rollup) -> dg.TableColumnLineage:
    """The columns of the finer bars above each column of a rollup.

    Raises:
        sqlglot.errors.SqlglotError: The query cannot be analysed.
    """
    query = parse_one(_plain(rollup.select), dialect=DIALECT)
    return _lineage(rollup.name, query)


@lru_cache
def view_lineage(name: str) -> dg.TableColumnLineage:
    """The columns above each column of a live view; views that are no asset are looked through.

    Raises:
        sqlglot.errors.SqlglotError: The view cannot be analysed.
    """
    views = _views()
    inner: dict[str, exp.Query | Callable[[], exp.Query]] = {
        f"rollups.{one}": query
        for one, query in views.items()
        if f"{LAYER}/rollups/{one}" not in columns()
    }
    return _lineage(name, exp.expand(views[name], inner, dialect=DIALECT))


def _lineage(name: str, query: exp.Expr) -> dg.TableColumnLineage:
    query = _without_scalars(query)
    assert isinstance(query, exp.Query)
    made = sources_by_column(query, _schema(), DIALECT)
    # A rollup is inserted by position: its SELECT needs no names.
    own = columns()[f"{LAYER}/rollups/{name}"]
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(dg.AssetKey([LAYER, *relation.split(".")]), above)
                for relation, above in sources
                if f"{LAYER}/{relation.replace('.', '/')}" in columns()
            ]
            for column, sources in zip(own, made.values(), strict=True)
        }
    )


def _without_scalars(query: exp.Expr) -> exp.Expr:
    """The query with ClickHouse's ``WITH <value> AS name`` written where the name is used.

    Of a value that is a tuple, as in ``name.2``, the element stands there.
    """
    query = query.copy()
    for with_ in list(query.find_all(exp.With)):
        scalars = [cte for cte in with_.expressions if cte.args.get("scalar")]
        # A later value may use an earlier one.
        for cte in scalars:
            cte.pop()
            for column in list(query.find_all(exp.Column)):
                _write_out(column, cte.alias, cte.this)
            for later in scalars:
                for column in list(later.this.find_all(exp.Column)):
                    _write_out(column, cte.alias, cte.this)
        if not with_.expressions:
            with_.pop()
    return query


def _write_out(column: exp.Column, name: str, value: exp.Expr) -> None:
    if column.table == name and column.name.isdigit():
        value = value.copy()
        tuple_ = value.find(exp.Tuple)
        assert tuple_ is not None
        tuple_.replace(tuple_.expressions[int(column.name) - 1])
    elif column.table or column.name != name:
        return
    column.replace(value.copy())


@lru_cache
def _views() -> dict[str, exp.Query]:
    """View of the migrations -> its query, of the last file that defines it."""
    found: dict[str, exp.Query] = {}
    for file in sorted(SCHEMA.glob("*.sql")):
        for statement in parse(_plain(file.read_text()), dialect=DIALECT):
            if isinstance(statement, exp.Create) and statement.kind == "VIEW":
                table = statement.find(exp.Table)
                assert table is not None
                assert isinstance(statement.expression, exp.Query)
                found[table.name] = statement.expression
    return found


@lru_cache
def _schema() -> MappingSchema:
    schema: Any = MappingSchema(dialect=DIALECT)
    for key, known in columns().items():
        layer, *relation = key.split("/")
        if layer == LAYER:
            table = exp.to_table(".".join(relation), dialect=DIALECT)
            schema.add_table(table, dict.fromkeys(known, "String"), dialect=DIALECT)
    return schema


def _plain(sql: str) -> str:
    """With the names of production, which are those of the asset keys."""
    return sql.replace("{ticks}", "ticks").replace("{rollups}", "rollups")
