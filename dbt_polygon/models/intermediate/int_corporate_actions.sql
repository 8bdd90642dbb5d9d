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

-- It lists some under their record date, too, which comes before the ex-date: the later day counts.
splits_of_days as (
    select
        symbol,
        execution_date,
        split_from,
        split_to,
        coalesce(
            lead(execution_date) over (partition by symbol order by execution_date)
            <= dateadd('day', 14, execution_date)
            and abs(
                lead(split_to / split_from) over (partition by symbol order by execution_date)
                / (split_to / split_from) - 1
            ) < 1e-9,
            false
        ) as is_repeated
    from ranked_splits
    where preference = 1 and is_usable
),

splits_by_day as (
    select
        ranked_splits.symbol,
        ranked_splits.execution_date as ex_date,
        max(case when not splits_of_days.is_repeated then splits_of_days.split_from end) as split_from,
        max(case when not splits_of_days.is_repeated then splits_of_days.split_to end) as split_to,
        sum(case
            when ranked_splits.is_usable and (ranked_splits.preference > 1 or splits_of_days.is_repeated) then 1
            else 0
        end) as duplicate_count,
        sum(case when ranked_splits.is_usable then 0 else 1 end) as rejected_count
    from ranked_splits
    left join splits_of_days
        on ranked_splits.symbol = splits_of_days.symbol
        and ranked_splits.execution_date = splits_of_days.execution_date
    group by ranked_splits.symbol, ranked_splits.execution_date
),

dividends as (
    select
        *,
        coalesce(cash_amount > 0, false) and coalesce(currency, 'USD') = 'USD' as is_usable
    from {{ ref('stg_dividends') }}
),

-- A special and a regular dividend may share a day. The same kind and amount twice is one dividend.
ranked_dividends as (
    select
        *,
        row_number() over (
            partition by symbol, ex_date, cash_amount, coalesce(distribution_type, ''), is_usable
            order by loaded_at desc, dividend_id desc
        ) as preference
    from dividends
),

dividends_by_day as (
    select
        symbol,
        ex_date,
        sum(case when is_usable and preference = 1 then cash_amount else 0 end) as cash_dividend,
        sum(case
            when is_usable and preference = 1 and distribution_type = 'special' then cash_amount
            else 0
        end) as special_dividend,
        sum(case when is_usable and preference = 1 then 1 else 0 end) as dividend_count,
        sum(case when is_usable and preference > 1 then 1 else 0 end) as duplicate_count,
        sum(case when is_usable then 0 else 1 end) as rejected_count
    from ranked_dividends
    group by symbol, ex_date
),

by_symbol as (
    select
        coalesce(splits_by_day.symbol, dividends_by_day.symbol) as symbol,
        coalesce(splits_by_day.ex_date, dividends_by_day.ex_date) as ex_date,
        splits_by_day.split_from,
        splits_by_day.split_to,
        coalesce(dividends_by_day.cash_dividend, 0) as cash_dividend,
        coalesce(dividends_by_day.special_dividend, 0) as special_dividend,
        coalesce(dividends_by_day.dividend_count, 0) as dividend_count,
        coalesce(splits_by_day.duplicate_count, 0) + coalesce(dividends_by_day.duplicate_count, 0)
            as duplicate_count,
        coalesce(splits_by_day.rejected_count, 0) + coalesce(dividends_by_day.rejected_count, 0)
            as rejected_count
    from splits_by_day
    full outer join dividends_by_day
        on splits_by_day.symbol = dividends_by_day.symbol
        and splits_by_day.ex_date = dividends_by_day.ex_date
)

select
    securities.security_id,
    by_symbol.ex_date,
    by_symbol.symbol,
    by_symbol.split_from,
    by_symbol.split_to,
    coalesce(by_symbol.split_to / nullif(by_symbol.split_from, 0), 1) as split_ratio,
    by_symbol.cash_dividend,
    by_symbol.special_dividend,
    cast(by_symbol.dividend_count as integer) as dividend_count,
    cast(by_symbol.duplicate_count as integer) as duplicate_count,
    cast(by_symbol.rejected_count as integer) as rejected_count
from by_symbol
inner join {{ ref('dim_security') }} as securities
    on by_symbol.symbol = securities.symbol
    and by_symbol.ex_date >= securities.valid_from
    and by_symbol.ex_date < securities.valid_before
-- Around a rename the vendor may list an action under both names.
qualify row_number() over (
        partition by securities.security_id, by_symbol.ex_date
        order by by_symbol.rejected_count asc, securities.valid_from desc, by_symbol.symbol asc
    ) = 1
