{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date'],
    on_schema_change='append_new_columns',
) }}

select
    session_date,
    {% if var('benchmark_symbol') -%}
    max(case when symbol = '{{ var("benchmark_symbol") }}' then simple_return end) as benchmark_return,
    {% else -%}
    -- Added up as whole numbers of 1e-12: a sum of fractions would depend on the order of the rows.
    sum(round(simple_return * 1e12)) / nullif(count(simple_return), 0) / 1e12 as benchmark_return,
    {% endif -%}
    cast(count(simple_return) as integer) as security_count,
    {{ changed_at() }} as changed_at
from {{ ref('fct_daily_returns') }}
{%- if is_incremental() %}
where
    {{ in_session_window('session_date') }}
    or session_date in (
        select news.session_date
        from {{ ref('fct_daily_returns') }} as news
        where {{ is_news('news.changed_at') }}
    )
{%- else %}
where {{ in_session_window('session_date') }}
{%- endif %}
group by session_date
