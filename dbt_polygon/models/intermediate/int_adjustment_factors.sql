{{ config(
    materialized='incremental',
    incremental_strategy='whole_table',
    unique_key=['security_id', 'valid_from'],
    on_schema_change='append_new_columns',
) }}

{#- The action and those after it. -#}
{%- set later -%}
    partition by security_id
    order by session_date desc
    rows between unbounded preceding and current row
{%- endset %}

with actions as (
    select
        actions.security_id,
        actions.session_date,
        actions.split_from,
        actions.split_to,
        bars.close / (bars.close + actions.cash_dividend) as dividend_factor
    from {{ ref('int_session_actions') }} as actions
    inner join {{ ref('fct_daily_bars') }} as bars
        on actions.security_id = bars.security_id
        and actions.session_date = bars.session_date
),

-- Summed from the newest action backwards, so that what lies before a new action changes, and
-- nothing else.
products as (
    select
        security_id,
        session_date as valid_before,
        lag(session_date) over (partition by security_id order by session_date) as valid_from,
        {{ share_product('split_from', later) }} as split_from,
        {{ share_product('split_to', later) }} as split_to,
        exp(sum(coalesce(ln(nullif(dividend_factor, 0)), 0)) over ({{ later }})) as dividend_factor
    from actions
),

newest as (
    select
        securities.security_id,
        max(actions.session_date) as valid_from
    from {{ ref('dim_security') }} as securities
    left join actions
        on securities.security_id = actions.security_id
    group by securities.security_id
),

ranges as (
    select
        security_id,
        valid_from,
        valid_before,
        split_from / split_to as split_factor,
        dividend_factor
    from products
    union all
    select
        security_id,
        valid_from,
        cast('9999-12-31' as date) as valid_before,
        cast(1 as double) as split_factor,
        cast(1 as double) as dividend_factor
    from newest
)

select
    security_id,
    coalesce(valid_from, cast('1900-01-01' as date)) as valid_from,
    valid_before,
    split_factor,
    dividend_factor,
    {{ changed_at() }} as changed_at
from ranges
