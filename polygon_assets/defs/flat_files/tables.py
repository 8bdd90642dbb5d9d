"""The tables that flat files fill."""

from dataclasses import dataclass

from polygon_assets.raw.table import RawTable

COLUMNS = {
    "ticker": "VARCHAR",
    "volume": "FLOAT",
    "open": "FLOAT",
    "close": "FLOAT",
    "high": "FLOAT",
    "low": "FLOAT",
    "window_start": "NUMBER(38, 0)",
    "transactions": "NUMBER(38, 0)",
}
"""The columns of a file, by the vendor's names -> their types in the warehouse."""


@dataclass(frozen=True, kw_only=True)
class FlatFileTable(RawTable):
    """A raw table that the vendor's flat files fill, one file a session.

    Attributes:
        dataset: The vendor's name of the files.
    """

    dataset: str


MINUTE_BARS = FlatFileTable(
    "minute_bars",
    "SESSION_DATE",
    ("TICKER", "WINDOW_START"),
    "Minute bars of every US stock that traded, unadjusted, before and after hours included. "
    "WINDOW_START is the start of the minute in nanoseconds. Source: the vendor's flat files.",
    # A half day has little more than half of the minutes.
    band=(0.4, 2.5),
    dataset="minute_aggs_v1",
)
FLAT_DAILY_BARS = FlatFileTable(
    "flat_daily_bars",
    "SESSION_DATE",
    ("TICKER", "WINDOW_START"),
    "Daily bars of every US stock that traded, unadjusted, one row per session and ticker. "
    "WINDOW_START is midnight in New York in nanoseconds. Source: the vendor's flat files.",
    band=(0.8, 1.25),
    dataset="day_aggs_v1",
)
TABLES = (MINUTE_BARS, FLAT_DAILY_BARS)
