"""Asset checks that are one question in SQL: which rows break the rule?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from polygon_assets.code_versions import METADATA_KEY, code_version
from polygon_assets.partitions import SessionWindow, run_window
from polygon_assets.policies import Severity, check_metadata
from polygon_assets.raw.deliveries import existing_tables
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.snowflake import Warehouse

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

SAMPLE_ROWS = 5


@dataclass(frozen=True)
class Rule:
    """A rule about the rows of one table.

    Attributes:
        name: Name of the check.
        description: The rule in a sentence.
        violations: SELECT that returns one row per violation in a window of sessions.
            Snowflake: ``{database}``, and ``%(first)s``/``%(last)s`` for the window.
            ClickHouse: ``{ticks}``, ``{rollups}``, ``{first:Date}``/``{last:Date}``.
        severity: WARN does not fail a run.
    """

    name: str
    description: str
    violations: str
    severity: Severity = "ERROR"
    also_reads: tuple[tuple[str, ...], ...] = ()
    """Keys of other assets that the rule reads, so that it waits for them."""

    @property
    def additional_deps(self) -> list[dg.AssetKey]:
        """:attr:`also_reads` as asset keys."""
        return [dg.AssetKey(list(key)) for key in self.also_reads]


def warehouse_checks(asset: Sequence[str], rules: Sequence[Rule]) -> list[dg.AssetChecksDefinition]:
    """Checks on a Snowflake table, one per rule."""
    return [_warehouse_check(asset, rule) for rule in rules]


def clickhouse_checks(
    asset: Sequence[str], rules: Sequence[Rule]
) -> list[dg.AssetChecksDefinition]:
    """Checks on a ClickHouse table, one per rule."""
    return [_clickhouse_check(asset, rule) for rule in rules]


def _check_of(
    asset: Sequence[str], rule: Rule
) -> Callable[[Callable[..., dg.AssetCheckResult]], dg.AssetChecksDefinition]:
    """The decorator that makes a function the check of a rule."""
    return dg.asset_check(
        asset=dg.AssetKey(list(asset)),
        name=rule.name,
        description=rule.description,
        blocking=rule.severity == "ERROR",
        additional_deps=rule.additional_deps,
        metadata={
            METADATA_KEY: code_version(__name__, rule),
            **check_metadata(asset, rule.severity),
        },
    )


def _warehouse_check(asset: Sequence[str], rule: Rule) -> dg.AssetChecksDefinition:
    @_check_of(asset, rule)
    def check(context: dg.AssetCheckExecutionContext, snowflake: Warehouse) -> dg.AssetCheckResult:
        window = run_window(context.run.tags)
        if unknown := _never_loaded(snowflake, rule):
            return dg.AssetCheckResult(
                check_name=rule.name,
                passed=False,
                severity=dg.AssetCheckSeverity[rule.severity],
                description=f"Not judged: {', '.join(unknown)} has never been loaded.",
                metadata={"sessions": str(window)},
            )
        with snowflake.cursor() as cursor:
            return ask_warehouse(cursor, str(snowflake.database), rule, window)

    return check


def _never_loaded(snowflake: Warehouse, rule: Rule) -> list[str]:
    """The raw tables that a rule also reads and that do not exist yet."""
    read = [key for key in rule.also_reads if key[0] == "raw"]
    if not read:
        return []
    present = existing_tables(snowflake)
    return ["/".join(key) for key in read if key[-1] not in present]


def ask_warehouse(
    cursor: "SnowflakeCursor", database: str, rule: Rule, window: SessionWindow
) -> dg.AssetCheckResult:
    """The result of a rule about a Snowflake table, for a window of sessions."""
    sql = counted(rule.violations.replace("{database}", database))
    cursor.execute(sql, {"first": str(window.first), "last": str(window.last)})
    columns = [column.name.lower() for column in cursor.description or []]
    rows = [tuple(row) for row in cursor.fetchall()]
    return result_of(rule, window, columns, rows)


def _clickhouse_check(asset: Sequence[str], rule: Rule) -> dg.AssetChecksDefinition:
    @_check_of(asset, rule)
    def check(
        context: dg.AssetCheckExecutionContext, clickhouse: ClickHouse
    ) -> dg.AssetCheckResult:
        window = run_window(context.run.tags)
        with clickhouse.client() as client:
            found = client.query(
                counted(clickhouse.render(rule.violations)),
                parameters={"first": window.first, "last": window.last},
            )
        rows = [tuple(row) for row in found.result_rows]
        return result_of(rule, window, list(found.column_names), rows)

    return check


def counted(violations: str) -> str:
    """The first few violations, each with the number of all of them in its last column."""
    return (
        f"SELECT found.*, COUNT(*) OVER () AS violations FROM ({violations}) AS found "
        f"LIMIT {SAMPLE_ROWS}"
    )


def result_of(
    rule: Rule, window: SessionWindow, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> dg.AssetCheckResult:
    """The result of a rule for the rows of :func:`counted`."""
    count = int(rows[0][-1]) if rows else 0
    metadata: dict[str, Any] = {"sessions": str(window), "violations": count}
    if rows:
        records = [_record(dict(zip(columns[:-1], row, strict=False))) for row in rows]
        metadata["sample"] = dg.MetadataValue.table(records)
    return dg.AssetCheckResult(
        check_name=rule.name,
        passed=count == 0,
        severity=dg.AssetCheckSeverity[rule.severity],
        description=f"{rule.description} {count} violations in {window}.",
        metadata=metadata,
    )


def _record(row: Mapping[str, Any]) -> dg.TableRecord:
    return dg.TableRecord({name: str(value) for name, value in row.items()})
