"""Checks on the tables from flat files."""

import dagster as dg

from polygon_assets.checks import Rule
from polygon_assets.code_versions import METADATA_KEY, code_version
from polygon_assets.defs.flat_files.agreement import PAIRS, Pair, compare
from polygon_assets.defs.flat_files.replacements import SESSIONS_LOOKED_AT, replaced_files
from polygon_assets.defs.flat_files.tables import TABLES, FlatFileTable
from polygon_assets.partitions import run_window
from polygon_assets.policies import check_metadata
from polygon_assets.raw.checks import raw_checks
from polygon_assets.raw.rules import bar_rules
from polygon_assets.resources.flat_files import FlatFiles
from polygon_assets.resources.snowflake import Warehouse

AGREES_WITH_REST = "agrees_with_rest"
FILE_IS_CURRENT = "file_is_current"

VERSION = {METADATA_KEY: code_version(__name__)}


def inside_session(table: FlatFileTable) -> Rule:
    """A bar begins on the New York date of its session."""
    day = "TO_DATE(CONVERT_TIMEZONE('UTC', 'America/New_York', TO_TIMESTAMP_NTZ(WINDOW_START, 9)))"
    return Rule(
        "inside_session",
        "A bar begins on the New York date of its session.",
        f"SELECT SESSION_DATE, TICKER, WINDOW_START FROM {table.qualified('{database}')} "
        "WHERE SESSION_DATE BETWEEN %(first)s AND %(last)s "
        f"AND NOT COALESCE({day} = SESSION_DATE, FALSE)",
    )


def agrees_with_rest(pair: Pair) -> dg.AssetChecksDefinition:
    """The flat file and the REST API have the same bars of the sessions that both have.

    A warning: either may be revised after it was read.
    """

    @dg.asset_check(
        asset=dg.AssetKey(pair.file.key),
        name=AGREES_WITH_REST,
        description=f"The bars are those of {'/'.join(pair.rest.key)}, where both have them.",
        additional_deps=[dg.AssetKey(pair.rest.key)],
        metadata=VERSION | check_metadata(pair.file.key, "WARN"),
    )
    def check(context: dg.AssetCheckExecutionContext, snowflake: Warehouse) -> dg.AssetCheckResult:
        window = run_window(context.run.tags)
        found = compare(snowflake, pair, window)
        metadata: dict[str, dg.MetadataValue | str | int] = {
            "sessions": str(window),
            "violations": found.differences,
            "rows_compared": found.rows,
            "sessions_compared": found.sessions,
        }
        if found.sample:
            records = [dg.TableRecord(dict(row)) for row in found.sample]
            metadata["sample"] = dg.MetadataValue.table(records)
        description = (
            f"{found.differences} of {found.rows} bars differ, in {found.sessions} sessions that "
            f"both have in {window}."
            if found.rows
            else f"Nothing to compare: no session of {window} is in both tables."
        )
        return dg.AssetCheckResult(
            passed=not found.differences,
            severity=dg.AssetCheckSeverity.WARN,
            description=description,
            metadata=metadata,
        )

    return check


def file_is_current(table: FlatFileTable) -> dg.AssetChecksDefinition:
    """The vendor has not replaced a file since it was loaded.

    A warning: the sensor ``flat_file_replacements`` loads it again.
    """

    @dg.asset_check(
        asset=dg.AssetKey(table.key),
        name=FILE_IS_CURRENT,
        description="The loaded files are those of the vendor's bucket: none was replaced. "
        f"The newest {SESSIONS_LOOKED_AT} of the run's sessions are looked at.",
        metadata=VERSION | check_metadata(table.key, "WARN"),
    )
    def check(
        context: dg.AssetCheckExecutionContext, flat_files: FlatFiles, snowflake: Warehouse
    ) -> dg.AssetCheckResult:
        window = run_window(context.run.tags)
        compared, found = replaced_files(flat_files.open(), snowflake, table, window)
        metadata: dict[str, dg.MetadataValue | str | int] = {
            "sessions": str(window),
            "violations": len(found),
            "files_compared": compared,
        }
        if found:
            metadata["sample"] = dg.MetadataValue.table(
                [
                    dg.TableRecord(
                        {
                            "session_date": str(one.session),
                            "loaded_etag": one.loaded_etag,
                            "etag": one.etag,
                        }
                    )
                    for one in found
                ]
            )
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{len(found)} of {compared} loaded files were replaced since.",
            metadata=metadata,
        )

    return check


def _checks_of(table: FlatFileTable) -> list[dg.AssetChecksDefinition]:
    bar = bar_rules(
        table,
        keys=("TICKER", "WINDOW_START"),
        prices=("OPEN", "HIGH", "LOW", "CLOSE"),
        volume="VOLUME",
    )
    return [*raw_checks(table, [*bar, inside_session(table)]), file_is_current(table)]


flat_file_checks = [
    *(check for table in TABLES for check in _checks_of(table)),
    *(agrees_with_rest(pair) for pair in PAIRS),
]
