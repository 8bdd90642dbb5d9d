with snapshots as (
    select
        *,
        lag(composite_figi) ignore nulls over (
            partition by symbol, is_active
            order by session_date
        ) as previous_figi
    from {{ ref('stg_tickers') }}
),

-- A ticker is reused when an active one changes from one FIGI to another: a new listing begins.
active_snapshots as (
    select
        *,
        1 + sum(case when composite_figi <> previous_figi then 1 else 0 end) over (
            partition by symbol
            order by session_date
            rows between unbounded preceding and current row
        ) as listing_number
    from snapshots
    where is_active
),

seen as (
    select
        symbol,
        listing_number,
        min(session_date) as first_seen_session,
        max(session_date) as last_seen_session
    from active_snapshots
    group by symbol, listing_number
),

-- A ticker that the snapshots know only as delisted still names one security.
inactive_snapshots as (
    select
        *,
        1 as listing_number
    from snapshots
    where not is_active and symbol not in (select seen.symbol from seen)
),

described as (
    select
        symbol,
        listing_number,
        name,
        security_type,
        primary_exchange,
        currency,
        cik,
        composite_figi,
        share_class_figi,
        delisted_at,
        is_active,
        session_date
    from active_snapshots
    union all
    select
        symbol,
        listing_number,
        name,
        security_type,
        primary_exchange,
        currency,
        cik,
        composite_figi,
        share_class_figi,
        delisted_at,
        is_active,
        session_date
    from inactive_snapshots
),

newest as (
    select *
    from described
    qualify row_number() over (partition by symbol, listing_number order by session_date desc) = 1
),

newest_snapshot as (
    select max(session_date) as session_date
    from {{ ref('stg_tickers') }}
),

-- A symbol that has bars but is in no snapshot (yet) must not lose its bars.
symbols as (
    select
        symbol,
        listing_number
    from newest
    union distinct
    select
        symbol,
        1 as listing_number
    from {{ ref('stg_daily_bars') }}
)

select
    {{ security_id('symbols.symbol', 'symbols.listing_number') }} as security_id,
    symbols.symbol,
    cast(symbols.listing_number as integer) as listing_number,
    case
        when symbols.listing_number = 1 then cast('1900-01-01' as date)
        else seen.first_seen_session
    end as valid_from,
    coalesce(
        lead(seen.first_seen_session) over (
            partition by symbols.symbol
            order by symbols.listing_number
        ),
        cast('9999-12-31' as date)
    ) as valid_before,
    newest.name,
    newest.security_type,
    newest.primary_exchange,
    newest.currency,
    newest.cik,
    newest.composite_figi,
    newest.share_class_figi,
    coalesce(newest.is_active and newest.session_date = newest_snapshot.session_date, false)
        as is_active,
    newest.delisted_at,
    seen.first_seen_session,
    seen.last_seen_session,
    coalesce(newest.name ilike '%(simulated)%', false) as is_synthetic
from symbols
cross join newest_snapshot
left join newest
    on symbols.symbol = newest.symbol
    and symbols.listing_number = newest.listing_number
left join seen
    on symbols.symbol = seen.symbol
    and symbols.listing_number = seen.listing_number
