"""The checks that every table of the schema RAW has, one op per table.

One op asks all of a table's questions over one connection: a process or a connection for each would
take longer than the answers.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from polygon_assets.checks import Rule, ask_warehouse, warehouse_checks
from polygon_assets.code_versions import METADATA_KEY, code_version
from polygon_assets.partitions import SessionWindow, run_window
from polygon_assets.policies import Severity, check_metadata
from polygon_assets.raw.counts import (
    COMPLETE,
    EVERY_SESSION_HAS_ROWS,
    ROW_COUNT_BAND,
    complete,
    row_count_band,
    take_census,
    usual_size,
)
from polygon_assets.raw.drift import SCHEMA_DRIFT, schema_drift
from polygon_assets.raw.rules import generic_rules
from polygon_assets.raw.table import RawTable, StreamTable
from polygon_assets.resources.polygon import Polygon
from polygon_assets.resources.snowflake import Warehouse


def raw_checks(table: RawTable, rules: Sequence[Rule] = ()) -> list[dg.AssetChecksDefinition]:
    """The checks of one table: the generic ones, and its own rules.

    Every table has ``complete`` (where every session must have rows), ``key_unique`` and
    ``row_count_band`` (where it has a band). A :class:`StreamTable` also has ``nothing_rejected``,
    ``nothing_vanished`` and ``schema_drift``, and needs the resource ``polygon`` for the last.
    """
    alone = [rule for rule in rules if rule.also_reads]
    together = [*generic_rules(table), *(rule for rule in rules if not rule.also_reads)]
    return [
        _checks_in_one_op(table, together),
        # A rule that reads another table waits for it; the others must not wait with it.
        *warehouse_checks(table.key, alone),
    ]


def _checks_in_one_op(table: RawTable, rules: Sequence[Rule]) -> dg.AssetChecksDefinition:
    in_one_op = dg.multi_asset_check(
        name=f"checks_of_{table.name}", specs=_specs(table, rules), can_subset=True
    )

    def answers(
        context: dg.AssetCheckExecutionContext, snowflake: Warehouse, vendor: Polygon | None
    ) -> Iterator[dg.AssetCheckResult]:
        window = run_window(context.run.tags)
        wanted = {key.name for key in context.selected_asset_check_keys}
        for result in _results(table, rules, window, snowflake, vendor, wanted):
            yield result._replace(asset_key=dg.AssetKey(table.key))

    if not isinstance(table, StreamTable):

        @in_one_op
        def check(
            context: dg.AssetCheckExecutionContext, snowflake: Warehouse
        ) -> Iterator[dg.AssetCheckResult]:
            yield from answers(context, snowflake, None)

        return check

    @in_one_op
    def check_with_vendor(
        context: dg.AssetCheckExecutionContext, snowflake: Warehouse, polygon: Polygon
    ) -> Iterator[dg.AssetCheckResult]:
        yield from answers(context, snowflake, polygon)

    return check_with_vendor


def _results(
    table: RawTable,
    rules: Sequence[Rule],
    window: SessionWindow,
    snowflake: Warehouse,
    vendor: Polygon | None,
    wanted: set[str],
) -> Iterator[dg.AssetCheckResult]:
    database = str(snowflake.database)
    with snowflake.cursor() as cursor:
        census = take_census(cursor, database, table, window)
        if COMPLETE in wanted:
            yield complete(census)
        for rule in rules:
            if rule.name in wanted:
                yield ask_warehouse(cursor, database, rule, window)
        if table.band is not None and ROW_COUNT_BAND in wanted:
            yield row_count_band(census, table.band)
        if isinstance(table, StreamTable) and vendor is not None and SCHEMA_DRIFT in wanted:
            yield schema_drift(cursor, database, vendor, table, census)


def _specs(table: RawTable, rules: Sequence[Rule]) -> list[dg.AssetCheckSpec]:
    specs = [_spec(table, rule.name, rule.description, rule.severity, rule) for rule in rules]
    if table.every_session:
        specs.append(_spec(table, COMPLETE, EVERY_SESSION_HAS_ROWS, "ERROR"))
    if table.band is not None:
        specs.append(_spec(table, ROW_COUNT_BAND, usual_size(table.band), "WARN"))
    if isinstance(table, StreamTable):
        same = "Vendor, connector and table have the same fields, and none has become empty."
        specs.append(_spec(table, SCHEMA_DRIFT, same, "WARN"))
    return specs


def _spec(
    table: RawTable,
    name: str,
    description: str,
    severity: Severity,
    rule: Rule | None = None,
) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name,
        asset=dg.AssetKey(table.key),
        description=description,
        blocking=severity == "ERROR",
        metadata={
            METADATA_KEY: code_version(__name__, rule or table),
            **check_metadata(table.key, severity),
        },
    )
