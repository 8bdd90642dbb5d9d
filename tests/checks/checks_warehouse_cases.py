"""Rows that keep every rule of the warehouse, and statements that break one rule each."""

from checks_support import MONDAY, TUESDAY, RuleKey

from polygon_assets.defs.reconcile.assets import CREATE as CREATE_RECONCILIATION
from polygon_assets.resources.snowflake import Warehouse

RAW = "{database}.RAW."

TRADED = ["AAPL", "FB", "GOOG", "IBM", "MSFT", "ZZAA"]


def _rows(template: str) -> str:
    """One row per ticker, for both sessions."""
    return ", ".join(
        template.format(day=day, ticker=ticker) for day in (MONDAY, TUESDAY) for ticker in TRADED
    )


GOOD = {
    f"{RAW}DAILY_BARS (SESSION_DATE, TICKER, O, H, L, C, V)": _rows(
        "('{day}', '{ticker}', 44.68, 45.11, 43.96, 44.86, 1629.5)"
    )
    + f", ('{MONDAY}', 'ZZAB', 25.16, 25.16, 25.16, 25.16, 0)",
    # A ticker may have had an earlier owner, and may be listed without being traded.
    f"{RAW}TICKERS (SESSION_DATE, TICKER, ACTIVE)": _rows(
        "('{day}', '{ticker}', TRUE), ('{day}', '{ticker}', FALSE)"
    )
    + f", ('{MONDAY}', 'ZZAB', TRUE), ('{MONDAY}', 'ZZAC', TRUE)",
    # Ids repeat at the vendor.
    f"{RAW}EXCHANGES (SESSION_DATE, ID, NAME)": _rows("('{day}', 10, 'Exchange of {ticker}')"),
    f"{RAW}MARKET_HOLIDAYS (SESSION_DATE, EXCHANGE, DATE, STATUS, CLOSE)": _rows(
        "('{day}', 'X{ticker}', '2005-03-25', 'closed', NULL), "
        "('{day}', 'X{ticker}', '2005-11-25', 'early-close', '2005-11-25T18:00:00Z')"
    ),
    f"{RAW}SPLITS (ID, TICKER, EXECUTION_DATE, SPLIT_FROM, SPLIT_TO)": _rows(
        "('s {day} {ticker}', '{ticker}', '{day}', 30, 1)"
    ),
    # Two dividends on one day are usual: a regular and a special one.
    f"{RAW}DIVIDENDS (ID, TICKER, EX_DIVIDEND_DATE, CASH_AMOUNT)": _rows(
        "('d {day} {ticker}', '{ticker}', '{day}', 0.08), "
        "('e {day} {ticker}', '{ticker}', '{day}', 3)"
    ),
    "{database}.RECONCILE.DAILY_BARS (SESSION_DATE, SYMBOL, VERDICT)": _rows(
        "('{day}', '{ticker}', 'ok')"
    ),
}
"""Table with its columns -> rows that keep every rule, in both sessions."""

BARS, TICKERS = "raw/polygon/daily_bars", "raw/polygon/tickers"
EXCHANGES, HOLIDAYS = "raw/polygon/exchanges", "raw/polygon/market_holidays"
SPLITS, DIVIDENDS = "raw/polygon/splits", "raw/polygon/dividends"
RECONCILED = "reconcile/market/daily_bars"


def _set(table: str, change: str, where: str, day: str = "SESSION_DATE") -> str:
    return f"UPDATE {table} SET {change} WHERE {day} = '{MONDAY}' AND {where}"


def _bar(ticker: str, change: str) -> str:
    return _set(f"{RAW}DAILY_BARS", change, f"TICKER = '{ticker}'")


def _split(ticker: str, change: str) -> str:
    return _set(f"{RAW}SPLITS", change, f"TICKER = '{ticker}'", "EXECUTION_DATE")


