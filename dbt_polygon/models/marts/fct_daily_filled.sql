{{ config(materialized='view') }}

with bars as (
    select *
    from {{ ref('fct_daily_adjusted') }}
),

newest as (
    select max(session_date) as session_date
    from bars
),

lives as (
    select
        security_id,
        min(session_date) as first_session,
        max(session_date) as last_session
    from bars
    group by security_id
),

-- The session before a delisting is the last; without one it is the newest while the security is
-- listed, and otherwise that of its last bar.
spans as (
    select
        lives.security_id,
        lives.first_session,
        least(
            newest.session_date,
            greatest(
                lives.last_session,
                case
                    when securities.delisted_on is not null then dateadd('day', -1, securities.delisted_on)
                    when securities.is_active then newest.session_date
                    else lives.last_session
                end
            )
        ) as last_session
    from lives
    cross join newest
    inner join {{ ref('dim_security') }} as securities
        on lives.security_id = securities.security_id
        and securities.is_current
),

-- Every session of every security, with the session of its newest bar by then.
dense as (
    select
        spans.security_id,
        calendar.session_date,
        max(bars.session_date) over (
            partition by spans.security_id
            order by calendar.session_date
            rows between unbounded preceding and current row
        ) as bar_session_date
    from spans
    inner join {{ ref('dim_trading_session') }} as calendar
        on calendar.session_date between spans.first_session and spans.last_session
    left join bars
        on spans.security_id = bars.security_id
        and calendar.session_date = bars.session_date
)

select
    dense.session_date,
    bars.symbol,
    dense.security_id,
    bars.close,
    bars.adjusted_close,
    case when dense.session_date = dense.bar_session_date then bars.volume else 0 end as volume,
    dense.session_date > dense.bar_session_date as is_filled,
    dense.bar_session_date
from dense
inner join bars
    on dense.security_id = bars.security_id
    and dense.bar_session_date = bars.session_date
