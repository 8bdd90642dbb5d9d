{#- The half-open ranges [valid_from, valid_before) of each group follow each other without gap or overlap. -#}
{% test ranges_are_contiguous(model, group_by) %}
    with ordered as (
        select
            {{ group_by }},
            valid_from,
            valid_before,
            lag(valid_before) over (partition by {{ group_by }} order by valid_from) as expected_from
        from {{ model }}
    )

    select *
    from ordered
    where valid_from >= valid_before or valid_from <> expected_from
{% endtest %}
