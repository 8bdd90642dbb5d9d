{#- A change is dated by the newest session whose snapshot of tickers was loaded, not by the clock, so
    a run for an older session, or another one for the same, finds nothing new. Of changes that
    several runs find under one session the first counts until the next session. -#}
{% snapshot snap_security %}
    {{ config(
        unique_key='symbol',
        strategy='check',
        check_cols=['security_id', 'name', 'security_type', 'primary_exchange', 'sic_code', 'sector'],
        updated_at='session_date',
        snapshot_meta_column_names={
            'dbt_valid_from': 'valid_from',
            'dbt_valid_to': 'valid_before',
            'dbt_scd_id': 'version_id',
            'dbt_updated_at': 'changed_session',
        },
        dbt_valid_to_current="cast('9999-12-31' as date)",
    ) }}

    select
        securities.symbol,
        securities.security_id,
        securities.name,
        securities.security_type,
        securities.primary_exchange,
        securities.sic_code,
        securities.sector,
        newest.session_date
    from {{ ref('dim_security') }} as securities
    cross join (select max(last_seen) as session_date from {{ ref('int_listings') }}) as newest
    {%- if load_relation(this) is not none %}
    left join {{ this }} as stored
        on securities.symbol = stored.symbol
        and stored.valid_before = cast('9999-12-31' as date)
    {%- endif %}
    where
        securities.valid_before = cast('9999-12-31' as date)
        and newest.session_date is not null
        {%- if load_relation(this) is not none %}
        and (stored.symbol is null or stored.valid_from < newest.session_date)
        {%- endif %}
{% endsnapshot %}
