select
    cast(session_date as date) as session_date,
    cast(ticker as varchar) as symbol,
    cast(active as boolean) as is_active,
    cast(name as varchar) as name,
    cast(type as varchar) as security_type,
    cast(primary_exchange as varchar) as primary_exchange,
    cast(currency_name as varchar) as currency,
    cast(cik as varchar) as cik,
    cast(composite_figi as varchar) as composite_figi,
    cast(share_class_figi as varchar) as share_class_figi,
    cast(convert_timezone('UTC', cast(delisted_utc as timestamp_tz)) as timestamp_ntz) as delisted_at,
    {{ loaded_at() }} as loaded_at
from {{ source('polygon', 'tickers') }}
{{ newest_version(['session_date', 'ticker', 'active']) }}
