"""Checks on what is read symbol by symbol."""

from polygon_assets.defs.symbols.assets import (
    DAY_BARS,
    MINUTE_BARS,
    OPEN_CLOSE,
    RELATED_TICKERS,
    TICKER_DETAILS,
    TICKER_EVENTS,
)
from polygon_assets.raw.checks import raw_checks
from polygon_assets.raw.rules import bar_rules

OPEN_CLOSE_RULES = bar_rules(
    OPEN_CLOSE, ("SYMBOL",), ("OPEN", "HIGH", "LOW", "CLOSE"), volume="VOLUME"
)

symbols_checks = [
    *raw_checks(TICKER_DETAILS),
    *raw_checks(TICKER_EVENTS),
    *raw_checks(RELATED_TICKERS),
    *raw_checks(OPEN_CLOSE, OPEN_CLOSE_RULES),
    *raw_checks(MINUTE_BARS, bar_rules(MINUTE_BARS)),
    *raw_checks(DAY_BARS, bar_rules(DAY_BARS)),
]
