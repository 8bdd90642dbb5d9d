with actions as (
    select
        symbol,
        ex_date,
        split_ratio,
        cash_dividend
    from {{ ref('int_corporate_actions') }}
    where split_ratio <> 1 or cash_dividend > 0
),

bars as (
    select
        symbol,
        session_date,
        close
    from {{ ref('stg_daily_bars') }}
    where symbol in (select actions.symbol from actions)
),

-- Actions among the bars of their symbol: one pass in order of time finds the bar of each action.
timeline as (
    select
        symbol,
        session_date as on_date,
        session_date,
        cast(null as double) as split_ratio,
        cast(null as double) as cash_dividend
    from bars
    union all
    select
        symbol,
        ex_date as on_date,
        cast(null as date) as session_date,
        split_ratio,
        cash_dividend
    from actions
),

placed as (
    select
        symbol,
        split_ratio,
        cash_dividend,
        min(session_date) over (
            partition by symbol
            order by on_date
            range between current row and unbounded following
        ) as session_date
    from timeline
),

by_session as (
    select
        symbol,
        session_date,
        -- A single ratio stays exact; the logarithms serve several splits between two bars.
        case
            when min(split_ratio) = 1 then max(split_ratio)
            when max(split_ratio) = 1 or count(*) = 1 then min(split_ratio)
            else exp(sum(ln(split_ratio)))
        end as split_ratio,
        sum(cash_dividend) as cash_dividend,
        cast(count(*) as integer) as action_count
    from placed
    where split_ratio is not null and session_date is not null
    group by symbol, session_date
)

select
    by_session.symbol,
    by_session.session_date,
    bars.close,
    by_session.split_ratio,
    by_session.cash_dividend,
    by_session.action_count
from by_session
inner join bars
    on by_session.symbol = bars.symbol
    and by_session.session_date = bars.session_date
