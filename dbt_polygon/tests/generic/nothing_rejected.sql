{#- The column counts rows of the source that could not be used: it is zero everywhere. -#}
{% test nothing_rejected(model, column_name) %}
    select *
    from {{ model }}
    where {{ column_name }} > 0
{% endtest %}
