"""Official daily bars, unadjusted, one request per session for the whole market."""

from polygon_assets.ingest import RawTable, raw_assets

DAILY_BARS = RawTable(
    "daily_bars",
    "SESSION_DATE",
    "Official daily bars of every US stock that traded, unadjusted, one row per session and "
    "ticker. Source: the vendor's grouped daily endpoint.",
)

polygon_bars = raw_assets("polygon_bars", [DAILY_BARS])
