"""Checks on the reconciliation."""

from polygon_assets.checks import Rule, warehouse_checks
from polygon_assets.defs.reconcile.assets import KEY

WINDOW = "SESSION_DATE BETWEEN %(first)s AND %(last)s"

RULES = [
    Rule(
        "inside_bands",
        "Every symbol's day in the stream lies inside the bands around its official bar.",
        "SELECT SESSION_DATE, SYMBOL, CLOSE_DIFFERENCE, VOLUME_SHARE "
        "FROM {database}.RECONCILE.DAILY_BARS "
        f"WHERE {WINDOW} AND VERDICT = 'outside_bands'",
    ),
    Rule(
        "both_sides_present",
        "Every symbol with an official bar was streamed, and the other way round.",
        "SELECT SESSION_DATE, SYMBOL, VERDICT FROM {database}.RECONCILE.DAILY_BARS "
        f"WHERE {WINDOW} AND VERDICT IN ('only_official', 'only_stream')",
        severity="WARN",
    ),
]

reconcile_checks = warehouse_checks(KEY, RULES)
