{%- set columns = {
    "filing_date": "date", "tickers": "variant", "sic": "varchar",
    "_airbyte_raw_id": "varchar", "_airbyte_extracted_at": "timestamp_tz",
} -%}
select
    cast(filings.filing_date as date) as filing_date,
    cast(ticker.value as varchar) as symbol,
    cast(filings.sic as varchar) as sic_code
from {{ source_if_loaded('polygon', 'financials', columns) }} as filings,
    lateral flatten(input => filings.tickers) as ticker
where filings.sic is not null
