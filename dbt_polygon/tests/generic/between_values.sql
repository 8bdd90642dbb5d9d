{#- Every value of the column is from `low` to `high`, both included; nulls pass. -#}
{% test between_values(model, column_name, low=none, high=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        false
        {%- if low is not none %}
        or {{ column_name }} < {{ low }}
        {%- endif %}
        {%- if high is not none %}
        or {{ column_name }} > {{ high }}
        {%- endif %}
{% endtest %}
