{#- In every session of this run's window the sum of a column equals that of an expression over another model. -#}
{% test sums_per_session(model, column, compare_model, compare_column) %}
    with own as (
        select
            session_date,
            sum({{ column }}) as total
        from {{ model }}
        where {{ in_session_window("session_date") }}
        group by session_date
    ),

    other as (
        select
            session_date,
            sum({{ compare_column }}) as total
        from {{ compare_model }}
        where {{ in_session_window("session_date") }}
        group by session_date
    )

    select
        coalesce(own.session_date, other.session_date) as session_date,
        own.total,
        other.total as expected_total
    from own
    full outer join other
        on own.session_date = other.session_date
    where own.total is distinct from other.total
{% endtest %}
