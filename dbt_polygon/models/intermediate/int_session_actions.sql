with actions as (
    select
        security_id,
        ex_date,
        coalesce(split_from, 1) as split_from,
        coalesce(split_to, 1) as split_to,
        cash_dividend
    from {{ ref('int_corporate_actions') }}
    where split_ratio <> 1 or cash_dividend > 0
),

-- Nearly every action takes effect with the bar of its own day.
on_the_day as (
    select
        actions.security_id,
        actions.ex_date,
        bars.session_date
    from actions
    inner join {{ ref('fct_daily_bars') }} as bars
        on actions.security_id = bars.security_id
        and actions.ex_date = bars.session_date
),

waiting as (
    select
        actions.security_id,
        actions.ex_date
    from actions
    left join on_the_day
        on actions.security_id = on_the_day.security_id
        and actions.ex_date = on_the_day.ex_date
    where on_the_day.security_id is null
),

-- The others take effect with the next bar. One before the first bar concerns nobody.
later as (
    select
        waiting.security_id,
        waiting.ex_date,
        min(case when bars.session_date > waiting.ex_date then bars.session_date end) as session_date
    from waiting
    inner join {{ ref('fct_daily_bars') }} as bars
        on waiting.security_id = bars.security_id
    group by waiting.security_id, waiting.ex_date
    having
        min(bars.session_date) < waiting.ex_date
        and max(bars.session_date) > waiting.ex_date
),

placed as (
    select *
    from on_the_day
    union all
    select *
    from later
),

in_order as (
    select
        placed.security_id,
        placed.session_date,
        actions.ex_date,
        actions.split_from,
        actions.split_to,
        actions.cash_dividend,
        coalesce(sum(ln(actions.split_to / actions.split_from)) over (
            partition by placed.security_id, placed.session_date
            order by actions.ex_date
            rows between 1 following and unbounded following
        ), 0) as log_later_splits
    from placed
    inner join actions
        on placed.security_id = actions.security_id
        and placed.ex_date = actions.ex_date
),

multiplied as (
    select
        security_id,
        session_date,
        {{ share_product('split_from') }} as split_from,
        {{ share_product('split_to') }} as split_to,
        -- A dividend is per share of its own day: what splits after it gave, it does not cover.
        sum(case when log_later_splits = 0 then cash_dividend else cash_dividend / exp(log_later_splits) end)
            as cash_dividend,
        cast(count(*) as integer) as action_count
    from in_order
    group by security_id, session_date
)

select
    security_id,
    session_date,
    split_from,
    split_to,
    split_to / split_from as split_ratio,
    cash_dividend,
    action_count
from multiplied
