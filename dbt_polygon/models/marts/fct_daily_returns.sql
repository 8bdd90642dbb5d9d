{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

{%- set bars = ref('fct_daily_bars') -%}
{%- set factors = ref('int_adjustment_factors') %}

with
{% if is_incremental() -%}
restated as (
    {{ restated_from(bars, factors) }}
),

-- The newest bar of each security before those that are computed again.
last_before as (
    select
        bars.security_id,
        max(bars.session_date) as session_date
    from {{ bars }} as bars
    left join restated
        on bars.security_id = restated.security_id
    where
        bars.session_date < cast('{{ var("first_session") }}' as date)
        and (restated.from_session is null or bars.session_date < restated.from_session)
    group by bars.security_id
),
{% endif %}

neighbours as (
    select
        bars.session_date,
        bars.symbol,
        bars.security_id,
        bars.open,
        bars.close,
        lag(bars.session_date) over (partition by bars.security_id order by bars.session_date)
            as previous_session_date,
        lag(bars.close) over (partition by bars.security_id order by bars.session_date)
            as previous_close
    from {{ bars }} as bars
    {%- if is_incremental() %}
left join last_before
    on bars.security_id = last_before.security_id
where last_before.session_date is null or bars.session_date >= last_before.session_date
    {%- endif %}
),

inputs as (
    select
        neighbours.*,
        coalesce(actions.split_ratio, 1) as split_ratio,
        coalesce(actions.cash_dividend, 0) as cash_dividend
    from neighbours
    left join {{ ref('int_session_actions') }} as actions
        on neighbours.security_id = actions.security_id
        and neighbours.session_date = actions.session_date
)

select
    inputs.session_date,
    inputs.symbol,
    inputs.security_id,
    inputs.previous_session_date,
    inputs.previous_close,
    inputs.split_ratio,
    inputs.cash_dividend,
    inputs.close * inputs.split_ratio / nullif(inputs.previous_close, 0) - 1 as simple_return,
    ln(nullif(inputs.close, 0) * inputs.split_ratio / nullif(inputs.previous_close, 0))
        as log_return,
    (inputs.close + inputs.cash_dividend) * inputs.split_ratio / nullif(inputs.previous_close, 0) - 1
        as total_return,
    inputs.open * inputs.split_ratio / nullif(inputs.previous_close, 0) - 1 as overnight_return,
    inputs.close / nullif(inputs.open, 0) - 1 as intraday_return,
    {{ changed_at() }} as changed_at
from inputs
{% if is_incremental() -%}
left join restated
    on inputs.security_id = restated.security_id
{% endif -%}
where
    {{ in_session_window('inputs.session_date') }}
    {%- if is_incremental() %}
    or inputs.session_date >= restated.from_session
    {%- endif %}
