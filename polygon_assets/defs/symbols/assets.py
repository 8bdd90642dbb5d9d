"""What is read symbol by symbol, for the tickers in ``CONNECTOR_TICKERS``."""

from polygon_assets.connections import SYMBOL_BARS, SYMBOLS
from polygon_assets.raw.ingest import raw_assets
from polygon_assets.raw.table import Sample, StreamTable

TICKER_DETAILS = StreamTable(
    "ticker_details",
    "SESSION_DATE",
    ("SESSION_DATE", "TICKER"),
    "What the vendor knows of the chosen tickers as of the session, one row per session and "
    "ticker.",
    band=(0.8, 1.25),
    stream="ticker_details",
    path="/v3/reference/tickers/{ticker}",
    sample=Sample(parameters={"date": "{session}"}),
    rows_per_request=1,
    requests_per_day=1,
)
TICKER_EVENTS = StreamTable(
    "ticker_events",
    "SESSION_DATE",
    ("SESSION_DATE", "TICKER"),
    "The names that the chosen tickers' companies have traded under, as known on the session.",
    band=(0.8, 1.25),
    stream="ticker_events",
    path="/vX/reference/tickers/{ticker}/events",
    sample=Sample(),
    rows_per_request=1,
    requests_per_day=1,
)
RELATED_TICKERS = StreamTable(
    "related_tickers",
    "SESSION_DATE",
    ("SESSION_DATE", "TICKER", "RELATED_TICKER"),
    "The tickers that the vendor relates to the chosen ones, as known on the session.",
    # A ticker may have no relatives.
    every_session=False,
    band=(0.5, 2.0),
    stream="related_tickers",
    path="/v1/related-companies/{ticker}",
    sample=Sample(renamed={"ticker": "related_ticker"}),
    requests_per_day=1,
)
OPEN_CLOSE = StreamTable(
    "open_close",
    '"FROM"',
    ("SYMBOL", '"FROM"'),
    "The official day of the chosen tickers with the last prices before and after hours, "
    "unadjusted, one row per session and ticker.",
    band=(0.8, 1.25),
    stream="open_close",
    path="/v1/open-close/{ticker}/{session}",
    sample=Sample(parameters={"adjusted": "false"}, at=""),
    rows_per_request=1,
    requests_per_day=1,
)

SYMBOLS_TABLES = (TICKER_DETAILS, TICKER_EVENTS, RELATED_TICKERS, OPEN_CLOSE)

polygon_symbols = raw_assets(SYMBOLS, SYMBOLS_TABLES)

MINUTE_BARS = StreamTable(
    "symbol_minute_bars",
    # The last minutes after hours are on the next date in UTC.
    "TO_DATE(CONVERT_TIMEZONE('UTC', 'America/New_York', TO_TIMESTAMP_NTZ(T, 3)))",
    ("TICKER", "T"),
    "Minute bars of the chosen tickers, unadjusted, before and after hours included. T is the "
    "start of the minute in milliseconds.",
    # A half day has little more than half of the minutes.
    band=(0.4, 2.5),
    stream="minute_bars",
    path="/v2/aggs/ticker/{ticker}/range/1/minute/{session}/{session}",
    sample=Sample(parameters={"adjusted": "false", "limit": "10"}),
    rows_per_request=50_000,
)
DAY_BARS = StreamTable(
    "symbol_day_bars",
    # Midnight in New York is the same date in UTC, in summer and in winter.
    "TO_DATE(TO_TIMESTAMP_NTZ(T, 3))",
    ("TICKER", "TO_DATE(TO_TIMESTAMP_NTZ(T, 3))"),
    "Daily bars of the chosen tickers, unadjusted, one row per session and ticker. T is the start "
    "of the New York day in milliseconds.",
    band=(0.8, 1.25),
    stream="day_bars",
    path="/v2/aggs/ticker/{ticker}/range/1/day/{session}/{session}",
    sample=Sample(parameters={"adjusted": "false", "limit": "10"}),
    rows_per_request=50_000,
)

SYMBOL_BARS_TABLES = (MINUTE_BARS, DAY_BARS)

polygon_symbol_bars = raw_assets(SYMBOL_BARS, SYMBOL_BARS_TABLES)
