{{ config(
    materialized='incremental',
    incremental_strategy='whole_sessions',
    unique_key=['session_date'],
    on_schema_change='append_new_columns',
) }}

{%- set bars = ref('fct_daily_bars') -%}
{%- set returns = ref('fct_daily_returns') -%}
{%- set tickers = ref('stg_tickers') -%}
{%- set usual_splits = [1.5, 2, 3, 4, 5, 10, 20] %}

with entries as (
    select
        calendar.session_date,
        sum(actions.rejected_count) as rejected_actions,
        sum(actions.duplicate_count) as duplicate_actions
    from {{ ref('int_corporate_actions') }} as actions
    inner join {{ ref('dim_trading_session') }} as calendar
        on actions.ex_date > coalesce(calendar.previous_session_date, cast('1900-01-01' as date))
        and actions.ex_date <= calendar.session_date
    where actions.rejected_count + actions.duplicate_count > 0
    group by calendar.session_date
),

scope as (
    select session_date
    from {{ bars }}
    where {{ in_session_window('session_date') }}
    union all
    select session_date
    from {{ tickers }}
    where {{ in_session_window('session_date') }}
    {%- if is_incremental() %}
    union all
    -- Other sessions change with their bars, returns and entries; entries do not say when they changed.
    select stored.session_date
    from {{ this }} as stored
    left join entries
        on stored.session_date = entries.session_date
    where
        stored.session_date in (select changed.session_date from ({{ changed_rows([bars, returns]) }}) as changed)
        or stored.rejected_actions <> coalesce(entries.rejected_actions, 0)
        or stored.duplicate_actions <> coalesce(entries.duplicate_actions, 0)
    {%- endif %}
),

-- Snapshots are also taken on days without trading.
sessions as (
    select distinct scope.session_date
    from scope
    inner join {{ ref('dim_trading_session') }} as calendar
        on scope.session_date = calendar.session_date
),

listed as (
    select
        session_date,
        symbol
    from {{ tickers }}
    where is_active and {{ in_session_window('session_date') }}
),

snapshots as (
    select
        listed.session_date,
        count(*) as expected_symbols,
        count_if(bars.symbol is null) as missing_bars,
        cast(null as integer) as bars_without_listing
    from listed
    left join {{ bars }} as bars
        on listed.session_date = bars.session_date
        and listed.symbol = bars.symbol
    group by listed.session_date
    {%- if is_incremental() %}
    union all
    -- Who was listed and who traded changes with a run for the session only.
    select
        session_date,
        expected_symbols,
        missing_bars,
        bars_without_listing
    from {{ this }}
    where not ({{ in_session_window('session_date') }})
    {%- endif %}
),

judged as (
    select
        bars.*,
        not bars.is_otc and listed.symbol is null as is_not_listed,
        not coalesce(
            bars.low > 0
            and bars.high >= greatest(bars.open, bars.low, bars.close)
            and bars.low <= least(bars.open, bars.high, bars.close),
            false
        ) as is_impossible,
        case when returns.split_ratio = 1 and returns.cash_dividend = 0 then returns.simple_return end
            as unexplained_return,
        case
            when returns.split_ratio = 1 and returns.simple_return > -1
                then greatest(1 + returns.simple_return, 1 / (1 + returns.simple_return))
        end as unexplained_ratio,
        -- By the split the price changed more than it did without it.
        coalesce(
            abs(ln(returns.split_ratio)) >= ln(1.5)
            and abs(returns.log_return) > abs(returns.log_return - ln(returns.split_ratio)),
            false
        ) as is_unconfirmed_split
    from {{ bars }} as bars
    inner join {{ returns }} as returns
        on bars.session_date = returns.session_date
        and bars.symbol = returns.symbol
    left join listed
        on bars.session_date = listed.session_date
        and bars.symbol = listed.symbol
    where bars.session_date in (select sessions.session_date from sessions)
),

counted as (
    select
        session_date,
        count(*) as bars,
        count_if(is_not_listed) as bars_without_listing,
        count_if(status = 'provisional') as provisional_bars,
        count_if(vwap is null) as bars_without_vwap,
        count_if(is_impossible) as ohlc_violations,
        count_if(coalesce(volume, 0) = 0) as zero_volume_bars,
        count_if(abs(unexplained_return) > 0.5) as suspicious_returns,
        count_if(
            {%- for ratio in usual_splits %}
            {{ "or " if not loop.first }}abs(unexplained_ratio / {{ ratio }} - 1) <= 0.02
            {%- endfor %}
        ) as unadjusted_split_suspects,
        count_if(is_unconfirmed_split) as unconfirmed_splits
    from judged
    group by session_date
),

together as (
    select
        sessions.session_date,
        snapshots.expected_symbols,
        coalesce(counted.bars, 0) as bars,
        snapshots.missing_bars,
        case
            when snapshots.expected_symbols > 0
                then coalesce(snapshots.bars_without_listing, counted.bars_without_listing, 0)
        end as bars_without_listing,
        cast(snapshots.expected_symbols - snapshots.missing_bars as double) / snapshots.expected_symbols
            as share_present,
        coalesce(counted.provisional_bars, 0) as provisional_bars,
        coalesce(counted.bars_without_vwap, 0) as bars_without_vwap,
        coalesce(counted.ohlc_violations, 0) as ohlc_violations,
        coalesce(counted.zero_volume_bars, 0) as zero_volume_bars,
        coalesce(counted.suspicious_returns, 0) as suspicious_returns,
        coalesce(counted.unadjusted_split_suspects, 0) as unadjusted_split_suspects,
        coalesce(counted.unconfirmed_splits, 0) as unconfirmed_splits,
        coalesce(entries.rejected_actions, 0) as rejected_actions,
        coalesce(entries.duplicate_actions, 0) as duplicate_actions
    from sessions
    left join snapshots
        on sessions.session_date = snapshots.session_date
    left join counted
        on sessions.session_date = counted.session_date
    left join entries
        on sessions.session_date = entries.session_date
),

weighted as (
    select
        *,
        10 * ohlc_violations
        + 5 * (unadjusted_split_suspects + unconfirmed_splits + rejected_actions)
        + suspicious_returns
        + coalesce(bars_without_listing, 0) as faults
    from together
),

scored as (
    select
        *,
        case
            when bars = 0 then 0
            else greatest(0, 100 * (coalesce(share_present, 1) - cast(faults as double) / bars))
        end as score
    from weighted
)

select
    session_date,
    cast(expected_symbols as integer) as expected_symbols,
    cast(bars as integer) as bars,
    cast(missing_bars as integer) as missing_bars,
    cast(bars_without_listing as integer) as bars_without_listing,
    share_present,
    cast(provisional_bars as integer) as provisional_bars,
    cast(bars_without_vwap as integer) as bars_without_vwap,
    cast(ohlc_violations as integer) as ohlc_violations,
    cast(zero_volume_bars as integer) as zero_volume_bars,
    cast(suspicious_returns as integer) as suspicious_returns,
    cast(unadjusted_split_suspects as integer) as unadjusted_split_suspects,
    cast(unconfirmed_splits as integer) as unconfirmed_splits,
    cast(rejected_actions as integer) as rejected_actions,
    cast(duplicate_actions as integer) as duplicate_actions,
    round(cast(score as double), 2) as score,
    case
        when ohlc_violations > 0 or score < 80 then 'bad'
        when
            score < 95
            or expected_symbols is null
            or unadjusted_split_suspects + unconfirmed_splits + rejected_actions > 0
            then 'warn'
        else 'ok'
    end as status,
    {{ changed_at() }} as changed_at
from scored
