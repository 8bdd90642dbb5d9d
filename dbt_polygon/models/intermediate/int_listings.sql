-- A listing is a time during which a symbol names one security.
with listed as (
    select *
    from {{ ref('int_listing_evidence') }}
    where evidence = 'listed'
),

named as (
    select *
    from listed
    where composite_figi is not null
),

-- Old snapshots lack FIGIs: they belong to the listing whose FIGI was known last before, or first.
anonymous as (
    select
        listed.evidence_id,
        named.evidence_id as listing_evidence_id
    from listed
    left join named
        on listed.symbol = named.symbol
        and listed.listed_from is not distinct from named.listed_from
    where listed.composite_figi is null
    qualify row_number() over (
            partition by listed.evidence_id
            order by
                case when named.first_seen <= listed.first_seen then 0 else 1 end,
                abs(datediff('day', named.first_seen, listed.first_seen)),
                named.evidence_id
        ) = 1
),

active as (
    select
        coalesce(anonymous.listing_evidence_id, listed.evidence_id) as listing_evidence_id,
        listed.symbol,
        max(listed.composite_figi) over (partition by coalesce(anonymous.listing_evidence_id, listed.evidence_id))
            as composite_figi,
        listed.listed_from,
        min(listed.first_seen) over (partition by coalesce(anonymous.listing_evidence_id, listed.evidence_id))
            as first_seen,
        listed.last_seen,
        listed.name,
        listed.security_type,
        listed.primary_exchange,
        listed.currency,
        listed.cik,
        listed.share_class_figi
    from listed
    left join anonymous
        on listed.evidence_id = anonymous.evidence_id
    qualify row_number() over (
            partition by coalesce(anonymous.listing_evidence_id, listed.evidence_id)
            order by listed.last_seen desc, listed.composite_figi asc nulls last, listed.evidence_id asc
        ) = 1
),

-- One a day, although its FIGI can have become known later.
delisted as (
    select *
    from {{ ref('int_listing_evidence') }}
    where evidence = 'delisted'
    qualify row_number() over (
            partition by symbol, delisted_on
            order by last_seen desc, composite_figi asc nulls last, evidence_id asc
        ) = 1
),

-- The end of a listing that was seen while it was active.
ended as (
    select
        active.listing_evidence_id,
        delisted.evidence_id,
        delisted.delisted_on
    from active
    inner join delisted
        on active.symbol = delisted.symbol
        and coalesce(active.composite_figi, delisted.composite_figi, '')
        = coalesce(delisted.composite_figi, active.composite_figi, '')
        and active.first_seen < coalesce(delisted.delisted_on, delisted.first_seen)
        and coalesce(active.listed_from < coalesce(delisted.delisted_on, delisted.first_seen), true)
    qualify row_number() over (
            partition by active.listing_evidence_id
            order by delisted.last_seen desc, delisted.delisted_on asc, delisted.evidence_id asc
        ) = 1
),

listings as (
    select
        active.symbol,
        active.composite_figi,
        active.listed_from,
        ended.delisted_on,
        active.first_seen,
        active.last_seen,
        active.name,
        active.security_type,
        active.primary_exchange,
        active.currency,
        active.cik,
        active.share_class_figi
    from active
    left join ended
        on active.listing_evidence_id = ended.listing_evidence_id
    union all
    select
        symbol,
        composite_figi,
        cast(null as date) as listed_from,
        delisted_on,
        cast(null as date) as first_seen,
        cast(null as date) as last_seen,
        name,
        security_type,
        primary_exchange,
        currency,
        cik,
        share_class_figi
    from delisted
    where
        evidence_id not in (select ended.evidence_id from ended)
        -- Without a date it is news only of a symbol that no other entry knows.
        and (delisted_on is not null or symbol not in (select active.symbol from active))
    union all
    select
        symbol,
        composite_figi,
        cast(null as date) as listed_from,
        cast(null as date) as delisted_on,
        cast(null as date) as first_seen,
        cast(null as date) as last_seen,
        name,
        security_type,
        primary_exchange,
        currency,
        cik,
        share_class_figi
    from {{ ref('int_listing_evidence') }}
    where
        evidence = 'traded'
        -- A symbol that has bars but is in no snapshot (yet) must not lose its bars.
        and symbol not in (select active.symbol from active)
        and symbol not in (select delisted.symbol from delisted)
),

numbered as (
    select
        *,
        row_number() over (
            partition by symbol
            order by coalesce(first_seen, delisted_on), first_seen nulls first, composite_figi, listed_from, delisted_on
        ) as listing_number
    from listings
),

starting as (
    select
        *,
        case
            when listing_number = 1 then cast('1900-01-01' as date)
            when
                listed_from is distinct from
                lag(listed_from) over (partition by symbol order by listing_number)
                and listed_from is not null
                then listed_from
            else coalesce(first_seen, delisted_on)
        end as valid_from
    from numbered
),

ranges as (
    select
        *,
        coalesce(
            lead(valid_from) over (partition by symbol order by listing_number),
            cast('9999-12-31' as date)
        ) as valid_before
    from starting
)

select
    symbol,
    cast(listing_number as integer) as listing_number,
    valid_from,
    valid_before,
    composite_figi,
    share_class_figi,
    name,
    security_type,
    primary_exchange,
    currency,
    cik,
    first_seen,
    last_seen,
    delisted_on
from ranges
-- Of those that begin on one day the last counts.
where valid_from < valid_before
