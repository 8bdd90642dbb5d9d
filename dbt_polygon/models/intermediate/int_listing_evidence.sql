{{ config(
    materialized='incremental',
    incremental_strategy='seen_window',
    unique_key=['evidence_id'],
    on_schema_change='append_new_columns',
) }}

-- What the sessions of this run say about who trades under which symbol, merged with what others said.
with snapshots as (
    select
        *,
        to_date(delisted_at) as delisted_on
    from {{ ref('stg_tickers') }}
    where {{ in_session_window('session_date') }}
),

-- The vendor lists a delisted security beside the one that has its ticker now.
earlier_delistings as (
    select
        session_date,
        symbol,
        max(delisted_on) as delisted_on
    from snapshots
    where not is_active
    group by session_date, symbol
),

observed as (
    select
        case when snapshots.is_active then 'listed' else 'delisted' end as evidence,
        snapshots.symbol,
        snapshots.composite_figi,
        case when snapshots.is_active then earlier_delistings.delisted_on end as listed_from,
        case when not snapshots.is_active then snapshots.delisted_on end as delisted_on,
        snapshots.session_date as first_seen,
        snapshots.session_date as last_seen,
        snapshots.name,
        snapshots.security_type,
        snapshots.primary_exchange,
        snapshots.currency,
        snapshots.cik,
        snapshots.share_class_figi
    from snapshots
    left join earlier_delistings
        on snapshots.session_date = earlier_delistings.session_date
        and snapshots.symbol = earlier_delistings.symbol
    union all
    select
        'traded' as evidence,
        symbol,
        null as composite_figi,
        null as listed_from,
        null as delisted_on,
        min(session_date) as first_seen,
        max(session_date) as last_seen,
        null as name,
        null as security_type,
        null as primary_exchange,
        null as currency,
        null as cik,
        null as share_class_figi
    from {{ ref('stg_daily_bars') }}
    where {{ in_session_window('session_date') }}
    group by symbol
),

identified as (
    select
        md5(
            observed.evidence || '|' || observed.symbol || '|' || coalesce(observed.composite_figi, '') || '|'
            || coalesce(cast(observed.listed_from as varchar), '') || '|'
            || coalesce(cast(observed.delisted_on as varchar), '')
        ) as evidence_id,
        observed.*
    from observed
),

known as (
    select
        identified.*,
        true as is_of_this_run
    from identified
    {%- if is_incremental() %}
    union all
    select
        stored.*,
        false as is_of_this_run
    from {{ this }} as stored
    where
        stored.evidence_id in (select identified.evidence_id from identified)
        and not {{ seen_in_session_window('stored') }}
    {%- endif %}
)

select
    evidence_id,
    evidence,
    symbol,
    composite_figi,
    listed_from,
    delisted_on,
    min(first_seen) over (partition by evidence_id) as first_seen,
    max(last_seen) over (partition by evidence_id) as last_seen,
    name,
    security_type,
    primary_exchange,
    currency,
    cik,
    share_class_figi
from known
qualify row_number() over (partition by evidence_id order by last_seen desc, is_of_this_run desc) = 1
