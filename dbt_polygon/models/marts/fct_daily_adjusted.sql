{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

{%- set bars = ref('fct_daily_bars') -%}
{%- set factors = ref('int_adjustment_factors') %}

{% if is_incremental() -%}
-- An action changes the factor of every earlier session: the history of its security is restated.
with restated as (
    {{ restated_from(bars, factors) }}
)

{%- endif %}

select
    bars.session_date,
    bars.symbol,
    bars.security_id,
    bars.open * factors.split_factor as open,
    bars.high * factors.split_factor as high,
    bars.low * factors.split_factor as low,
    bars.close * factors.split_factor as close,
    bars.volume / factors.split_factor as volume,
    bars.vwap * factors.split_factor as vwap,
    bars.trade_count,
    bars.close * factors.split_factor * factors.dividend_factor as adjusted_close,
    factors.split_factor,
    factors.dividend_factor,
    {{ changed_at() }} as changed_at
from {{ bars }} as bars
inner join {{ factors }} as factors
    on bars.security_id = factors.security_id
    and bars.session_date >= factors.valid_from
    and bars.session_date < factors.valid_before
{% if is_incremental() -%}
left join restated
    on bars.security_id = restated.security_id
{% endif -%}
where
    {{ in_session_window('bars.session_date') }}
    {%- if is_incremental() %}
    or bars.session_date >= restated.from_session
    {%- endif %}
