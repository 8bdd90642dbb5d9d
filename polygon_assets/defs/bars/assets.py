"""Official daily bars, unadjusted, one request per session for the whole market."""

from polygon_assets.connections import BARS
from polygon_assets.raw.ingest import raw_assets
from polygon_assets.raw.table import Sample, StreamTable

# 16:00 in New York is the same date in UTC, in summer and in winter.
SESSION = "TO_DATE(TO_TIMESTAMP_NTZ(T, 3))"

DAILY_BARS = StreamTable(
    "daily_bars",
    SESSION,
    ("TICKER", SESSION),
    "Official daily bars of every US stock that traded, unadjusted, one row per session and "
    "ticker. T is 16:00 New York in milliseconds. Source: the vendor's grouped daily endpoint.",
    band=(0.8, 1.25),
    stream="daily_bars",
    path="/v2/aggs/grouped/locale/us/market/stocks/{session}",
    # The same fields as the whole market's answer, which holds a megabyte.
    sample=Sample(
        path="/v2/aggs/ticker/{ticker}/prev",
        parameters={"adjusted": "false"},
        renamed={"T": "ticker"},
    ),
    requests_per_day=1,
)

BARS_TABLES = (DAILY_BARS,)

polygon_bars = raw_assets(BARS, BARS_TABLES)