BREAKS: dict[RuleKey, list[str]] = {
    (BARS, "ohlc_consistent"): [
        _bar("AAPL", "L = 44.69"),  # above the open
        _bar("FB", "H = 44.85"),  # below the close
        _bar("GOOG", "L = 0"),
        _bar("IBM", "O = NULL"),
        _bar("MSFT", "H = NULL"),
        _bar("ZZAA", "L = -1"),
    ],
    (BARS, "volume_not_negative"): [_bar("AAPL", "V = -1"), _bar("FB", "V = NULL")],
    (BARS, "one_bar_per_ticker"): [
        f"INSERT INTO {RAW}DAILY_BARS SELECT * FROM {RAW}DAILY_BARS "
        f"WHERE SESSION_DATE = '{MONDAY}' AND TICKER = 'AAPL'",
    ],
    (BARS, "every_bar_is_listed"): [
        # Both are listed in the other session.
        f"DELETE FROM {RAW}TICKERS WHERE SESSION_DATE = '{MONDAY}' AND TICKER = 'AAPL'",
        _set(f"{RAW}TICKERS", "TICKER = 'Fb'", "TICKER = 'FB'"),
    ],
    (TICKERS, "one_active_listing"): [
        _set(f"{RAW}TICKERS", "ACTIVE = TRUE", "TICKER = 'AAPL'"),
    ],
    (EXCHANGES, "identified"): [
        _set(f"{RAW}EXCHANGES", "ID = NULL", "NAME = 'Exchange of AAPL'"),
        _set(f"{RAW}EXCHANGES", "NAME = NULL", "NAME = 'Exchange of FB'"),
    ],
    (HOLIDAYS, "known_status"): [
        _set(f"{RAW}MARKET_HOLIDAYS", "STATUS = 'half-day'", "CLOSE > DATE AND EXCHANGE = 'XAAPL'"),
        _set(f"{RAW}MARKET_HOLIDAYS", "STATUS = NULL", "CLOSE IS NULL AND EXCHANGE = 'XFB'"),
        _set(f"{RAW}MARKET_HOLIDAYS", "CLOSE = NULL", "CLOSE > DATE AND EXCHANGE = 'XGOOG'"),
    ],
    (SPLITS, "ratio_positive"): [
        _split("AAPL", "SPLIT_FROM = 0"),
        _split("FB", "SPLIT_TO = -2"),
        _split("GOOG", "SPLIT_TO = NULL"),
    ],
    (SPLITS, "one_split_per_day"): [
        _split("AAPL", "TICKER = 'FB'"),
    ],
    (DIVIDENDS, "cash_positive"): [
        _set(f"{RAW}DIVIDENDS", "CASH_AMOUNT = 0", f"ID = 'd {MONDAY} AAPL'", "EX_DIVIDEND_DATE"),
        _set(f"{RAW}DIVIDENDS", "CASH_AMOUNT = -1", f"ID = 'd {MONDAY} FB'", "EX_DIVIDEND_DATE"),
        _set(f"{RAW}DIVIDENDS", "CASH_AMOUNT = NULL", f"ID = 'e {MONDAY} FB'", "EX_DIVIDEND_DATE"),
    ],
    (RECONCILED, "inside_bands"): [
        _set("{database}.RECONCILE.DAILY_BARS", "VERDICT = 'outside_bands'", "SYMBOL = 'AAPL'"),
    ],
    (RECONCILED, "both_sides_present"): [
        _set("{database}.RECONCILE.DAILY_BARS", "VERDICT = 'only_official'", "SYMBOL = 'AAPL'"),
        _set("{database}.RECONCILE.DAILY_BARS", "VERDICT = 'only_stream'", "SYMBOL = 'FB'"),
    ],
}
"""Rule -> statements. Each makes one more violation of it on Monday, and of no other rule."""

WARNINGS = {
    (BARS, "every_bar_is_listed"),
    (SPLITS, "one_split_per_day"),
    (RECONCILED, "both_sides_present"),
}
"""The rules that do not stop a run."""


def fill(snowflake: Warehouse) -> None:
    """Every table with the good rows, and nothing else."""
    statements = [CREATE_RECONCILIATION]
    for table, rows in GOOD.items():
        statements += [
            f"DELETE FROM {table.partition(' ')[0]}",
            f"INSERT INTO {table} VALUES {rows}",
        ]
    execute(snowflake, *statements)


def execute(snowflake: Warehouse, *statements: str) -> None:
    """Run statements in which ``{database}`` stands for the database."""
    with snowflake.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.replace("{database}", str(snowflake.database)))
