{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

{#- The benchmark of a session matters to every security that has the session in its frame. -#}
{%- set benchmark_news = "(select min(session_date) from " ~ ref('int_market_returns') ~ " where " ~ is_news() ~ ")" %}

with
{{ recent_bars([], from_session=benchmark_news) }},

pairs as (
    select
        recent.*,
        returns.simple_return,
        market.benchmark_return,
        case when market.benchmark_return is not null then returns.simple_return end as x,
        case when returns.simple_return is not null then market.benchmark_return end as y
    from recent
    inner join {{ ref('fct_daily_returns') }} as returns
        on recent.session_date = returns.session_date
        and recent.symbol = returns.symbol
    left join {{ ref('int_market_returns') }} as market
        on recent.session_date = market.session_date
),

sums as (
    select
        session_date,
        symbol,
        security_id,
        is_wanted,
        simple_return,
        benchmark_return,
        count(x) over ({{ last_year() }}) as observations,
        sum(x) over ({{ last_year() }}) as sum_x,
        sum(y) over ({{ last_year() }}) as sum_y,
        sum(x * x) over ({{ last_year() }}) as sum_xx,
        sum(x * y) over ({{ last_year() }}) as sum_xy,
        sum(y * y) over ({{ last_year() }}) as sum_yy
    from pairs
),

spreads as (
    select
        *,
        observations * sum_xy - sum_x * sum_y as spread_xy,
        case when observations >= 60 then nullif(greatest(observations * sum_xx - sum_x * sum_x, 0), 0) end as spread_x,
        case when observations >= 60 then nullif(greatest(observations * sum_yy - sum_y * sum_y, 0), 0) end as spread_y
    from sums
    where is_wanted
),

estimates as (
    select
        *,
        spread_xy / sqrt(spread_x) / sqrt(spread_y) as correlation
    from spreads
)

select
    session_date,
    symbol,
    security_id,
    benchmark_return,
    simple_return - benchmark_return as excess_return,
    cast(observations as integer) as observations,
    spread_xy / spread_y as beta_52w,
    -- Rounding can push a perfect correlation past 1.
    case when abs(correlation) > 1 then sign(correlation) else correlation end as correlation_52w,
    {{ changed_at() }} as changed_at
from estimates
