"""Checks on the raw daily bars."""

from polygon_assets.checks import Rule
from polygon_assets.defs.bars.assets import DAILY_BARS
from polygon_assets.defs.reference.assets import TICKERS
from polygon_assets.raw.checks import raw_checks
from polygon_assets.raw.rules import bar_rules

RULES = [
    *bar_rules(DAILY_BARS),
    Rule(
        "every_bar_is_listed",
        "Every ticker with a bar is in the session's list of tickers.",
        f"SELECT {DAILY_BARS.session} AS SESSION_DATE, b.TICKER FROM {{database}}.RAW.DAILY_BARS "
        f"AS b LEFT JOIN {{database}}.RAW.TICKERS AS t "
        f"ON {DAILY_BARS.session} = t.SESSION_DATE AND b.TICKER = t.TICKER "
        f"WHERE {DAILY_BARS.session} BETWEEN %(first)s AND %(last)s AND t.TICKER IS NULL",
        severity="WARN",
        also_reads=(tuple(TICKERS.key),),
    ),
]

bars_checks = raw_checks(DAILY_BARS, RULES)
