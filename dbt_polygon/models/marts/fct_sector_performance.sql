{{ config(
    materialized='incremental',
    incremental_strategy='whole_sessions',
    unique_key=['session_date', 'sector'],
    on_schema_change='append_new_columns',
) }}

{%- set signals = ref('int_daily_signals') %}

with sessions as (
    {{ sessions_to_compute([signals]) }}
),

members as (
    select
        session_date,
        sector,
        simple_return,
        dollar_volume,
        case when simple_return is not null then average_dollar_volume_20 end as weight
    from {{ signals }}
    where session_date in (select sessions.session_date from sessions)
)

select
    session_date,
    sector,
    cast(count(*) as integer) as securities,
    {{ exact_sum('simple_return', 15) }} / nullif(count(simple_return), 0) as equal_weighted_return,
    {{ exact_sum('weight * simple_return', 6) }} / nullif({{ exact_sum('weight', 2) }}, 0) as dollar_weighted_return,
    cast(count_if(simple_return > 0) as integer) as advancers,
    cast(count_if(simple_return < 0) as integer) as decliners,
    {{ exact_sum('coalesce(dollar_volume, 0)', 2) }} as dollar_volume,
    {{ changed_at() }} as changed_at
from members
group by session_date, sector
