"""What is told of a model when it has been built: its columns, its rows, what Snowflake did for it.

Two queries per table, while dbt goes on with the next ones: the counts, and the model's statements
in Snowflake's query history, found by their query tag.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DbtCliInvocation,
    default_metadata_from_dbt_resource_props,
)

from polygon_assets.defs.marts.chart import last_sessions
from polygon_assets.links import dbt_docs_link
from polygon_assets.partitions import SessionWindow
from polygon_assets.resources.snowflake import Warehouse

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

SESSION_COLUMN = "session_date"

Metadata = dict[str, Any]

# The history's default are the newest hundred statements of all that the role may see.
STATEMENTS = """
SELECT query_id, query_type, rows_produced, total_elapsed_time, bytes_scanned,
    credits_used_cloud_services
FROM TABLE({database}.INFORMATION_SCHEMA.QUERY_HISTORY(
    END_TIME_RANGE_START => DATEADD('day', -1, CURRENT_TIMESTAMP()), RESULT_LIMIT => 10000
))
WHERE TRY_PARSE_JSON(query_tag):invocation_id::VARCHAR = %s
    AND TRY_PARSE_JSON(query_tag):node::VARCHAR = %s
ORDER BY start_time
"""
CHANGES = ("INSERT", "MERGE")
MAKES = ("CREATE_TABLE_AS_SELECT", "CREATE_VIEW")


@dataclass(frozen=True)
class ModelFacts:
    """Asks for the facts of the models of one dbt invocation, on one connection."""

    invocation: DbtCliInvocation
    translator: DagsterDbtTranslator
    window: SessionWindow
    database: str
    cursor: "SnowflakeCursor"

    @classmethod
    @contextmanager
    def of(
        cls,
        invocation: DbtCliInvocation,
        translator: DagsterDbtTranslator,
        window: SessionWindow,
        snowflake: Warehouse,
    ) -> Generator[Self, None, None]:
        """The facts of an invocation, while the connection is open."""
        with snowflake.cursor() as cursor:
            yield cls(invocation, translator, window, str(snowflake.database), cursor)

    def attached(self, events: Iterable[Any]) -> Iterator[Any]:
        """dbt's events, with the facts on every model."""
        for event in events:
            if isinstance(event, dg.Output):
                told = event.metadata
                found = self.of_model(
                    str(told["unique_id"].value), str(told["invocation_id"].value)
                )
                yield event.with_metadata({**told, **found})
            else:
                yield event

    def of_model(self, unique_id: str, invocation_id: str) -> Metadata:
        """The facts of one model.

        The model is there whether they can be told or not: a failure to ask is a warning.
        """
        from snowflake.connector.errors import Error
        from sqlglot.errors import SqlglotError

        node = self.invocation.manifest["nodes"][unique_id]
        found: Metadata = {
            **default_metadata_from_dbt_resource_props(node),
            **dbt_docs_link(unique_id),
        }
        try:
            found |= self._columns(unique_id, node)
            found |= self._rows(node)
            found |= last_sessions(self.cursor, node, self._table(node), self.window.last)
            found |= self._statements(unique_id, invocation_id, found.get("dagster/row_count"))
        except (Error, SqlglotError) as problem:
            dg.get_dagster_logger().warning(f"Some metadata of {node['name']}: {problem}")
        return found

    def _columns(self, unique_id: str, node: Mapping[str, Any]) -> Metadata:
        from polygon_assets.defs.marts.lineage import column_lineage

        compiled = self.invocation.target_path / "compiled" / node["package_name"]
        query = compiled / node["original_file_path"]
        if not query.is_file():  # a seed or a snapshot
            return {}
        lineage = column_lineage(
            self.invocation.manifest, unique_id, query.read_text(), self.translator
        )
        return {"dagster/column_lineage": lineage}

    def _rows(self, node: Mapping[str, Any]) -> Metadata:
        if node["config"]["materialized"] == "view":
            return {}
        has_sessions = SESSION_COLUMN in node["columns"] and node["resource_type"] == "model"
        inside = f"COUNT_IF({SESSION_COLUMN} BETWEEN %s AND %s)" if has_sessions else "NULL"
        self.cursor.execute(
            f"SELECT COUNT(*), {inside} FROM {self._table(node)}",
            [str(self.window.first), str(self.window.last)] if has_sessions else [],
        )
        [(rows, rows_of_sessions)] = self.cursor.fetchall()
        found: Metadata = {"dagster/row_count": rows, "dagster/storage_kind": "snowflake"}
        if rows_of_sessions is not None:
            found["dagster/partition_row_count"] = rows_of_sessions
        return found

    def _table(self, node: Mapping[str, Any]) -> str:
        return f"{self.database}.{node['schema']}.{node['alias']}"

    def _statements(self, unique_id: str, invocation_id: str, row_count: int | None) -> Metadata:
        sql = STATEMENTS.replace("{database}", self.database)
        self.cursor.execute(sql, [invocation_id, unique_id])
        return cost([Statement(*row) for row in self.cursor.fetchall()], row_count)


@dataclass(frozen=True)
class Statement:
    """One statement of a model in Snowflake's query history.

    Attributes:
        kind: Snowflake's word for it.
        rows: Rows that it changed or returned; None where Snowflake does not say.
        milliseconds: From its arrival to its end.
    """

    query_id: str
    kind: str
    rows: int | None
    milliseconds: int
    bytes_scanned: int | None
    credits: float | None


def cost(statements: list[Statement], row_count: int | None) -> Metadata:
    """What the statements of one model did and cost, as metadata.

    Args:
        statements: In the order in which they ran.
        row_count: Rows of the whole table, None for a view.
    """
    changed = [one for one in statements if one.kind in CHANGES]
    written = changed or [one for one in statements if one.kind in MAKES]
    if not written:
        return {}
    found: Metadata = {
        "snowflake_query_id": written[-1].query_id,
        "snowflake_seconds": sum(one.milliseconds for one in statements) / 1000,
        "snowflake_statements": len(statements),
    }
    if row_count is not None:
        # A statement that makes the table writes all of it.
        found["rows_written"] = sum(one.rows or 0 for one in changed) if changed else row_count
    scanned = [one.bytes_scanned for one in statements if one.bytes_scanned is not None]
    if scanned:
        found["bytes_scanned"] = sum(scanned)
    credits_used = [one.credits for one in statements if one.credits is not None]
    if credits_used:
        found["cloud_services_credits"] = float(sum(credits_used))
    return found
