{#- A sum over many rows that is the same bits in every run. The sum of doubles depends on the order in
    which a warehouse adds them, and differences in its last bits would pass for changes. -#}
{% macro exact_sum(expression, scale) -%}
    cast(sum(cast({{ expression }} as number(38, {{ scale }}))) as double)
{%- endmacro %}
