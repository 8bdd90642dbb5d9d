"""Corporate actions by the session on which they take effect, and new listings."""

from polygon_assets.connections import ACTIONS
from polygon_assets.raw.ingest import raw_assets
from polygon_assets.raw.table import Sample, StreamTable

SPLITS = StreamTable(
    "splits",
    "EXECUTION_DATE",
    ("ID",),
    "Stock splits, one row per event; a holder of split_from shares has split_to from the "
    "execution date on.",
    every_session=False,
    stream="splits",
    path="/stocks/v1/splits",
    sample=Sample(parameters={"execution_date.lte": "{session}", "limit": "10"}),
    rows_per_request=5000,
)
DIVIDENDS = StreamTable(
    "dividends",
    "EX_DIVIDEND_DATE",
    ("ID",),
    "Cash dividends in the share basis of their day, one row per event.",
    every_session=False,
    stream="dividends",
    path="/stocks/v1/dividends",
    sample=Sample(
        parameters={"ex_dividend_date.lte": "{session}", "limit": "10"},
    ),
    rows_per_request=5000,
)
IPOS = StreamTable(
    "ipos",
    "LISTING_DATE",
    ("TICKER", "LISTING_DATE"),
    "Initial public offerings, one row per ticker and first day of trading.",
    every_session=False,
    stream="ipos",
    path="/vX/reference/ipos",
    sample=Sample(parameters={"listing_date.lte": "{session}", "limit": "10"}),
    rows_per_request=1000,
)

ACTIONS_TABLES = (SPLITS, DIVIDENDS, IPOS)

polygon_actions = raw_assets(ACTIONS, ACTIONS_TABLES, closed_days=True)
