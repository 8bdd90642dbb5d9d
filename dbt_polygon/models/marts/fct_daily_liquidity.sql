{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

with
{{ recent_bars(['close', 'volume']) }},

numbered as (
    select
        recent.*,
        sessions.session_number
    from recent
    left join {{ ref('dim_trading_session') }} as sessions
        on recent.session_date = sessions.session_date
),

turnover as (
    select
        *,
        close * volume as dollar_volume,
        abs(close / nullif({{ earlier('close') }}, 0) - 1) / nullif(close * volume, 0) as price_impact,
        -- The session itself counts: 1 at the first bar.
        session_number + 1 - min(session_number) over ({{ last_year() }}) as sessions_known
    from numbered
),

liquidity as (
    select
        session_date,
        symbol,
        security_id,
        is_wanted,
        dollar_volume,
        case when sessions_known >= 20 then {{ exact_sum('volume', 12, last_sessions(20)) }} / 20 end as adv_20,
        case when sessions_known >= 20 then {{ exact_sum('dollar_volume', 12, last_sessions(20)) }} / 20 end
            as average_dollar_volume_20,
        count(*) over ({{ last_sessions(20) }}) as traded_sessions_20,
        case
            when sessions_known >= 20
                then
                    1000000000 * sum(price_impact) over ({{ last_sessions(20) }})
                    / nullif(count(price_impact) over ({{ last_sessions(20) }}), 0)
        end as amihud_20,
        case
            when sessions_known > 20
                then volume / nullif({{ exact_sum('volume', 12, last_sessions(20, until=1)) }} / 20, 0)
        end as volume_ratio
    from turnover
)

select
    session_date,
    symbol,
    security_id,
    dollar_volume,
    adv_20,
    average_dollar_volume_20,
    cast(traded_sessions_20 as integer) as traded_sessions_20,
    amihud_20,
    volume_ratio,
    coalesce(volume_ratio >= 3 and traded_sessions_20 >= 15, false) as is_unusual_volume,
    {{ changed_at() }} as changed_at
from liquidity
where is_wanted
