{%- set columns = {
    "session_date": "date", "ticker": "varchar", "composite_figi": "varchar", "events": "variant",
    "_airbyte_raw_id": "varchar", "_airbyte_extracted_at": "timestamp_tz",
} -%}
with newest as (
    select *
    from {{ source_if_loaded('polygon', 'ticker_events', columns) }}
    {{ newest_version(['session_date', 'ticker']) }}
)

select
    cast(newest.session_date as date) as session_date,
    cast(newest.ticker as varchar) as symbol,
    cast(newest.composite_figi as varchar) as composite_figi,
    cast(event.value:date as date) as event_date,
    cast(event.value:ticker_change:ticker as varchar) as event_symbol
from newest,
    lateral flatten(input => newest.events) as event
where cast(event.value:type as varchar) = 'ticker_change'
