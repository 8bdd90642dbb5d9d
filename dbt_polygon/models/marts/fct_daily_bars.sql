{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

with bars as (
    select
        session_date,
        symbol,
        open,
        high,
        low,
        close,
        volume,
        vwap,
        trade_count,
        is_otc,
        loaded_at
    from {{ ref('stg_daily_bars') }}
    where {{ in_session_window('session_date') }}
    {%- if is_incremental() %}
    -- A snapshot that was loaded late can show that a bar belongs to another security.
    union all
    select
        session_date,
        symbol,
        open,
        high,
        low,
        close,
        volume,
        vwap,
        trade_count,
        is_otc,
        loaded_at
    from {{ this }}
    where
        not ({{ in_session_window('session_date') }})
        and symbol in (
            select news.symbol
            from {{ ref('dim_security') }} as news
            where {{ is_news('news.changed_at') }}
        )
    {%- endif %}
)

select
    bars.session_date,
    bars.symbol,
    securities.security_id,
    bars.open,
    bars.high,
    bars.low,
    bars.close,
    bars.volume,
    bars.vwap,
    bars.trade_count,
    bars.is_otc,
    -- Trades are reported and corrected until the next morning, 11:00 in New York.
    case
        when
            bars.loaded_at >= convert_timezone(
                'America/New_York', 'UTC', dateadd('hour', 35, cast(bars.session_date as timestamp_ntz))
            )
            then 'final'
        else 'provisional'
    end as status,
    'polygon_daily' as source,
    bars.loaded_at,
    {{ changed_at() }} as changed_at
from bars
inner join {{ ref('dim_security') }} as securities
    on bars.symbol = securities.symbol
    and bars.session_date >= securities.valid_from
    and bars.session_date < securities.valid_before
