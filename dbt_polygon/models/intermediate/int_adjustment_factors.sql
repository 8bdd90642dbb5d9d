-- Products are multiplied one by one, newest action first: exact for the usual ratios, and the same
-- bits on every run, so that a stored factor differs only when an action does.
with recursive actions as (
    select
        symbol,
        session_date,
        1 / split_ratio as split_factor,
        case
            when close > 0 then close * split_ratio / (close * split_ratio + cash_dividend)
            else 1
        end as dividend_factor,
        row_number() over (partition by symbol order by session_date desc) as age,
        lag(session_date) over (partition by symbol order by session_date) as previous_action
    from {{ ref('int_session_actions') }}
),

chain as (
    select
        symbol,
        session_date,
        previous_action,
        age,
        split_factor,
        dividend_factor
    from actions
    where age = 1
    union all
    select
        actions.symbol,
        actions.session_date,
        actions.previous_action,
        actions.age,
        chain.split_factor * actions.split_factor as split_factor,
        chain.dividend_factor * actions.dividend_factor as dividend_factor
    from chain
    inner join actions
        on chain.symbol = actions.symbol
        and chain.age + 1 = actions.age
)

select
    symbol,
    coalesce(previous_action, cast('1900-01-01' as date)) as valid_from,
    session_date as valid_before,
    split_factor,
    dividend_factor
from chain
union all
select
    symbol,
    session_date as valid_from,
    cast('9999-12-31' as date) as valid_before,
    cast(1 as double) as split_factor,
    cast(1 as double) as dividend_factor
from actions
where age = 1
