select
    cast(id as varchar) as dividend_id,
    cast(ticker as varchar) as symbol,
    cast(ex_dividend_date as date) as ex_date,
    cast(declaration_date as date) as declaration_date,
    cast(record_date as date) as record_date,
    cast(pay_date as date) as pay_date,
    cast(cash_amount as double) as cash_amount,
    cast(currency as varchar) as currency,
    cast(distribution_type as varchar) as distribution_type,
    cast(frequency as integer) as frequency,
    {{ loaded_at() }} as loaded_at
from {{ source('polygon', 'dividends') }}
{{ newest_version(['id']) }}
