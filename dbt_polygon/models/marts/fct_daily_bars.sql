{{ config(
    materialized='incremental',
    incremental_strategy='session_window',
    unique_key=['session_date', 'symbol'],
    on_schema_change='append_new_columns',
) }}

select
    bars.session_date,
    bars.symbol,
    securities.security_id,
    bars.open,
    bars.high,
    bars.low,
    bars.close,
    bars.volume,
    bars.vwap,
    bars.trade_count,
    bars.is_otc,
    'final' as status,
    'polygon_daily' as source,
    bars.loaded_at
from {{ ref('stg_daily_bars') }} as bars
inner join {{ ref('dim_security') }} as securities
    on bars.symbol = securities.symbol
    and bars.session_date >= securities.valid_from
    and bars.session_date < securities.valid_before
{% if is_incremental() -%}
left join {{ this }} as stored
    on bars.session_date = stored.session_date
    and bars.symbol = stored.symbol
{% endif -%}
where
    {{ in_session_window('bars.session_date') }}
    {%- if is_incremental() %}
    -- A snapshot that was loaded late can show that a bar belongs to another security.
    or stored.security_id <> securities.security_id
    {%- endif %}
