"""Checks on the raw corporate actions."""

from polygon_assets.checks import Rule
from polygon_assets.defs.actions.assets import DIVIDENDS, IPOS, SPLITS
from polygon_assets.raw.checks import raw_checks

SPLIT_RULES = [
    Rule(
        "ratio_positive",
        "Both sides of a split's ratio are positive.",
        "SELECT ID, TICKER, EXECUTION_DATE, SPLIT_FROM, SPLIT_TO FROM {database}.RAW.SPLITS "
        "WHERE EXECUTION_DATE BETWEEN %(first)s AND %(last)s "
        "AND NOT COALESCE(SPLIT_FROM > 0 AND SPLIT_TO > 0, FALSE)",
    ),
    Rule(
        "one_split_per_day",
        "A ticker splits at most once on a day; the vendor sometimes lists a split twice.",
        "SELECT TICKER, EXECUTION_DATE, COUNT(*) AS SPLITS FROM {database}.RAW.SPLITS "
        "WHERE EXECUTION_DATE BETWEEN %(first)s AND %(last)s "
        "GROUP BY TICKER, EXECUTION_DATE HAVING COUNT(*) > 1",
        severity="WARN",
    ),
]

DIVIDEND_RULES = [
    Rule(
        "cash_positive",
        "A cash dividend is positive.",
        "SELECT ID, TICKER, EX_DIVIDEND_DATE, CASH_AMOUNT FROM {database}.RAW.DIVIDENDS "
        "WHERE EX_DIVIDEND_DATE BETWEEN %(first)s AND %(last)s "
        "AND NOT COALESCE(CASH_AMOUNT > 0, FALSE)",
    ),
]

actions_checks = [
    *raw_checks(SPLITS, SPLIT_RULES),
    *raw_checks(DIVIDENDS, DIVIDEND_RULES),
    *raw_checks(IPOS),
]
