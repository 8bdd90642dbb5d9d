"""Checks on the raw statements, short sales and news."""

from polygon_assets.checks import Rule
from polygon_assets.defs.fundamentals.assets import (
    FINANCIALS,
    NEWS,
    SHORT_INTEREST,
    SHORT_VOLUME,
)
from polygon_assets.raw.checks import raw_checks

FINANCIAL_RULES = [
    Rule(
        "period_before_filing",
        "A statement is filed after the end of its period.",
        "SELECT FILING_DATE, CIK, END_DATE FROM {database}.RAW.FINANCIALS "
        "WHERE FILING_DATE BETWEEN %(first)s AND %(last)s AND END_DATE > FILING_DATE",
        severity="WARN",
    ),
]

SHORT_INTEREST_RULES = [
    Rule(
        "interest_not_negative",
        "Short interest is a number of shares.",
        "SELECT SETTLEMENT_DATE, TICKER, SHORT_INTEREST FROM {database}.RAW.SHORT_INTEREST "
        "WHERE SETTLEMENT_DATE BETWEEN %(first)s AND %(last)s "
        "AND NOT COALESCE(SHORT_INTEREST >= 0, FALSE)",
    ),
]

SHORT_VOLUME_RULES = [
    Rule(
        "short_part_of_total",
        "The short volume is a part of the total volume.",
        "SELECT DATE, TICKER, SHORT_VOLUME, TOTAL_VOLUME FROM {database}.RAW.SHORT_VOLUME "
        "WHERE DATE BETWEEN %(first)s AND %(last)s "
        "AND NOT COALESCE(SHORT_VOLUME >= 0 AND SHORT_VOLUME <= TOTAL_VOLUME, FALSE)",
    ),
]

fundamentals_checks = [
    *raw_checks(FINANCIALS, FINANCIAL_RULES),
    *raw_checks(SHORT_INTEREST, SHORT_INTEREST_RULES),
    *raw_checks(SHORT_VOLUME, SHORT_VOLUME_RULES),
    *raw_checks(NEWS),
]
