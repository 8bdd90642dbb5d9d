"""Rows that keep every rule of the warehouse, and statements that break one rule each."""

from checks_raw_rows import ROWS, SYNC, TABLES, TRADED, execute, insert, meta, one_row
from checks_support import MONDAY, TUESDAY, RuleKey

from polygon_assets.defs.reconcile.assets import CREATE as CREATE_RECONCILIATION
from polygon_assets.resources.snowflake import Warehouse

RAW = "{database}.RAW."
RECONCILIATION = "{database}.RECONCILE.DAILY_BARS"

BARS = "raw/polygon/daily_bars"
HOLIDAYS = "raw/polygon/market_holidays"
SPLITS, DIVIDENDS = "raw/polygon/splits", "raw/polygon/dividends"
FINANCIALS = "raw/polygon/financials"
SHORT_INTEREST, SHORT_VOLUME = "raw/polygon/short_interest", "raw/polygon/short_volume"
RECONCILED = "reconcile/market/daily_bars"

BAR_TABLES = {
    "daily_bars": ("O", "H", "L", "C", "V"),
    "symbol_minute_bars": ("O", "H", "L", "C", "V"),
    "symbol_day_bars": ("O", "H", "L", "C", "V"),
    "open_close": ("OPEN", "HIGH", "LOW", "CLOSE", "VOLUME"),
}
"""Table of bars -> its columns of open, high, low, close and volume."""


def _set(table: str, ticker: str, change: str) -> str:
    """Change a single row of Monday."""
    return f"UPDATE {RAW}{table.upper()} SET {change} WHERE {one_row(table, ticker)}"


def _set_where(table: str, change: str, where: str) -> str:
    session = TABLES[table].session
    return f"UPDATE {RAW}{table.upper()} SET {change} WHERE {session} = '{MONDAY}' AND {where}"


def _reconciled(change: str, symbol: str) -> str:
    return (
        f"UPDATE {RECONCILIATION} SET {change} "
        f"WHERE SESSION_DATE = '{MONDAY}' AND SYMBOL = '{symbol}'"
    )


def _twice(table: str, ticker: str) -> str:
    """A row of Monday a second time."""
    name = f"{RAW}{table.upper()}"
    return f"INSERT INTO {name} SELECT * FROM {name} WHERE {one_row(table, ticker)}"


def _generic(table: str) -> dict[RuleKey, list[str]]:
    """What breaks the rules that every table has."""
    key = "/".join(TABLES[table].key)
    rejected = """{"field":"x","change":"NULLED","reason":"DESTINATION_TYPECAST_ERROR"}"""
    found = {
        (key, "key_unique"): [_twice(table, "AAPL")],
        (key, "nothing_rejected"): [
            _set(table, "FB", f"_AIRBYTE_META = {meta(SYNC, rejected)}"),
        ],
    }
    if TABLES[table].whole_sessions:
        older = f"_AIRBYTE_META = {meta(SYNC - 1)}"
        found[key, "nothing_vanished"] = [_set(table, "IBM", older), _set(table, "MSFT", older)]
    return found


def _bars(table: str) -> dict[RuleKey, list[str]]:
    """What breaks the rules that every table of bars has."""
    key = "/".join(TABLES[table].key)
    opened, high, low, _, volume = BAR_TABLES[table]
    return {
        (key, "ohlc_consistent"): [
            _set(table, "AAPL", f"{low} = 44.69"),  # above the open
            _set(table, "FB", f"{high} = 44.85"),  # below the close
            _set(table, "GOOG", f"{low} = 0"),
            _set(table, "IBM", f"{opened} = NULL"),
            _set(table, "MSFT", f"{high} = NULL"),
            _set(table, "ZZAA", f"{low} = -1"),
        ],
        (key, "volume_not_negative"): [
            _set(table, "AAPL", f"{volume} = -1"),
            _set(table, "FB", f"{volume} = NULL"),
        ],
    }


GENERIC: dict[RuleKey, list[str]] = {
    **{rule: cases for table in ROWS for rule, cases in _generic(table).items()},
    # The same row twice would be two splits on one day.
    (SPLITS, "key_unique"): [
        _set("splits", "AAPL", f"ID = 's {MONDAY} FB'"),
        _set("splits", "GOOG", "ID = NULL"),
    ],
}
"""Rule that every table has -> statements. They leave each other's rows alone."""

