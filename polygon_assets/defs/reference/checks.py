"""Checks on the raw reference tables."""

from polygon_assets.checks import Rule
from polygon_assets.defs.reference.assets import (
    CONDITIONS,
    EXCHANGES,
    MARKET_HOLIDAYS,
    TICKER_TYPES,
    TICKERS,
)
from polygon_assets.raw.checks import raw_checks

HOLIDAY_RULES = [
    Rule(
        "known_status",
        "A holiday is a closure or an early close, and an early close says when.",
        "SELECT SESSION_DATE, EXCHANGE, DATE, STATUS FROM {database}.RAW.MARKET_HOLIDAYS "
        "WHERE SESSION_DATE BETWEEN %(first)s AND %(last)s AND NOT COALESCE(STATUS = 'closed' "
        "OR (STATUS = 'early-close' AND CLOSE IS NOT NULL), FALSE)",
    ),
]

reference_checks = [
    *raw_checks(TICKERS),
    *raw_checks(EXCHANGES),
    *raw_checks(MARKET_HOLIDAYS, HOLIDAY_RULES),
    *raw_checks(TICKER_TYPES),
    *raw_checks(CONDITIONS),
]
