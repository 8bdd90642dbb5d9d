{{ config(
    materialized='incremental',
    incremental_strategy='whole_sessions',
    unique_key=['session_date'],
    on_schema_change='append_new_columns',
) }}

{%- set signals = ref('int_daily_signals') %}

with sessions as (
    {{ sessions_to_compute([signals]) }}
),

counted as (
    select
        session_date,
        count(*) as securities,
        count_if(simple_return > 0) as advancers,
        count_if(simple_return < 0) as decliners,
        count_if(simple_return = 0) as unchanged,
        {{ exact_sum('case when simple_return > 0 then dollar_volume else 0 end', 2) }} as advancing_volume,
        {{ exact_sum('case when simple_return < 0 then dollar_volume else 0 end', 2) }} as declining_volume,
        count_if(is_new_high_52w) as new_highs_52w,
        count_if(is_new_low_52w) as new_lows_52w,
        cast(count_if(is_above_sma_50) as double) / nullif(count(is_above_sma_50), 0) as share_above_sma_50,
        cast(count_if(is_above_sma_200) as double) / nullif(count(is_above_sma_200), 0) as share_above_sma_200,
        {{ exact_sum('simple_return', 15) }} / nullif(count(simple_return), 0) as equal_weighted_return,
        median(simple_return) as median_return
    from {{ signals }}
    where session_date in (select sessions.session_date from sessions)
    group by session_date
)

select
    session_date,
    cast(securities as integer) as securities,
    cast(advancers as integer) as advancers,
    cast(decliners as integer) as decliners,
    cast(unchanged as integer) as unchanged,
    cast(advancers - decliners as integer) as advance_decline_difference,
    advancing_volume,
    declining_volume,
    cast(new_highs_52w as integer) as new_highs_52w,
    cast(new_lows_52w as integer) as new_lows_52w,
    share_above_sma_50,
    share_above_sma_200,
    equal_weighted_return,
    median_return,
    {{ changed_at() }} as changed_at
from counted
