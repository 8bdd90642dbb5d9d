{#- Both models have the same number of rows in every session of this run's window. -#}
{% test same_rows_per_session(model, compare_model) %}
    with own as (
        select
            session_date,
            count(*) as row_count
        from {{ model }}
        where {{ in_session_window("session_date") }}
        group by session_date
    ),

    other as (
        select
            session_date,
            count(*) as row_count
        from {{ compare_model }}
        where {{ in_session_window("session_date") }}
        group by session_date
    )

    select
        coalesce(own.session_date, other.session_date) as session_date,
        own.row_count,
        other.row_count as expected_row_count
    from own
    full outer join other
        on own.session_date = other.session_date
    where own.row_count is distinct from other.row_count
{% endtest %}
