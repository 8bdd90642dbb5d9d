{%- set columns = {
    "session_date": "date", "ticker": "varchar", "sic_code": "varchar", "sic_description": "varchar",
    "list_date": "date", "share_class_shares_outstanding": "float",
    "_airbyte_raw_id": "varchar", "_airbyte_extracted_at": "timestamp_tz",
} -%}
select
    cast(session_date as date) as session_date,
    cast(ticker as varchar) as symbol,
    cast(sic_code as varchar) as sic_code,
    cast(sic_description as varchar) as sic_description,
    cast(list_date as date) as list_date,
    cast(share_class_shares_outstanding as double) as shares_outstanding,
    {{ loaded_at() }} as loaded_at
from {{ source_if_loaded('polygon', 'ticker_details', columns) }}
{{ newest_version(['session_date', 'ticker']) }}
