"""Reference data: a snapshot per session, so that history can be reproduced."""

from polygon_assets.ingest import RawTable, raw_assets

TICKERS = RawTable(
    "tickers",
    "SESSION_DATE",
    "Every listed and delisted ticker as of the session, one row per session, ticker and status.",
)
EXCHANGES = RawTable(
    "exchanges",
    "SESSION_DATE",
    "The vendor's list of exchanges, stamped with the session it was loaded for. Its ids repeat.",
)
MARKET_HOLIDAYS = RawTable(
    "market_holidays",
    "SESSION_DATE",
    "The closures and early closes that the vendor announced when the session was loaded, one row "
    "per exchange and date.",
)

polygon_reference = raw_assets("polygon_reference", [TICKERS, EXCHANGES, MARKET_HOLIDAYS])
