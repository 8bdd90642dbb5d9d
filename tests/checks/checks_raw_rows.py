"""Good rows of every raw table that Airbyte fills, and how to pick one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from checks_support import MONDAY, TUESDAY

from polygon_assets.defs.raw import STREAM_TABLES
from polygon_assets.raw.table import StreamTable
from polygon_assets.resources.snowflake import Warehouse
from polygon_assets.sessions import NEW_YORK

TRADED = ["AAPL", "FB", "GOOG", "IBM", "MSFT", "ZZAA"]

TABLES: dict[str, StreamTable] = {table.name: table for table in STREAM_TABLES}
"""Every table that Airbyte fills, by name."""

SYNC = 7
"""The sync that brought all good rows."""


@dataclass(frozen=True)
class Rows:
    """Rows of one table.

    Attributes:
        columns: The columns that they fill.
        each: Rows per day and ticker, as SQL; ``{day}`` and ``{ticker}`` stand for the two,
            ``{ms_00}``, ``{ms_16}`` and ``{ms_19}`` for hours of the day in New York.
        one: Condition for a single row of Monday and a ticker.
        monday: More rows on Monday.
    """

    columns: str
    each: str
    one: str = "TICKER = '{ticker}'"
    monday: str = ""

    def values(self, days: Sequence[str]) -> str:
        """All rows of some days, as SQL."""
        rows = [
            self.each.format(day=day, ticker=ticker, **_milliseconds(day))
            for day in days
            for ticker in TRADED
        ]
        if self.monday and MONDAY in days:
            rows.append(self.monday.format(day=MONDAY, **_milliseconds(MONDAY)))
        return ", ".join(rows)


BAR = "44.68, 45.11, 43.96, 44.86, 1629.5"
HOLIDAY_ROWS = (
    "('{day}', 'X{ticker}', '2005-03-25', 'closed', NULL), "
    "('{day}', 'X{ticker}', '2005-11-25', 'early-close', '2005-11-25T18:00:00Z')"
)

ROWS: dict[str, Rows] = {
    "daily_bars": Rows(
        "TICKER, T, O, H, L, C, V",
        f"('{{ticker}}', {{ms_16}}, {BAR})",
        monday="('ZZAB', {ms_16}, 25.16, 25.16, 25.16, 25.16, 0)",
    ),
    # A ticker may have had an earlier owner, and may be listed without being traded.
    "tickers": Rows(
        "SESSION_DATE, TICKER, ACTIVE",
        "('{day}', '{ticker}', TRUE), ('{day}', '{ticker}', FALSE)",
        "TICKER = '{ticker}' AND NOT ACTIVE",
        monday="('{day}', 'ZZAB', TRUE)",
    ),
    # Ids repeat at the vendor.
    "exchanges": Rows("SESSION_DATE, ID, NAME", "('{day}', 10, '{ticker}')", "NAME = '{ticker}'"),
    "market_holidays": Rows(
        "SESSION_DATE, EXCHANGE, DATE, STATUS, CLOSE",
        HOLIDAY_ROWS,
        "EXCHANGE = 'X{ticker}' AND STATUS = 'closed'",
    ),
    "ticker_types": Rows("SESSION_DATE, CODE", "('{day}', '{ticker}')", "CODE = '{ticker}'"),
    "conditions": Rows("SESSION_DATE, ID, TYPE", "('{day}', 10, '{ticker}')", "TYPE = '{ticker}'"),
    "splits": Rows(
        "ID, TICKER, EXECUTION_DATE, SPLIT_FROM, SPLIT_TO",
        "('s {day} {ticker}', '{ticker}', '{day}', 30, 1)",
    ),
    # Two dividends on one day are usual: a regular and a special one.
    "dividends": Rows(
        "ID, TICKER, EX_DIVIDEND_DATE, CASH_AMOUNT",
        "('d {day} {ticker}', '{ticker}', '{day}', 0.08), "
        "('e {day} {ticker}', '{ticker}', '{day}', 3)",
        "TICKER = '{ticker}' AND CASH_AMOUNT = 3",
    ),
    "ipos": Rows("TICKER, LISTING_DATE", "('{ticker}', '{day}')"),
    "financials": Rows(
        "CIK, FILING_DATE, TIMEFRAME, FISCAL_YEAR, FISCAL_PERIOD, END_DATE",
        "('{ticker}', '{day}', 'quarterly', '2004', 'Q4', '2004-12-31')",
        "CIK = '{ticker}'",
    ),
    "short_interest": Rows(
        "TICKER, SETTLEMENT_DATE, SHORT_INTEREST", "('{ticker}', '{day}', 1000)"
    ),
    "short_volume": Rows(
        "TICKER, DATE, SHORT_VOLUME, TOTAL_VOLUME", "('{ticker}', '{day}', 0, 1000)"
    ),
    "news": Rows(
        "ID, PUBLISHED_UTC", "('{day} {ticker}', '{day}T21:30:00-05:00')", "ID LIKE '%{ticker}'"
    ),
    "ticker_details": Rows("SESSION_DATE, TICKER", "('{day}', '{ticker}')"),
    "ticker_events": Rows("SESSION_DATE, TICKER", "('{day}', '{ticker}')"),
    "related_tickers": Rows("SESSION_DATE, TICKER, RELATED_TICKER", "('{day}', '{ticker}', 'QQQ')"),
    "open_close": Rows(
        'SYMBOL, "FROM", OPEN, HIGH, LOW, CLOSE, VOLUME',
        f"('{{ticker}}', '{{day}}', {BAR})",
        "SYMBOL = '{ticker}'",
    ),
    # The evening of New York is the next day in UTC.
    "symbol_minute_bars": Rows("TICKER, T, O, H, L, C, V", f"('{{ticker}}', {{ms_19}}, {BAR})"),
    "symbol_day_bars": Rows("TICKER, T, O, H, L, C, V", f"('{{ticker}}', {{ms_00}}, {BAR})"),
}
"""Table -> its good rows."""


def insert(snowflake: Warehouse, name: str, days: Sequence[str] = (MONDAY, TUESDAY)) -> None:
    """The good rows of a table, and nothing else."""
    table, rows = f"{{database}}.RAW.{name.upper()}", ROWS[name]
    execute(
        snowflake,
        f"DELETE FROM {table}",
        f"INSERT INTO {table} ({rows.columns}) VALUES {rows.values(days)}",
        f"UPDATE {table} SET _AIRBYTE_META = {meta(SYNC)}, "
        "_AIRBYTE_EXTRACTED_AT = '2005-03-02T01:00:00Z'",
    )


def meta(sync: int, changes: str = "") -> str:
    """A row's ``_AIRBYTE_META``."""
    return f"""PARSE_JSON('{{"sync_id":{sync},"changes":[{changes}]}}')"""


def one_row(name: str, ticker: str) -> str:
    """Condition for a single row of Monday."""
    session = TABLES[name].session
    return f"{session} = '{MONDAY}' AND {ROWS[name].one.format(ticker=ticker)}"


def execute(snowflake: Warehouse, *statements: str) -> None:
    """Run statements in which ``{database}`` stands for the database."""
    with snowflake.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.replace("{database}", str(snowflake.database)))


def _milliseconds(day: str) -> dict[str, int]:
    moments = {
        hour: datetime.combine(date.fromisoformat(day), time(hour), NEW_YORK)
        for hour in (0, 16, 19)
    }
    return {f"ms_{hour:02}": int(one.timestamp() * 1000) for hour, one in moments.items()}
