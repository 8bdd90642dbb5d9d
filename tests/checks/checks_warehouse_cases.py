"""Rows that keep every rule of the warehouse, and statements that break one rule each."""

from checks_support import MONDAY, TUESDAY, RuleKey

from polygon_assets.defs.reconcile.assets import CREATE as CREATE_RECONCILIATION
from polygon_assets.resources.snowflake import Warehouse

RAW = "{database}.RAW."

TABLES = [
    *(f"{RAW}{name}" for name in ("DAILY_BARS", "TICKERS", "EXCHANGES", "MARKET_HOLIDAYS")),
    *(f"{RAW}{name}" for name in ("SPLITS", "DIVIDENDS")),
    "{database}.RECONCILE.DAILY_BARS",
]

# {day} is each of the two sessions.
GOOD = [
    f"INSERT INTO {RAW}DAILY_BARS (SESSION_DATE, TICKER, O, H, L, C, V, VW, N) VALUES "
    "('{day}', 'AAPL', 44.68, 45.11, 43.96, 44.86, 162902.5, 44.6, 950), "
    "('{day}', 'MSFT', 25.16, 25.16, 25.16, 25.16, 0, NULL, NULL)",
    f"INSERT INTO {RAW}TICKERS (SESSION_DATE, TICKER, ACTIVE, NAME) VALUES "
    "('{day}', 'AAPL', TRUE, 'Apple'), ('{day}', 'MSFT', TRUE, 'Microsoft'), "
    "('{day}', 'AAPL', FALSE, 'An earlier owner of the ticker')",
    f"INSERT INTO {RAW}EXCHANGES (SESSION_DATE, ID, NAME, MIC) VALUES "
    "('{day}', 10, 'New York Stock Exchange', 'XNYS'), ('{day}', 10, 'The same id', NULL)",
    f"INSERT INTO {RAW}MARKET_HOLIDAYS (SESSION_DATE, EXCHANGE, DATE, STATUS, CLOSE) VALUES "
    "('{day}', 'NYSE', '2005-03-25', 'closed', NULL), "
    "('{day}', 'NYSE', '2005-11-25', 'early-close', '2005-11-25T18:00:00Z')",
    f"INSERT INTO {RAW}SPLITS (ID, TICKER, EXECUTION_DATE, SPLIT_FROM, SPLIT_TO) VALUES "
    "('s1 {day}', 'AAPL', '{day}', 1, 2), ('s2 {day}', 'MSFT', '{day}', 30, 1)",
    f"INSERT INTO {RAW}DIVIDENDS (ID, TICKER, EX_DIVIDEND_DATE, CASH_AMOUNT) VALUES "
    "('d1 {day}', 'MSFT', '{day}', 0.08), ('d2 {day}', 'MSFT', '{day}', 3.0)",
    "INSERT INTO {database}.RECONCILE.DAILY_BARS (SESSION_DATE, SYMBOL, VERDICT, "
    "CLOSE_DIFFERENCE, VOLUME_SHARE) VALUES ('{day}', 'AAPL', 'ok', 0.001, 0.8)",
]

BARS, TICKERS = "raw/polygon/daily_bars", "raw/polygon/tickers"
EXCHANGES, HOLIDAYS = "raw/polygon/exchanges", "raw/polygon/market_holidays"
SPLITS, DIVIDENDS = "raw/polygon/splits", "raw/polygon/dividends"
RECONCILED = "reconcile/market/daily_bars"

_BAR = f"UPDATE {RAW}DAILY_BARS SET %s WHERE SESSION_DATE = '{MONDAY}' AND TICKER = 'AAPL'"
_EXCHANGE = f"UPDATE {RAW}EXCHANGES SET %s WHERE SESSION_DATE = '{MONDAY}' AND MIC = 'XNYS'"
_EARLY = f"UPDATE {RAW}MARKET_HOLIDAYS SET %s WHERE SESSION_DATE = '{MONDAY}' AND CLOSE IS NOT NULL"
_SPLIT = f"UPDATE {RAW}SPLITS SET %s WHERE ID = 's1 {MONDAY}'"
_DIVIDEND = f"UPDATE {RAW}DIVIDENDS SET %s WHERE ID = 'd1 {MONDAY}'"
_COMPARED = "UPDATE {database}.RECONCILE.DAILY_BARS SET %s WHERE " + f"SESSION_DATE = '{MONDAY}'"

