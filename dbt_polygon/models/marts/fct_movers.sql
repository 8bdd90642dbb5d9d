{{ config(
    materialized='incremental',
    incremental_strategy='whole_sessions',
    unique_key=['session_date', 'category', 'rank'],
    on_schema_change='append_new_columns',
) }}

{#- Which securities each category takes, and what ranks them, the largest first. -#}
{%- set categories = {
    'gainer': ['simple_return > 0 and volume >= 10000', 'simple_return'],
    'loser': ['simple_return < 0 and volume >= 10000', '-simple_return'],
    'most_active': ['dollar_volume > 0', 'dollar_volume'],
    'unusual_volume': ['is_unusual_volume', 'volume_ratio'],
} -%}
{%- set signals = ref('int_daily_signals') %}

with sessions as (
    {{ sessions_to_compute([signals]) }}
),

candidates as (
    select *
    from {{ signals }}
    where session_date in (select sessions.session_date from sessions)
),

placed as (
    {%- for category, (condition, figure) in categories.items() %}
    select
        candidates.*,
        '{{ category }}' as category,
        {{ figure }} as figure
    from candidates
    where {{ condition }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

ranked as (
    select
        *,
        row_number() over (
            partition by session_date, category
            order by figure desc, symbol asc
        ) as rank
    from placed
)

select
    session_date,
    category,
    cast(rank as integer) as rank,
    symbol,
    security_id,
    simple_return,
    close,
    dollar_volume,
    volume_ratio,
    {{ changed_at() }} as changed_at
from ranked
where rank <= 10
