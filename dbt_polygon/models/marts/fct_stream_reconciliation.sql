{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
    tags=['after_reconciliation'],
) }}

{%- set columns = {
    'session_date': 'date',
    'symbol': 'varchar',
    'verdict': 'varchar',
    'open_difference': 'float',
    'high_difference': 'float',
    'low_difference': 'float',
    'close_difference': 'float',
    'volume_share': 'float',
} %}

select
    compared.session_date,
    compared.symbol,
    securities.security_id,
    compared.verdict,
    compared.open_difference,
    compared.high_difference,
    compared.low_difference,
    compared.close_difference,
    compared.volume_share,
    bars.close as official_close,
    bars.volume as official_volume,
    {{ changed_at() }} as changed_at
from {{ source_if_loaded('reconcile', 'daily_bars', columns) }} as compared
left join {{ ref('fct_daily_bars') }} as bars
    on compared.session_date = bars.session_date
    and compared.symbol = bars.symbol
left join {{ ref('dim_security') }} as securities
    on compared.symbol = securities.symbol
    and compared.session_date >= securities.valid_from
    and compared.session_date < securities.valid_before
where {{ in_session_window('compared.session_date') }}
