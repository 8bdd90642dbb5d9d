{{ config(
    materialized='incremental',
    incremental_strategy='whole_table',
    unique_key=['symbol', 'valid_from'],
    on_schema_change='append_new_columns',
) }}

with listings as (
    select
        *,
        {{ security_id('composite_figi', 'symbol', 'listing_number') }} as own_security_id
    from {{ ref('int_listings') }}
),

newest_snapshot as (
    select max(last_seen) as session_date
    from listings
),

-- The names that a company traded under, as of the newest answer for each ticker.
names as (
    select
        symbol,
        session_date,
        event_date,
        event_symbol,
        lead(event_symbol) over (partition by symbol, session_date order by event_date, event_symbol) as next_symbol,
        lead(event_date) over (partition by symbol, session_date order by event_date, event_symbol) as next_date
    from {{ ref('stg_ticker_events') }}
    qualify dense_rank() over (partition by symbol order by session_date desc) = 1
),

-- A listing under an earlier name is of the security that answers for it today.
renamed as (
    select
        earlier.symbol,
        earlier.listing_number,
        today.own_security_id as security_id,
        names.next_symbol as renamed_to,
        names.next_date as renamed_on
    from names
    inner join listings as today
        on names.symbol = today.symbol
        and names.session_date >= today.valid_from
        and names.session_date < today.valid_before
    inner join listings as earlier
        on names.event_symbol = earlier.symbol
        and names.event_date >= earlier.valid_from
        and names.event_date < earlier.valid_before
    where names.event_symbol <> names.symbol and names.next_date is not null
    qualify row_number() over (
            partition by earlier.symbol, earlier.listing_number
            order by names.session_date desc, names.event_date desc, names.symbol asc, today.listing_number asc
        ) = 1
),

details as (
    select
        listings.symbol,
        listings.listing_number,
        details.sic_code,
        details.sic_description,
        details.list_date
    from listings
    inner join {{ ref('stg_ticker_details') }} as details
        on listings.symbol = details.symbol
        and listings.valid_from <= details.session_date
        and listings.valid_before > details.session_date
    qualify row_number() over (
            partition by listings.symbol, listings.listing_number
            order by details.session_date desc
        ) = 1
),

filings as (
    select
        listings.symbol,
        listings.listing_number,
        filings.sic_code
    from listings
    inner join {{ ref('stg_filings') }} as filings
        on listings.symbol = filings.symbol
        and listings.valid_from <= filings.filing_date
        and listings.valid_before > filings.filing_date
    qualify row_number() over (
            partition by listings.symbol, listings.listing_number
            order by filings.filing_date desc, filings.sic_code asc
        ) = 1
),

described as (
    select
        listings.*,
        coalesce(renamed.security_id, listings.own_security_id) as security_id,
        renamed.renamed_to,
        renamed.renamed_on,
        coalesce(details.sic_code, filings.sic_code) as sic_code,
        details.sic_description,
        details.list_date,
        coalesce(
            listings.last_seen = newest_snapshot.session_date and listings.delisted_on is null, false
        ) as is_active
    from listings
    cross join newest_snapshot
    left join renamed
        on listings.symbol = renamed.symbol
        and listings.listing_number = renamed.listing_number
    left join details
        on listings.symbol = details.symbol
        and listings.listing_number = details.listing_number
    left join filings
        on listings.symbol = filings.symbol
        and listings.listing_number = filings.listing_number
)

select
    described.security_id,
    described.symbol,
    described.listing_number,
    described.valid_from,
    described.valid_before,
    -- Of the names of a security, the newest.
    row_number() over (
        partition by described.security_id
        order by
            coalesce(described.last_seen, described.delisted_on) desc nulls last,
            described.symbol asc,
            described.listing_number desc
    ) = 1 as is_current,
    coalesce(
        described.renamed_to,
        lead(described.symbol) over (
            partition by described.security_id
            order by
                coalesce(described.first_seen, described.delisted_on),
                described.symbol,
                described.listing_number
        )
    ) as renamed_to,
    coalesce(
        described.renamed_on,
        lead(described.first_seen) over (
            partition by described.security_id
            order by
                coalesce(described.first_seen, described.delisted_on),
                described.symbol,
                described.listing_number
        )
    ) as renamed_on,
    described.name,
    described.security_type,
    described.primary_exchange,
    described.currency,
    described.cik,
    described.composite_figi,
    described.share_class_figi,
    described.sic_code,
    described.sic_description as industry,
    case
        when described.sic_code is null then 'Unclassified'
        else coalesce(sectors.sector, 'Other')
    end as sector,
    described.list_date,
    described.first_seen as first_seen_session,
    described.delisted_on,
    described.is_active,
    coalesce(described.name ilike '%(simulated)%', false) as is_synthetic,
    {{ changed_at() }} as changed_at
from described
left join {{ ref('sic_sectors') }} as sectors
    on described.sic_code between sectors.sic_from and sectors.sic_to
