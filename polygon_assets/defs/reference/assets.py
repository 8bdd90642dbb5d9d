"""Reference data: a snapshot per session, so that history can be reproduced."""

from polygon_assets.connections import REFERENCE
from polygon_assets.raw.ingest import raw_assets
from polygon_assets.raw.table import Sample, StreamTable

TICKERS = StreamTable(
    "tickers",
    "SESSION_DATE",
    ("SESSION_DATE", "TICKER", "ACTIVE"),
    "Every listed and delisted ticker as of the session, one row per session, ticker and status.",
    band=(0.9, 1.1),
    stream="tickers",
    path="/v3/reference/tickers",
    sample=Sample(
        parameters={"market": "stocks", "date": "{session}", "limit": "10"},
    ),
    rows_per_request=1000,
    requests_per_day=2,
)
EXCHANGES = StreamTable(
    "exchanges",
    "SESSION_DATE",
    ("SESSION_DATE", "ID", "NAME"),
    "The vendor's list of exchanges, stamped with the session it was loaded for. Its ids repeat.",
    band=(0.8, 1.25),
    stream="exchanges",
    path="/v3/reference/exchanges",
    sample=Sample(parameters={"asset_class": "stocks", "locale": "us"}),
    requests_per_day=1,
)
MARKET_HOLIDAYS = StreamTable(
    "market_holidays",
    "SESSION_DATE",
    ("SESSION_DATE", "EXCHANGE", "DATE"),
    "The closures and early closes that the vendor announced when the session was loaded, one row "
    "per exchange and date.",
    stream="market_holidays",
    path="/v1/marketstatus/upcoming",
    sample=Sample(at=""),
    requests_per_day=1,
)
TICKER_TYPES = StreamTable(
    "ticker_types",
    "SESSION_DATE",
    ("SESSION_DATE", "CODE"),
    "The vendor's codes for kinds of securities, stamped with the session they were loaded for.",
    band=(0.8, 1.25),
    stream="ticker_types",
    path="/v3/reference/tickers/types",
    sample=Sample(parameters={"asset_class": "stocks"}),
    requests_per_day=1,
)
CONDITIONS = StreamTable(
    "conditions",
    "SESSION_DATE",
    ("SESSION_DATE", "ID", "TYPE"),
    "The conditions of trades and quotes and how each one counts in a bar, stamped with the "
    "session they were loaded for.",
    band=(0.8, 1.25),
    stream="conditions",
    path="/v3/reference/conditions",
    sample=Sample(parameters={"asset_class": "stocks", "limit": "10"}),
    rows_per_request=1000,
    requests_per_day=1,
)

REFERENCE_TABLES = (TICKERS, EXCHANGES, MARKET_HOLIDAYS, TICKER_TYPES, CONDITIONS)

polygon_reference = raw_assets(REFERENCE, REFERENCE_TABLES)