BREAKS: dict[RuleKey, list[str]] = {
    (BARS, "ohlc_consistent"): [
        _BAR % "L = 44.87",  # above the close
        _BAR % "H = 44.67",  # below the open
        _BAR % "L = 0",
        _BAR % "L = -1",
        _BAR % "O = NULL",
        _BAR % "H = NULL",
    ],
    (BARS, "volume_not_negative"): [_BAR % "V = -1", _BAR % "V = NULL"],
    (BARS, "one_bar_per_ticker"): [
        f"INSERT INTO {RAW}DAILY_BARS SELECT * FROM {RAW}DAILY_BARS "
        f"WHERE SESSION_DATE = '{MONDAY}' AND TICKER = 'AAPL'",
    ],
    (BARS, "every_bar_is_listed"): [
        # Listed in the other session only.
        f"DELETE FROM {RAW}TICKERS WHERE SESSION_DATE = '{MONDAY}' AND TICKER = 'AAPL'",
        f"UPDATE {RAW}TICKERS SET TICKER = 'aapl' "
        f"WHERE SESSION_DATE = '{MONDAY}' AND TICKER = 'AAPL'",
    ],
    (TICKERS, "one_active_listing"): [
        f"UPDATE {RAW}TICKERS SET ACTIVE = TRUE WHERE SESSION_DATE = '{MONDAY}'",
    ],
    (EXCHANGES, "identified"): [_EXCHANGE % "ID = NULL", _EXCHANGE % "NAME = NULL"],
    (HOLIDAYS, "known_status"): [
        _EARLY % "STATUS = 'half-day'",
        _EARLY % "STATUS = NULL",
        _EARLY % "CLOSE = NULL",
    ],
    (SPLITS, "ratio_positive"): [
        _SPLIT % "SPLIT_FROM = 0",
        _SPLIT % "SPLIT_TO = -2",
        _SPLIT % "SPLIT_TO = NULL",
    ],
    (SPLITS, "one_split_per_day"): [
        f"INSERT INTO {RAW}SPLITS (ID, TICKER, EXECUTION_DATE, SPLIT_FROM, SPLIT_TO) "
        f"VALUES ('again', 'AAPL', '{MONDAY}', 1, 2)",
    ],
    (DIVIDENDS, "cash_positive"): [
        _DIVIDEND % "CASH_AMOUNT = 0",
        _DIVIDEND % "CASH_AMOUNT = -0.08",
        _DIVIDEND % "CASH_AMOUNT = NULL",
    ],
    (RECONCILED, "inside_bands"): [_COMPARED % "VERDICT = 'outside_bands'"],
    (RECONCILED, "both_sides_present"): [
        _COMPARED % "VERDICT = 'only_official'",
        _COMPARED % "VERDICT = 'only_stream'",
    ],
}
"""Rule -> statements, each of which makes one violation of it on Monday, and of no other rule."""

WARNINGS = {
    (BARS, "every_bar_is_listed"),
    (SPLITS, "one_split_per_day"),
    (RECONCILED, "both_sides_present"),
}
"""The rules that do not stop a run."""


def fill(snowflake: Warehouse) -> None:
    """Every table with the good rows of both sessions, and nothing else."""
    good = [statement.replace("{day}", day) for day in (MONDAY, TUESDAY) for statement in GOOD]
    emptied = [f"DELETE FROM {table}" for table in TABLES]
    execute(snowflake, CREATE_RECONCILIATION, *emptied, *good)


def execute(snowflake: Warehouse, *statements: str) -> None:
    """Run statements in which ``{database}`` stands for the database."""
    with snowflake.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.replace("{database}", str(snowflake.database)))
