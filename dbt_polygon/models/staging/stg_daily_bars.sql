with bars as (
    select
        *,
        -- Stamped 16:00 in New York, which is the same date in UTC, in summer and in winter.
        to_date(to_timestamp_ntz(t, 3)) as session_date
    from {{ source('polygon', 'daily_bars') }}
)

select
    session_date,
    cast(ticker as varchar) as symbol,
    cast(o as double) as open,
    cast(h as double) as high,
    cast(l as double) as low,
    cast(c as double) as close,
    cast(v as double) as volume,
    cast(vw as double) as vwap,
    cast(n as integer) as trade_count,
    coalesce(cast(otc as boolean), false) as is_otc,
    {{ loaded_at() }} as loaded_at
from bars
{{ newest_version(['session_date', 'ticker']) }}
