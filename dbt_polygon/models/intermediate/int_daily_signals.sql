{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

{%- set bars = ref('fct_daily_bars') -%}
{%- set adjusted = ref('fct_daily_adjusted') -%}
{%- set returns = ref('fct_daily_returns') -%}
{%- set indicators = ref('fct_daily_indicators') -%}
{%- set extremes = ref('fct_daily_extremes') -%}
{%- set liquidity = ref('fct_daily_liquidity') -%}
{%- set securities = ref('dim_security') %}

with wanted as (
    select
        bars.session_date,
        bars.symbol
    from {{ bars }} as bars
    where {{ in_session_window('bars.session_date') }}
    {%- if is_incremental() %}
    union distinct
    {{ changed_rows([bars, adjusted, returns, indicators, extremes, liquidity]) }}
    union distinct
    -- The sector of these may have become known.
    select
        bars.session_date,
        bars.symbol
    from {{ bars }} as bars
    inner join {{ securities }} as securities
        on bars.security_id = securities.security_id
    where {{ is_news('securities.changed_at') }}
    {%- endif %}
),

-- Each of these has a row for every bar.
compared as (
    select
        bars.session_date,
        bars.symbol,
        bars.security_id,
        securities.sector,
        bars.close,
        bars.volume,
        returns.simple_return,
        bars.close * bars.volume as dollar_volume,
        liquidity.average_dollar_volume_20,
        liquidity.volume_ratio,
        liquidity.is_unusual_volume,
        extremes.is_new_high_52w,
        extremes.is_new_low_52w,
        adjusted.close / nullif(indicators.sma_50, 0) - 1 as above_sma_50,
        adjusted.close / nullif(indicators.sma_200, 0) - 1 as above_sma_200
    from wanted
    inner join {{ around_wanted(bars) }} as bars
        on wanted.session_date = bars.session_date
        and wanted.symbol = bars.symbol
    inner join {{ securities }} as securities
        on bars.symbol = securities.symbol
        and bars.session_date >= securities.valid_from
        and bars.session_date < securities.valid_before
    inner join {{ around_wanted(adjusted) }} as adjusted
        on bars.session_date = adjusted.session_date
        and bars.symbol = adjusted.symbol
    inner join {{ around_wanted(returns) }} as returns
        on bars.session_date = returns.session_date
        and bars.symbol = returns.symbol
    inner join {{ around_wanted(indicators) }} as indicators
        on bars.session_date = indicators.session_date
        and bars.symbol = indicators.symbol
    inner join {{ around_wanted(extremes) }} as extremes
        on bars.session_date = extremes.session_date
        and bars.symbol = extremes.symbol
    inner join {{ around_wanted(liquidity) }} as liquidity
        on bars.session_date = liquidity.session_date
        and bars.symbol = liquidity.symbol
)

-- Rounded, so that a split, which restates prices and volumes, leaves these figures what they were. The
-- dollars of a bar are those of its own prices, which nothing restates.
select
    session_date,
    symbol,
    security_id,
    sector,
    close,
    volume,
    simple_return,
    round(dollar_volume, 2) as dollar_volume,
    round(average_dollar_volume_20, 2) as average_dollar_volume_20,
    round(volume_ratio, 9) as volume_ratio,
    is_unusual_volume,
    is_new_high_52w,
    is_new_low_52w,
    round(above_sma_50, 9) > 0 as is_above_sma_50,
    round(above_sma_200, 9) > 0 as is_above_sma_200,
    {{ changed_at() }} as changed_at
from compared
