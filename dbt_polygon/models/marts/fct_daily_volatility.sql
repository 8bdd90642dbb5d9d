{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

{%- set bars = 21 -%}
{#- Weight of Yang and Zhang (2000) that makes the variance of their estimator smallest. -#}
{%- set open_to_close_weight = 0.34 / (1.34 + (bars + 1) / (bars - 1)) %}

with
{{ recent_bars(['open', 'high', 'low', 'close']) }},

logs as (
    select
        *,
        ln(close / nullif({{ earlier('close') }}, 0)) as close_to_close,
        ln(open / nullif({{ earlier('close') }}, 0)) as overnight,
        ln(close / open) as open_to_close,
        ln(high / low) as high_to_low,
        ln(high / close) * ln(high / open) + ln(low / close) * ln(low / open) as rogers_satchell
    from recent
    where least(open, high, low, close) > 0
),

estimates as (
    select
        session_date,
        symbol,
        security_id,
        is_wanted,
        stddev_samp(close_to_close) over ({{ last_bars(bars) }}) as close_to_close,
        avg(power(high_to_low, 2)) over ({{ last_bars(bars) }}) / (4 * ln(2)) as parkinson,
        avg(0.5 * power(high_to_low, 2) - (2 * ln(2) - 1) * power(open_to_close, 2)) over ({{ last_bars(bars) }})
            as garman_klass,
        avg(rogers_satchell) over ({{ last_bars(bars) }}) as rogers_satchell,
        var_samp(overnight) over ({{ last_bars(bars) }}) as overnight,
        var_samp(open_to_close) over ({{ last_bars(bars) }}) as open_to_close,
        count(*) over ({{ last_year() }}) >= {{ bars }} as is_known,
        count(close_to_close) over ({{ last_bars(bars) }}) = {{ bars }} as has_returns
    from logs
)

select
    session_date,
    symbol,
    security_id,
    case when is_known and has_returns then sqrt(252) * close_to_close end as close_to_close_volatility,
    case when is_known then sqrt(252 * parkinson) end as parkinson_volatility,
    case when is_known then sqrt(252 * greatest(garman_klass, 0)) end as garman_klass_volatility,
    case when is_known then sqrt(252 * greatest(rogers_satchell, 0)) end
        as rogers_satchell_volatility,
    case
        when is_known and has_returns
            then sqrt(252 * (
                    overnight
                    + {{ open_to_close_weight }} * open_to_close
                    + (1 - {{ open_to_close_weight }}) * greatest(rogers_satchell, 0)
                ))
    end as yang_zhang_volatility,
    {{ changed_at() }} as changed_at
from estimates
where is_wanted
