{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

with
{{ anchored_bars(['high', 'low', 'close']) }},

moves as (
    select
        *,
        close - lag(close) over ({{ by_anchored_bar() }}) as change,
        greatest(high, lag(close) over ({{ by_anchored_bar() }}))
        - least(low, lag(close) over ({{ by_anchored_bar() }})) as true_range
    from anchored
),

averages as (
    select
        session_date,
        symbol,
        security_id,
        session_year,
        is_wanted,
        bar_number,
        {{ simple_average('close', 20) }} as sma_20,
        {{ simple_average('close', 50) }} as sma_50,
        {{ simple_average('close', 200) }} as sma_200,
        {{ exponential_average('close', 12) }} as ema_12,
        {{ exponential_average('close', 26) }} as ema_26,
        {{ exponential_average('close', 50) }} as ema_50,
        {{ exponential_average('close', 12, first_bar=15) }} as macd_fast,
        {{ wilder_average('greatest(change, 0)', 14) }} as rise_14,
        {{ wilder_average('greatest(-change, 0)', 14) }} as fall_14,
        {{ wilder_average('true_range', 14) }} as atr_14,
        case when bar_number >= 20 then stddev_pop(close) over ({{ since_anchor(20) }}) end as deviation_20
    from moves
),

signals as (
    select
        *,
        macd_fast - ema_26 as macd,
        {{ exponential_average('(macd_fast - ema_26)', 9, first_bar=26) }} as macd_signal
    from averages
)

select
    session_date,
    symbol,
    security_id,
    sma_20,
    sma_50,
    sma_200,
    ema_12,
    ema_26,
    ema_50,
    case
        -- Rounding can push it past 100.
        when rise_14 + fall_14 > 0 then least(100 * rise_14 / (rise_14 + fall_14), 100)
        when rise_14 + fall_14 = 0 then 0
    end as rsi_14,
    macd,
    macd_signal,
    macd - macd_signal as macd_histogram,
    sma_20 as bollinger_middle,
    sma_20 + 2 * deviation_20 as bollinger_upper,
    sma_20 - 2 * deviation_20 as bollinger_lower,
    atr_14,
    {{ changed_at() }} as changed_at
from signals
where is_wanted
