"""Which fields of a message each column of a tick table is made from, as ClickHouse has it.

The sink passes the vendor's fields on; a column's DEFAULT makes it from them. Where the sink forms
the row itself, a column has the name of the field.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import dagster as dg
from sqlglot import exp, parse_one

from polygon_assets.columns import columns
from polygon_assets.defs.ticks.assets import stream_specs
from polygon_assets.defs.ticks.tables import table_specs
from polygon_assets.resources.clickhouse import ClickHouse

_FORMED = {"source_topic": "topic", "source_partition": "partition", "source_offset": "offset"}
"""Column of the dead letters -> header, where the names differ."""

_TOPIC = {
    tuple(spec.key.path): dep.asset_key
    for spec in (*stream_specs, *table_specs)
    for dep in spec.deps
}
"""Tick table -> the topic that fills it."""


class _Column(NamedTuple):
    name: str
    kind: str
    default: str


def tables_lineage(clickhouse: ClickHouse) -> dict[tuple[str, ...], dg.TableColumnLineage]:
    """Key of each tick table -> the fields above its columns.

    Raises:
        sqlglot.errors.SqlglotError: A default cannot be analysed.
    """
    rows = clickhouse.query(
        "SELECT table, name, default_kind, default_expression FROM system.columns "
        "WHERE database = {database:String} ORDER BY table, position",
        {"database": clickhouse.ticks},
    )
    tables: dict[str, dict[str, _Column]] = {}
    for table, *column in rows:
        tables.setdefault(str(table), {})[str(column[0])] = _Column(*map(str, column))
    return {
        key: _lineage(tables[key[-1]], topic) for key, topic in _TOPIC.items() if key[-1] in tables
    }


def _lineage(table: Mapping[str, _Column], topic: dg.AssetKey) -> dg.TableColumnLineage:
    fields = columns()[topic.to_user_string()].keys()
    return dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(topic, field) for field in sorted(_fields(table, name, fields))
            ]
            for name, column in table.items()
            if column.kind != "EPHEMERAL"
        }
    )


def _fields(table: Mapping[str, _Column], name: str, fields: Collection[str]) -> set[str]:
    """The fields of the message above one column, through the defaults of other columns."""
    column = table[name]
    if column.kind == "DEFAULT":
        above = _columns(column.default, table)
        return set[str]().union(*(_fields(table, one, fields) for one in above))
    field = _FORMED.get(name, name)
    return {field} if field in fields else set()


def _columns(default: str, table: Mapping[str, _Column]) -> set[str]:
    """The columns of a table that a default names."""
    if default in table:  # ClickHouse does not quote a keyword that stands alone
        return {default}
    used = parse_one(default, dialect="clickhouse").find_all(exp.Column)
    # The parameter of a lambda is no column.
    return {one.name for one in used if one.name in table}
