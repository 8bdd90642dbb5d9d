select
    cast(session_date as date) as session_date,
    cast(exchange as varchar) as exchange,
    cast(date as date) as holiday_date,
    cast(name as varchar) as name,
    cast(status as varchar) as status,
    cast(convert_timezone('UTC', cast(open as timestamp_tz)) as timestamp_ntz) as open_at,
    cast(convert_timezone('UTC', cast(close as timestamp_tz)) as timestamp_ntz) as close_at,
    {{ loaded_at() }} as loaded_at
from {{ source('polygon', 'market_holidays') }}
{{ newest_version(['session_date', 'exchange', 'date']) }}
