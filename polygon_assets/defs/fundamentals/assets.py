"""Statements, short sales and news of every company, by the day on which they were published."""

from polygon_assets.connections import FUNDAMENTALS
from polygon_assets.raw.ingest import raw_assets
from polygon_assets.raw.table import Sample, StreamTable

FINANCIALS = StreamTable(
    "financials",
    "FILING_DATE",
    ("CIK", "FILING_DATE", "TIMEFRAME", "FISCAL_YEAR", "FISCAL_PERIOD"),
    "Financial statements by the day of their filing, one row per company, period and filing.",
    every_session=False,
    stream="financials",
    path="/vX/reference/financials",
    sample=Sample(parameters={"filing_date.lte": "{session}", "limit": "1"}),
    rows_per_request=100,
)
SHORT_INTEREST = StreamTable(
    "short_interest",
    "SETTLEMENT_DATE",
    ("TICKER", "SETTLEMENT_DATE"),
    "Shares sold short and not yet covered, by ticker and settlement date: two dates a month. Each "
    "is published some sessions later, so the rows come with the runs of later sessions.",
    every_session=False,
    stream="short_interest",
    path="/stocks/v1/short-interest",
    sample=Sample(parameters={"settlement_date.lte": "{session}", "limit": "10"}),
    rows_per_request=50_000,
)
SHORT_VOLUME = StreamTable(
    "short_volume",
    "DATE",
    ("TICKER", "DATE"),
    "Shares sold short off the exchanges, by ticker and session. The vendor's history of it is "
    "shorter than that of the bars.",
    every_session=False,
    band=(0.8, 1.25),
    stream="short_volume",
    path="/stocks/v1/short-volume",
    sample=Sample(parameters={"date": "{session}", "limit": "10"}),
    rows_per_request=50_000,
)
NEWS = StreamTable(
    "news",
    "TO_DATE(CONVERT_TIMEZONE('America/New_York', PUBLISHED_UTC))",
    ("ID",),
    "Articles with the tickers that they are about, by the New York date of their publication.",
    every_session=False,
    stream="news",
    path="/v2/reference/news",
    sample=Sample(parameters={"limit": "10"}),
    rows_per_request=1000,
    whole_sessions=False,
)

FUNDAMENTALS_TABLES = (FINANCIALS, SHORT_INTEREST, SHORT_VOLUME, NEWS)

LATE_DAYS = 21
"""Short interest is published up to two weeks after its settlement date, a holiday later at most;
statements and articles, too, come after their date."""

polygon_fundamentals = raw_assets(
    FUNDAMENTALS, FUNDAMENTALS_TABLES, closed_days=True, late_days=LATE_DAYS
)
