"""Checks on the raw reference tables."""

from polygon_assets.checks import Rule, warehouse_checks
from polygon_assets.defs.reference.assets import EXCHANGES, MARKET_HOLIDAYS, TICKERS

WINDOW = "SESSION_DATE BETWEEN %(first)s AND %(last)s"

TICKER_RULES = [
    Rule(
        "one_active_listing",
        "A ticker has at most one active listing in a session.",
        "SELECT SESSION_DATE, TICKER, COUNT(*) AS LISTINGS FROM {database}.RAW.TICKERS "
        f"WHERE {WINDOW} AND ACTIVE GROUP BY SESSION_DATE, TICKER HAVING COUNT(*) > 1",
    ),
]

EXCHANGE_RULES = [
    Rule(
        "identified",
        "An exchange has an id and a name.",
        "SELECT SESSION_DATE, ID, NAME FROM {database}.RAW.EXCHANGES "
        f"WHERE {WINDOW} AND (ID IS NULL OR NAME IS NULL)",
    ),
]

HOLIDAY_RULES = [
    Rule(
        "known_status",
        "A holiday is a closure or an early close, and an early close says when.",
        "SELECT SESSION_DATE, EXCHANGE, DATE, STATUS FROM {database}.RAW.MARKET_HOLIDAYS "
        f"WHERE {WINDOW} AND NOT COALESCE(STATUS = 'closed' "
        "OR (STATUS = 'early-close' AND CLOSE IS NOT NULL), FALSE)",
    ),
]

reference_checks = [
    *warehouse_checks(TICKERS.key, TICKER_RULES),
    *warehouse_checks(EXCHANGES.key, EXCHANGE_RULES),
    *warehouse_checks(MARKET_HOLIDAYS.key, HOLIDAY_RULES),
]
