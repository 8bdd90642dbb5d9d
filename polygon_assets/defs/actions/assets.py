"""Corporate actions: splits and dividends, by the session on which they take effect."""

from polygon_assets.ingest import RawTable, raw_assets

SPLITS = RawTable(
    "splits",
    "EXECUTION_DATE",
    "Stock splits, one row per event; a holder of split_from shares has split_to from the "
    "execution date on.",
    every_session=False,
)
DIVIDENDS = RawTable(
    "dividends",
    "EX_DIVIDEND_DATE",
    "Cash dividends in the share basis of their day, one row per event.",
    every_session=False,
)

polygon_actions = raw_assets("polygon_actions", [SPLITS, DIVIDENDS])
