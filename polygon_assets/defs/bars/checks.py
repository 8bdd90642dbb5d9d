"""Checks on the raw daily bars."""

from polygon_assets.checks import Rule, warehouse_checks
from polygon_assets.defs.bars.assets import DAILY_BARS
from polygon_assets.defs.reference.assets import TICKERS

WINDOW = "SESSION_DATE BETWEEN %(first)s AND %(last)s"

RULES = [
    Rule(
        "ohlc_consistent",
        "Low is the lowest and high the highest of a bar's prices, and all are positive.",
        "SELECT SESSION_DATE, TICKER, O, H, L, C FROM {database}.RAW.DAILY_BARS "
        f"WHERE {WINDOW} AND NOT COALESCE("
        "L > 0 AND L <= LEAST(O, C) AND H >= GREATEST(O, C), FALSE)",
    ),
    Rule(
        "volume_not_negative",
        "A bar has a volume, and it is not negative.",
        "SELECT SESSION_DATE, TICKER, V FROM {database}.RAW.DAILY_BARS "
        f"WHERE {WINDOW} AND NOT COALESCE(V >= 0, FALSE)",
    ),
    Rule(
        "one_bar_per_ticker",
        "A ticker has one bar in a session.",
        "SELECT SESSION_DATE, TICKER, COUNT(*) AS BARS FROM {database}.RAW.DAILY_BARS "
        f"WHERE {WINDOW} GROUP BY SESSION_DATE, TICKER HAVING COUNT(*) > 1",
    ),
    Rule(
        "every_bar_is_listed",
        "Every ticker with a bar is in the session's list of tickers.",
        "SELECT b.SESSION_DATE, b.TICKER FROM {database}.RAW.DAILY_BARS AS b "
        "LEFT JOIN {database}.RAW.TICKERS AS t "
        "ON b.SESSION_DATE = t.SESSION_DATE AND b.TICKER = t.TICKER "
        "WHERE b.SESSION_DATE BETWEEN %(first)s AND %(last)s AND t.TICKER IS NULL",
        severity="WARN",
        also_reads=(tuple(TICKERS.key),),
    ),
]

bars_checks = warehouse_checks(DAILY_BARS.key, RULES)
