{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

with adjusted as (
    select
        bars.session_date,
        bars.symbol,
        bars.security_id,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        bars.vwap,
        bars.trade_count,
        coalesce(factors.split_factor, 1) as split_factor,
        coalesce(factors.dividend_factor, 1) as dividend_factor
    from {{ ref('fct_daily_bars') }} as bars
    left join {{ ref('int_adjustment_factors') }} as factors
        on bars.symbol = factors.symbol
        and bars.session_date >= factors.valid_from
        and bars.session_date < factors.valid_before
)

select
    adjusted.session_date,
    adjusted.symbol,
    adjusted.security_id,
    adjusted.open * adjusted.split_factor as open,
    adjusted.high * adjusted.split_factor as high,
    adjusted.low * adjusted.split_factor as low,
    adjusted.close * adjusted.split_factor as close,
    adjusted.volume / nullif(adjusted.split_factor, 0) as volume,
    adjusted.vwap * adjusted.split_factor as vwap,
    adjusted.trade_count,
    adjusted.close * adjusted.split_factor * adjusted.dividend_factor as adjusted_close,
    adjusted.split_factor,
    adjusted.dividend_factor
from adjusted
{% if is_incremental() -%}
left join {{ this }} as stored
    on adjusted.session_date = stored.session_date
    and adjusted.symbol = stored.symbol
{% endif -%}
where
    {{ in_session_window('adjusted.session_date') }}
    {%- if is_incremental() %}
    -- An action changes the factor of every earlier session: history is restated.
    or stored.split_factor <> adjusted.split_factor
    or stored.dividend_factor <> adjusted.dividend_factor
    or stored.security_id <> adjusted.security_id
    {%- endif %}
