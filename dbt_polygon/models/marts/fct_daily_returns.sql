{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

-- The previous bar comes from staging: sessions reach the marts in any order, and a bar must not
-- take an older one for its neighbour while the session between them is still to be built.
with neighbours as (
    select
        session_date,
        symbol,
        lag(session_date) over (partition by symbol order by session_date) as previous_session_date,
        lag(close) over (partition by symbol order by session_date) as previous_close
    from {{ ref('stg_daily_bars') }}
),

inputs as (
    select
        bars.session_date,
        bars.symbol,
        bars.security_id,
        bars.open,
        bars.close,
        neighbours.previous_session_date,
        neighbours.previous_close,
        coalesce(actions.split_ratio, 1) as split_ratio,
        coalesce(actions.cash_dividend, 0) as cash_dividend
    from {{ ref('fct_daily_bars') }} as bars
    left join neighbours
        on bars.session_date = neighbours.session_date
        and bars.symbol = neighbours.symbol
    left join {{ ref('int_session_actions') }} as actions
        on bars.session_date = actions.session_date
        and bars.symbol = actions.symbol
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
    (inputs.close * inputs.split_ratio + inputs.cash_dividend) / nullif(inputs.previous_close, 0) - 1
        as total_return,
    inputs.open * inputs.split_ratio / nullif(inputs.previous_close, 0) - 1 as overnight_return,
    inputs.close / nullif(inputs.open, 0) - 1 as intraday_return
from inputs
{% if is_incremental() -%}
left join {{ this }} as stored
    on inputs.session_date = stored.session_date
    and inputs.symbol = stored.symbol
{% endif -%}
where
    {{ in_session_window('inputs.session_date') }}
    {%- if is_incremental() %}
    -- A bar or an action that was loaded late changes the return of its neighbour.
    or stored.split_ratio <> inputs.split_ratio
    or stored.cash_dividend <> inputs.cash_dividend
    or stored.security_id <> inputs.security_id
    or stored.symbol is not null and stored.previous_close is distinct from inputs.previous_close
    or stored.symbol is not null and stored.previous_session_date is distinct from inputs.previous_session_date
    {%- endif %}
