{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

with
{{ recent_bars(['high', 'low', 'adjusted_close']) }},

extremes as (
    select
        *,
        max(high) over ({{ last_year() }}) as high_52w,
        min(low) over ({{ last_year() }}) as low_52w,
        max(adjusted_close) over ({{ last_year() }}) as peak_52w,
        count(*) over ({{ last_year() }}) as bar_count
    from recent
),

drawdowns as (
    select
        *,
        adjusted_close / peak_52w - 1 as drawdown
    from extremes
),

deepest as (
    select
        *,
        min(drawdown) over ({{ last_year() }}) as max_drawdown_52w
    from drawdowns
)

select
    session_date,
    symbol,
    security_id,
    high_52w,
    low_52w,
    high = high_52w and bar_count > 1 as is_new_high_52w,
    low = low_52w and bar_count > 1 as is_new_low_52w,
    peak_52w,
    drawdown,
    max_drawdown_52w,
    {{ changed_at() }} as changed_at
from deepest
where is_wanted
