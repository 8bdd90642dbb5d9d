{#- Every session of this run's window has as many rows as the reconciliation, which need not exist yet. -#}
{% test a_row_per_reconciled_symbol(model) %}
    with own as (
        select
            session_date,
            count(*) as row_count
        from {{ model }}
        where {{ in_session_window("session_date") }}
        group by session_date
    ),

    reconciled as (
        select
            session_date,
            count(*) as row_count
        from {{ source_if_loaded('reconcile', 'daily_bars', {'session_date': 'date'}) }} as compared
        where {{ in_session_window("session_date") }}
        group by session_date
    )

    select
        coalesce(own.session_date, reconciled.session_date) as session_date,
        own.row_count,
        reconciled.row_count as expected_row_count
    from own
    full outer join reconciled
        on own.session_date = reconciled.session_date
    where own.row_count is distinct from reconciled.row_count
{% endtest %}
