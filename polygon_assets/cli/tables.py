"""Row count and checksum of every table: the same data gives the same numbers."""

from dataclasses import dataclass

from polygon_assets.env import Names
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.platform import platform
from polygon_assets.resources.snowflake import SCHEMAS, Warehouse

VOLATILE = ("_AIRBYTE_", "KAFKA_", "RECEIVED_AT", "LOADED_AT", "UPDATED_AT", "CHANGED_AT")
"""Columns that tell when or how a row arrived, not what it says."""

HIDDEN_TABLES = ("sink_batches", "schema_migrations", "gaps")
"""Tables about the stream's own course."""


@dataclass(frozen=True)
class TableFacts:
    """One table.

    Attributes:
        system: ``snowflake`` or ``clickhouse``.
        name: ``schema.table``, lower case.
        rows: Rows; replaced versions are not counted.
        checksum: Sixteen hexadecimal digits, independent of the order of the rows.
    """

    system: str
    name: str
    rows: int
    checksum: str


def table_facts(names: Names) -> list[TableFacts]:
    """Every table of a deployment, by system and name."""
    systems = platform(names)
    return [*_snowflake_tables(systems.snowflake), *_clickhouse_tables(systems.clickhouse)]


def _snowflake_tables(house: Warehouse) -> list[TableFacts]:
    columns: dict[tuple[str, str], list[str]] = {}
    listed = house.query(
        "SELECT c.table_schema, c.table_name, c.column_name "
        f"FROM {house.database}.INFORMATION_SCHEMA.COLUMNS AS c "
        f"JOIN {house.database}.INFORMATION_SCHEMA.TABLES AS t "
        "ON c.table_schema = t.table_schema AND c.table_name = t.table_name "
        "WHERE t.table_type = 'BASE TABLE' "
        "ORDER BY c.table_schema, c.table_name, c.ordinal_position"
    )
    for schema, table, column in listed:
        if schema in SCHEMAS and _is_stable(column):
            columns.setdefault((schema, table), []).append(column)
    found: list[TableFacts] = []
    with house.cursor() as cursor:  # one session for all
        for (schema, table), chosen in columns.items():
            quoted = ", ".join(f'"{column}"' for column in chosen)
            full = f'{house.database}."{schema}"."{table}"'
            cursor.execute(f"SELECT COUNT(*), HASH_AGG({quoted}) FROM {full}")
            [(rows, total)] = cursor.fetchall()
            name = f"{schema}.{table}".lower()
            found.append(TableFacts("snowflake", name, int(rows), _hexadecimal(int(total))))
    return found


def _clickhouse_tables(store: ClickHouse) -> list[TableFacts]:
    listed = store.query(
        "SELECT c.database, c.table, groupArray(c.name), any(t.engine) "
        "FROM system.columns AS c "
        "JOIN system.tables AS t ON c.database = t.database AND c.table = t.name "
        "WHERE c.database IN ({ticks_name:String}, {rollups_name:String}) "
        "AND c.default_kind != 'EPHEMERAL' AND t.engine LIKE '%MergeTree' "
        "GROUP BY c.database, c.table ORDER BY c.database DESC, c.table",
        {"ticks_name": store.ticks, "rollups_name": store.rollups},
    )
    found: list[TableFacts] = []
    for database, table, columns, engine in listed:
        if table in HIDDEN_TABLES:
            continue
        chosen = ", ".join(sorted(column for column in columns if _is_stable(column)))
        final = "FINAL" if "Replacing" in engine else ""
        rows, total = store.query(
            f"SELECT count(), sum(cityHash64({chosen})) FROM {database}.{table} {final}"
        )[0]
        name = f"{database}.{table}"
        found.append(TableFacts("clickhouse", name, int(rows), _hexadecimal(int(total or 0))))
    return found


def _hexadecimal(checksum: int) -> str:
    return f"{checksum % 2**64:016x}"


def _is_stable(column: str) -> bool:
    return not column.upper().startswith(VOLATILE)
