with splits as (
    select
        *,
        coalesce(split_from > 0 and split_to > 0, false) as is_usable
    from {{ ref('stg_splits') }}
),

-- The vendor lists some splits more than once: the newest usable entry of a day counts.
ranked_splits as (
    select
        *,
        row_number() over (
            partition by symbol, execution_date
            order by case when is_usable then 0 else 1 end, loaded_at desc, split_id desc
        ) as preference
    from splits
),

splits_by_day as (
    select
        symbol,
        execution_date as ex_date,
        max(case when preference = 1 and is_usable then split_from end) as split_from,
        max(case when preference = 1 and is_usable then split_to end) as split_to,
        sum(case when preference > 1 and is_usable then 1 else 0 end) as duplicate_split_count,
        sum(case when is_usable then 0 else 1 end) as rejected_count
    from ranked_splits
    group by symbol, execution_date
),

dividends as (
    select
        *,
        coalesce(cash_amount > 0, false) and coalesce(currency, 'USD') = 'USD' as is_usable
    from {{ ref('stg_dividends') }}
),

dividends_by_day as (
    select
        symbol,
        ex_date,
        sum(case when is_usable then cash_amount else 0 end) as cash_dividend,
        sum(case when is_usable then 1 else 0 end) as dividend_count,
        sum(case when is_usable then 0 else 1 end) as rejected_count
    from dividends
    group by symbol, ex_date
)

select
    coalesce(splits_by_day.symbol, dividends_by_day.symbol) as symbol,
    coalesce(splits_by_day.ex_date, dividends_by_day.ex_date) as ex_date,
    splits_by_day.split_from,
    splits_by_day.split_to,
    coalesce(splits_by_day.split_to / nullif(splits_by_day.split_from, 0), 1) as split_ratio,
    coalesce(dividends_by_day.cash_dividend, 0) as cash_dividend,
    cast(coalesce(dividends_by_day.dividend_count, 0) as integer) as dividend_count,
    cast(coalesce(splits_by_day.duplicate_split_count, 0) as integer) as duplicate_split_count,
    cast(
        coalesce(splits_by_day.rejected_count, 0) + coalesce(dividends_by_day.rejected_count, 0)
        as integer
    ) as rejected_count
from splits_by_day
full outer join dividends_by_day
    on splits_by_day.symbol = dividends_by_day.symbol
    and splits_by_day.ex_date = dividends_by_day.ex_date