COMPLETE: dict[RuleKey, list[str]] = {
    ("/".join(table.key), "complete"): [
        f"DELETE FROM {table.qualified('{database}')} WHERE {table.session} = '{MONDAY}'"
    ]
    for table in TABLES.values()
    if table.every_session
}
"""The rule that a session has rows at all -> a statement that leaves none."""

OWN: dict[RuleKey, list[str]] = {
    **{rule: cases for table in BAR_TABLES for rule, cases in _bars(table).items()},
    (BARS, "every_bar_is_listed"): [
        # Both are listed in the other session.
        f"DELETE FROM {RAW}TICKERS WHERE SESSION_DATE = '{MONDAY}' AND TICKER = 'AAPL'",
        f"UPDATE {RAW}TICKERS SET TICKER = 'Fb' WHERE SESSION_DATE = '{MONDAY}' AND TICKER = 'FB'",
    ],
    (HOLIDAYS, "known_status"): [
        _set_where("market_holidays", "STATUS = 'half-day'", "CLOSE > DATE AND EXCHANGE = 'XAAPL'"),
        _set_where("market_holidays", "STATUS = NULL", "CLOSE IS NULL AND EXCHANGE = 'XFB'"),
        _set_where("market_holidays", "CLOSE = NULL", "CLOSE > DATE AND EXCHANGE = 'XGOOG'"),
    ],
    (SPLITS, "ratio_positive"): [
        _set("splits", "AAPL", "SPLIT_FROM = 0"),
        _set("splits", "FB", "SPLIT_TO = -2"),
        _set("splits", "GOOG", "SPLIT_TO = NULL"),
    ],
    (SPLITS, "one_split_per_day"): [
        _set("splits", "AAPL", "TICKER = 'FB'"),
    ],
    (DIVIDENDS, "cash_positive"): [
        _set_where("dividends", "CASH_AMOUNT = 0", f"ID = 'd {MONDAY} AAPL'"),
        _set_where("dividends", "CASH_AMOUNT = -1", f"ID = 'd {MONDAY} FB'"),
        _set_where("dividends", "CASH_AMOUNT = NULL", f"ID = 'e {MONDAY} FB'"),
    ],
    (FINANCIALS, "period_before_filing"): [
        _set("financials", "AAPL", f"END_DATE = '{TUESDAY}'"),
    ],
    (SHORT_INTEREST, "interest_not_negative"): [
        _set("short_interest", "AAPL", "SHORT_INTEREST = -1"),
        _set("short_interest", "FB", "SHORT_INTEREST = NULL"),
    ],
    (SHORT_VOLUME, "short_part_of_total"): [
        _set("short_volume", "AAPL", "SHORT_VOLUME = 1001"),
        _set("short_volume", "FB", "SHORT_VOLUME = -1"),
        _set("short_volume", "GOOG", "TOTAL_VOLUME = NULL"),
    ],
    (RECONCILED, "inside_bands"): [
        _reconciled("VERDICT = 'outside_bands'", "AAPL"),
    ],
    (RECONCILED, "both_sides_present"): [
        _reconciled("VERDICT = 'only_official'", "AAPL"),
        _reconciled("VERDICT = 'only_stream'", "FB"),
    ],
}
"""Rule of one table -> statements that break no other rule."""

BREAKS = {**GENERIC, **COMPLETE, **OWN}
"""Rule -> statements. Each makes one more violation of it on Monday."""

WARNINGS = {
    (BARS, "every_bar_is_listed"),
    (SPLITS, "one_split_per_day"),
    (FINANCIALS, "period_before_filing"),
    (RECONCILED, "both_sides_present"),
    *((asset, name) for asset, name in BREAKS if name == "nothing_vanished"),
}
"""The rules that do not stop a run."""


def fill(snowflake: Warehouse, *assets: str) -> None:
    """The good rows, and nothing else: in every table, or in those of some assets."""
    names = [asset.rpartition("/")[2] for asset in assets if asset.startswith("raw/")]
    # The bars are compared with the tickers.
    for name in {*names, "tickers"} if assets else ROWS:
        insert(snowflake, name)
    if not assets or RECONCILED in assets:
        rows = ", ".join(f"('{day}', '{one}', 'ok')" for day in (MONDAY, TUESDAY) for one in TRADED)
        execute(
            snowflake,
            CREATE_RECONCILIATION,
            f"DELETE FROM {RECONCILIATION}",
            f"INSERT INTO {RECONCILIATION} (SESSION_DATE, SYMBOL, VERDICT) VALUES {rows}",
        )
