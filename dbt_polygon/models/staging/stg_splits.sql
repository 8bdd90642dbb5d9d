select
    cast(id as varchar) as split_id,
    cast(ticker as varchar) as symbol,
    cast(execution_date as date) as execution_date,
    cast(split_from as double) as split_from,
    cast(split_to as double) as split_to,
    cast(adjustment_type as varchar) as adjustment_type,
    {{ loaded_at() }} as loaded_at
from {{ source('polygon', 'splits') }}
{{ newest_version(['id']) }}
