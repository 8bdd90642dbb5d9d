"""Checks on the marts that dbt cannot make: they ask the vendor's clock."""

from datetime import date, datetime, time, timedelta

import dagster as dg

from polygon_assets.checks import Rule, ask_warehouse
from polygon_assets.code_versions import METADATA_KEY, code_version
from polygon_assets.partitions import SessionWindow, run_window
from polygon_assets.policies import check_metadata
from polygon_assets.resources.polygon import Polygon
from polygon_assets.resources.snowflake import Warehouse
from polygon_assets.sessions import NEW_YORK

DAILY_BARS = dg.AssetKey(["marts", "market", "fct_daily_bars"])

BARS_FINAL = Rule(
    "bars_final",
    "Sessions whose bars are final by now (11:00 New York on the next day) hold no provisional "
    "one: the job `finalize` has read them again.",
    "SELECT SESSION_DATE, SYMBOL, LOADED_AT FROM {database}.MARTS.FCT_DAILY_BARS "
    "WHERE SESSION_DATE BETWEEN %(first)s AND %(last)s AND STATUS = 'provisional'",
    severity="WARN",
)

FINAL_AT = time(11)
"""On the day after the session, New York; the same hour as in dbt's ``fct_daily_bars``."""


@dg.asset_check(
    asset=DAILY_BARS,
    name=BARS_FINAL.name,
    description=BARS_FINAL.description,
    blocking=False,
    metadata={
        METADATA_KEY: code_version(__name__),
        **check_metadata(DAILY_BARS.path, BARS_FINAL.severity),
    },
)
def bars_final(
    context: dg.AssetCheckExecutionContext, polygon: Polygon, snowflake: Warehouse
) -> dg.AssetCheckResult:
    """Look at the sessions of the run that should be final by the vendor's clock."""
    window = run_window(context.run.tags)
    due = SessionWindow(window.first, min(window.last, last_final_day(polygon.now())))
    if due.last < due.first:
        return dg.AssetCheckResult(
            check_name=BARS_FINAL.name,
            passed=True,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"No bar of {window} is final yet.",
        )
    with snowflake.cursor() as cursor:
        return ask_warehouse(cursor, str(snowflake.database), BARS_FINAL, due)


def last_final_day(now: datetime) -> date:
    """The newest day whose bars are final at a moment."""
    there = now.astimezone(NEW_YORK)
    return there.date() - timedelta(days=1 if there.time() >= FINAL_AT else 2)
